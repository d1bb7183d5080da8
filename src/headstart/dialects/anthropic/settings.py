"""Parameters of a Messages request that a cache may key by, and what no version accepts.

Names in ``Prompt.settings``: ``tool_choice`` (with ``disable_parallel_tool_use``),
``thinking``, ``output_config.effort``, ``output_config.format``, ``speed``, ``web_search``,
``citations`` and ``images``. A parameter at its documented default counts as not given.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatch
from typing import Any

from headstart.dialects.anthropic.content import canonical
from headstart.dialects.anthropic.errors import complain, invalid
from headstart.dialects.anthropic.segments import Segments
from headstart.dialects.body import Fields
from headstart.prompt import Kind, Prompt

OCTOBER_2026 = "2026-10-21"
"""The first version that refuses sampling parameters."""

_SYSTEM_TURNS = ("*opus-4[-.]8*", "*sonnet-5[-.]5*")
_NO_SYSTEM_TURNS = ("*claude-3*", "*haiku-[34]*", "*opus-4*", "*sonnet-[45]*")
_SAMPLING = ("temperature", "top_p", "top_k")
_EXTRA = "Extra inputs are not permitted"
_DEFAULTS: Mapping[str, Any] = {
    "tool_choice": {"type": "auto"},
    "thinking": {"type": "disabled"},
    "speed": "standard",
}
_OUTPUT_DEFAULTS: Mapping[str, Any] = {"effort": "high", "format": None}


def settings_of(body: Mapping[str, Any], prompt: Segments) -> dict[str, str]:
    """Name -> canonical JSON of every parameter that is not at its default."""
    tools = (s.content.get("type") for s in prompt.segments if s.kind is Kind.TOOL)
    search = any(isinstance(kind, str) and kind.startswith("web_search") for kind in tools)
    return named(body, web_search=search, citations=prompt.citations, images=prompt.images)


def named(parameters: Mapping[str, Any], **toggles: bool) -> dict[str, str]:
    """The same from parameters as the Messages API names them, and what is switched on."""
    given: dict[str, Any] = {}
    for name, default in _DEFAULTS.items():
        value = parameters.get(name)
        if name == "tool_choice" and isinstance(value, dict):
            value = _choice(value)
        if value not in (None, default):
            given[name] = value
    output = parameters.get("output_config")
    for name, default in _OUTPUT_DEFAULTS.items():
        value = output.get(name) if isinstance(output, dict) else None
        if value not in (None, default):
            given[f"output_config.{name}"] = value
    given.update((name, True) for name, on in toggles.items() if on)
    return {name: canonical(value).decode() for name, value in given.items()}


def check_version(fields: Fields, version: str, prompt: Segments) -> None:
    """What 2026-10-21 and later versions refuse, and earlier ones take; DialectError.
    Texts other than that of sampling parameters were not seen: ours say what is wrong.
    ``version`` is a date, behind a cloud's name where it stands in a body."""
    if version[-10:] < OCTOBER_2026:
        return
    for name in _SAMPLING:
        if name in fields.data:
            raise complain((name,), "value", _EXTRA)
    for segment in prompt.segments:
        if segment.kind is not Kind.MESSAGE or isinstance(segment.content, str):
            continue
        path = ("messages", segment.message, "content", segment.part, segment.type)
        if segment.type == "document" and segment.role == "assistant":
            text = "document blocks are not permitted in assistant messages"
            raise complain(path, "value", text)
        if segment.type == "text" and segment.role == "user" and segment.content.get("citations"):
            raise complain((*path, "citations"), "value", _EXTRA)


def check_system_turns(prompt: Prompt) -> None:
    """DialectError for a system message among the turns where the model is known to take none
    (newer ones do; of a model that is not known, nothing is said)."""
    model = prompt.model.lower()
    if not any(fnmatch(model, name) for name in _NO_SYSTEM_TURNS):
        return
    if any(fnmatch(model, name) for name in _SYSTEM_TURNS):
        return
    for segment in prompt.segments:
        if segment.kind is Kind.MESSAGE and segment.role == "system":
            raise invalid("role 'system' is not supported on this model", "messages")


def check_prewarm(fields: Fields, stream: bool) -> None:
    """``max_tokens: 0`` fills the cache and answers nothing: what needs an answer is
    refused; DialectError."""
    thinking = _kind(fields.child("thinking"))
    choice = _kind(fields.child("tool_choice"))
    output = fields.child("output_config")
    if stream:
        problem = "stream: true"
    elif thinking == "enabled":
        problem = "thinking.type: enabled"
    elif choice in ("any", "tool"):
        problem = f"tool_choice.type: {choice}"
    elif output is not None and output.data.get("format") is not None:
        problem = "output_config.format"
    else:
        return
    raise invalid(f"max_tokens: 0 is not supported together with {problem}", "max_tokens")


def _kind(option: Fields | None) -> str | None:
    return None if option is None else option.optional("type", str)


def _choice(choice: dict[str, Any]) -> dict[str, Any]:
    """Without ``disable_parallel_tool_use`` where it is false, as it is by default."""
    shown = dict(choice)
    if not shown.get("disable_parallel_tool_use"):
        shown.pop("disable_parallel_tool_use", None)
    return shown
