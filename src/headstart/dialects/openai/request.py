"""A Chat Completions request, read field by field.

Fields this file does not name pass unread: they are hints (``reasoning_effort``, ``user``,
``store``), or nothing we know of. A field that asks for something a local model can't give
is refused, because an answer that silently lacks it would be a wrong one.
"""

from __future__ import annotations

from headstart.dialects.assembly import Assembly
from headstart.dialects.base import DialectError, Request
from headstart.dialects.body import Fields, MalformedBody, decode
from headstart.dialects.openai.breakpoints import read_options, settle
from headstart.dialects.openai.errors import complain
from headstart.dialects.openai.messages import read_message, read_tools

_MOST_STOPS = 4
_REFUSED_IF_GIVEN = (
    "audio",
    "function_call",
    "functions",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "web_search_options",
)
_REFUSED_IF_NOT_ZERO = ("frequency_penalty", "presence_penalty")
_UNSUPPORTED = "not supported by this model"


def read_request(body: bytes) -> Request:
    """The request in ``body``; DialectError."""
    try:
        fields = Fields(decode(body), (), complain)
    except MalformedBody as exc:
        text = f"We could not parse the JSON body of your request: {exc}."
        raise DialectError(400, "invalid_request_error", text) from None
    model = fields.required("model", str)
    if not model:
        raise fields.fail("model", "value", "String should have at least 1 character")
    _check_options(fields)
    out = _read_prompt(fields)
    stream = fields.optional("stream", bool) or False
    limit = fields.integer("max_completion_tokens", 1)
    older_limit = fields.integer("max_tokens", 1)
    return Request(
        prompt=out.prompt(model),
        chat_messages=out.chat(),
        tools=tuple(out.tools),
        marks=out.marks(),
        max_tokens=older_limit if limit is None else limit,
        temperature=fields.number("temperature", 0, 2, default=1.0),
        top_p=fields.number("top_p", 0, 1, default=1.0),
        top_k=fields.integer("top_k", 0) or 0,
        seed=fields.integer("seed", -(2**63)),
        stop=_stop(fields),
        stream=stream,
        include_usage=_include_usage(fields, stream),
        cache_salt=fields.salt(),
    )


def _read_prompt(fields: Fields) -> Assembly:
    out = Assembly()
    options = read_options(fields)
    read_tools(fields, out)
    fields.required("messages", list)
    messages = fields.children("messages")
    if not messages:
        raise fields.fail("messages", "value", "Array should have at least 1 item")
    for index, message in enumerate(messages):
        read_message(message, index, options, out)
    settle(out.places, options)
    return out


def _stop(fields: Fields) -> tuple[str, ...]:
    stop = fields.data.get("stop")
    if isinstance(stop, str):
        if not stop:
            raise fields.fail("stop", "value", "String should have at least 1 character")
        return (stop,)
    return fields.strings("stop", most=_MOST_STOPS)


def _include_usage(fields: Fields, stream: bool) -> bool:
    options = fields.child("stream_options")
    if options is None:
        return False
    if not stream:
        raise fields.fail("stream_options", "value", "only allowed when 'stream' is enabled")
    return options.optional("include_usage", bool) or False


def _check_options(fields: Fields) -> None:
    for key in _REFUSED_IF_GIVEN:
        if fields.data.get(key):
            raise fields.fail(key, "unsupported", _UNSUPPORTED)
    for key in _REFUSED_IF_NOT_ZERO:
        if fields.number(key, -2, 2, default=0.0) != 0:
            raise fields.fail(key, "unsupported", f"{_UNSUPPORTED} unless it is 0")
    if fields.integer("n", 1) not in (None, 1):
        raise fields.fail("n", "unsupported", f"{_UNSUPPORTED} unless it is 1")
    response_format = fields.child("response_format")
    if response_format is not None and response_format.required("type", str) != "text":
        raise response_format.fail("type", "unsupported", f"{_UNSUPPORTED} unless it is 'text'")
    if fields.strings("modalities") not in ((), ("text",)):
        raise fields.fail("modalities", "unsupported", f"{_UNSUPPORTED} unless it is ['text']")
    _check_tool_choice(fields)


def _check_tool_choice(fields: Fields) -> None:
    """Taken in both of its forms; it reaches no model, so it only has to make sense."""
    choice = fields.data.get("tool_choice")
    if choice is None or isinstance(choice, dict):
        return
    fields.choice("tool_choice", ("none", "auto", "required"))
