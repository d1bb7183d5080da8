"""The cheapest legal request that reads the same cache entries as one that was sent.

A ping has the same key as its request, so no field may differ but the limit of output and
``stream``. Where a request could not be repeated without consequences, or its limit can't be
lowered, there is no ping: with tools that run at the provider, with state that a response
changes there, with thinking that has a budget of its own, with more than one answer.

Sources: Anthropic's page on prompt caching, for ``max_tokens: 0`` and what it is refused
with; OpenAI refuses fewer than 16 tokens of output on Responses and, for its newer models, on
Chat Completions ("integer below minimum value. Expected a value >= 16"). Whether Bedrock and
Vertex take ``max_tokens: 0`` is not documented: 1 is sent there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from headstart.dialects.anthropic import AnthropicHosted
from headstart.dialects.bedrock import BedrockConverse, BedrockInvoke
from headstart.dialects.hosted import Call, Hosted, Unmarkable
from headstart.dialects.openai import OpenAIChat, OpenAIResponses
from headstart.dialects.spans import kind, members, root
from headstart.dialects.splice import into_object, splice

Body = Mapping[str, Any]

_CLIENT_TOOLS = ("custom", "bash_", "text_editor_", "computer_", "memory_")
"""Types of Anthropic's tools that run at the client, and how they begin."""
_OPENAI_LEAST = 16
_LEAST = {"openai-chat": _OPENAI_LEAST, "azure": _OPENAI_LEAST, "openrouter": _OPENAI_LEAST}
_NEWER = frozenset({"openai-chat", "azure"})
"""Who has ``max_completion_tokens``, which reasoning models want."""
_CHAT_SERVER = ("web_search_options", "search_parameters", "enable_search", "plugins", "audio")
_RESPONSES_STATE = ("background", "conversation", "previous_response_id", "prompt")


class _Change(NamedTuple):
    """Fields to set, and the tokens of output that are then left to pay at most."""

    fields: tuple[tuple[tuple[str, ...], bytes], ...]
    output: int


def ping_output(hosted: Hosted, call: Call) -> int | None:
    """Tokens of output that a ping of this request may force; None: none is legal, or none
    is cheap."""
    change = _change(hosted, call)
    return None if change is None else change.output


def ping_body(hosted: Hosted, body: bytes, call: Call) -> bytes | None:
    """The ping of a request whose body, directives spliced in or not, is ``body``; None
    where there is none. Bytes other than the limit's and ``stream``'s are kept."""
    change = _change(hosted, call)
    if change is None:
        return None
    try:
        for path, value in change.fields:
            body = _with(body, path, value)
    except Unmarkable:
        return None
    return body


def _change(hosted: Hosted, call: Call) -> _Change | None:
    """What makes a ping of a request."""
    if call.operation != "generate":
        return None
    body = call.body
    if isinstance(hosted, AnthropicHosted):
        return _anthropic(body, prewarms="anthropic_version" not in body)
    if isinstance(hosted, BedrockInvoke) and "anthropic_version" in body:
        return _anthropic(body, prewarms=False)
    if isinstance(hosted, BedrockConverse):
        return _converse(body)
    if isinstance(hosted, OpenAIResponses):
        return _responses(body)
    return _chat(hosted, call) if isinstance(hosted, OpenAIChat) else None


def _anthropic(body: Body, *, prewarms: bool) -> _Change | None:
    edits = _at(body, "context_management", "edits")
    compacts = any(not _names(edit, ("clear_",)) for edit in _list(edits))
    if body.get("mcp_servers") or body.get("container") or compacts:
        return None
    if not all(_names(tool, _CLIENT_TOOLS, "custom") for tool in _list(body.get("tools"))):
        return None
    if _at(body, "thinking", "type") == "enabled":
        return None  # its budget has to be below the limit
    forced = _at(body, "tool_choice", "type") in ("any", "tool")
    if forced or _at(body, "output_config", "format") is not None or not prewarms:
        return _Change(((("max_tokens",), b"1"),), 1)
    return _Change(((("max_tokens",), b"0"), *_unstreamed(body)), 0)


def _converse(body: Body) -> _Change | None:
    extra = body.get("additionalModelRequestFields")
    given = _anthropic(extra if isinstance(extra, Mapping) else {}, prewarms=False)
    if given is None or body.get("guardrailConfig"):
        return None  # a guardrail has a price of its own
    if _at(extra, "reasoningConfig", "type") == "enabled":
        return None
    tools = _list(_at(body, "toolConfig", "tools"))
    if any(isinstance(tool, Mapping) and "systemTool" in tool for tool in tools):
        return None
    return _Change(((("inferenceConfig", "maxTokens"), b"1"),), 1)


def _responses(body: Body) -> _Change | None:
    if any(body.get(name) for name in (*_RESPONSES_STATE, "context_management")):
        return None
    items = _list(body.get("input"))
    if not _functions(body) or any(_at(item, "type") == "additional_tools" for item in items):
        return None
    limit = ("max_output_tokens",), b"%d" % _OPENAI_LEAST
    return _Change((limit, *_unstreamed(body)), _OPENAI_LEAST)


def _chat(hosted: OpenAIChat, call: Call) -> _Change | None:
    body, name = call.body, hosted.format.name
    if not _functions(body) or any(body.get(f) not in (None, False) for f in _CHAT_SERVER):
        return None
    if body.get("n") not in (None, 1) or call.prompt.model.endswith(":online"):
        return None
    if name == "qwen" and body.get("enable_thinking") is not False:
        return None  # the limit does not count what it thinks
    if name == "openrouter" and (body.get("reasoning") or body.get("reasoning_effort")):
        return None  # it may become a budget that the limit has to exceed
    usual = "max_completion_tokens" if name in _NEWER else "max_tokens"
    limits = [key for key in ("max_completion_tokens", "max_tokens") if body.get(key) is not None]
    least = _LEAST.get(name, 1)
    fields = tuple(((key,), b"%d" % least) for key in limits or [usual])
    return _Change((*fields, *_unstreamed(body)), least)


def _unstreamed(body: Body) -> tuple[tuple[tuple[str, ...], bytes], ...]:
    """A whole response always has its usage. ``stream_options`` are refused without
    ``stream``, and have to stay."""
    if body.get("stream") is not True or body.get("stream_options") is not None:
        return ()
    return ((("stream",), b"false"),)


def _functions(body: Body) -> bool:
    """Whether all tools of an OpenAI request run at the client."""
    return all(_at(tool, "type") in ("function", "custom") for tool in _list(body.get("tools")))


def _names(value: Any, begins: tuple[str, ...], default: str = "") -> bool:
    named = _at(value, "type")
    return (default if named is None else str(named)).startswith(begins)


def _at(value: Any, *path: str) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _with(body: bytes, path: tuple[str, ...], value: bytes) -> bytes:
    """The body with a field set, in the place of its value or as the last one; Unmarkable."""
    span = root(body)
    for depth, key in enumerate(path):
        rest = path[depth + 1 :]
        found = members(body, span).get(key)
        if found is None:
            member = b'"%s":%s' % (key.encode(), _wrapped(rest, value))
            return splice(body, [into_object(body, span, member)]).body
        span = found.span
        if kind(body, span) != "{":
            value = _wrapped(rest, value)
            break
    return body[: span.start] + value + body[span.end :]


def _wrapped(path: tuple[str, ...], value: bytes) -> bytes:
    for key in reversed(path):
        value = b'{"%s":%s}' % (key.encode(), value)
    return value
