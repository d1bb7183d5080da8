"""A Messages request, read field by field.

Fields this file does not name pass unread. Sampling parameters are taken under both API
versions, although 2026-10-21 refuses them upstream: a local model has use for them.
"""

from __future__ import annotations

from headstart.dialects.anthropic.blocks import read_content, read_system, read_tools
from headstart.dialects.anthropic.cache_control import settle, ttl_of
from headstart.dialects.anthropic.errors import complain, invalid
from headstart.dialects.anthropic.settings import check_prewarm
from headstart.dialects.assembly import Assembly
from headstart.dialects.base import Request
from headstart.dialects.body import Fields, MalformedBody, decode

_ROLES = ("user", "assistant", "system")
_PREFILL = (
    "This model does not support assistant message prefill. "
    "The conversation must end with a user message."
)


def read_request(body: bytes, *, counting: bool) -> Request:
    """The request in ``body``; DialectError. ``counting``: a count_tokens body, which
    has no ``max_tokens`` and generates nothing."""
    try:
        fields = Fields(decode(body), (), complain)
    except MalformedBody as exc:
        raise invalid(f"The request body is not valid JSON: {exc}") from None
    model = fields.required("model", str)
    if not model:
        raise complain(("model",), "value", "String should have at least 1 character")
    max_tokens = None if counting else fields.integer("max_tokens", 0)
    if not counting and max_tokens is None:
        raise complain(("max_tokens",), "missing", "Field required")
    out = _read_prompt(fields)
    stream = fields.optional("stream", bool) or False
    _check_options(fields)
    if max_tokens == 0:
        check_prewarm(fields, stream)
    elif not counting and out.messages[-1]["role"] == "assistant":
        raise invalid(_PREFILL)
    return Request(
        prompt=out.prompt(model),
        chat_messages=out.chat(),
        tools=tuple(out.tools),
        marks=out.marks(),
        max_tokens=max_tokens,
        temperature=fields.number("temperature", 0, 1, default=1.0),
        top_p=fields.number("top_p", 0, 1, default=1.0),
        top_k=fields.integer("top_k", 0) or 0,
        seed=fields.integer("seed", 0),
        stop=fields.strings("stop_sequences"),
        stream=stream,
        include_usage=True,
        cache_salt=fields.salt(),
    )


def _read_prompt(fields: Fields) -> Assembly:
    """Tools, system, messages, in the order in which a prompt cache hashes them."""
    out = Assembly()
    read_tools(fields, out)
    read_system(fields, out)
    fields.required("messages", list)
    messages = fields.children("messages")
    if not messages:
        raise invalid("messages: at least one message is required")
    for index, message in enumerate(messages):
        role = message.choice("role", _ROLES)
        read_content(message, role, index, out)
    settle(out.places, ttl_of(fields))
    return out


def _check_options(fields: Fields) -> None:
    """Fields that a local model can't honour, or that have to be of some type."""
    fields.child("metadata")
    for key in ("thinking", "tool_choice"):
        option = fields.child(key)
        if option is not None:
            option.required("type", str)
    output = fields.child("output_config")
    if output is not None and output.child("format") is not None:
        text = "structured outputs are not supported by this model"
        raise complain(("output_config", "format"), "unsupported", text)
