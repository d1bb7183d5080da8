"""What names of placeholders and variables promise: a time, an id, a user, a question."""

from __future__ import annotations

import re
from typing import Final

from headstart.prompt import VolatileKind

_K = VolatileKind
_KINDS: Final[tuple[tuple[VolatileKind, str], ...]] = (
    (_K.TIMESTAMP, r"(?:utc|local)?_?now|timestamp|(?:current|now|today)_?date_?time|time_?now"),
    (_K.DATE, r"today(?:s_date)?|(?:current|now)_?date|date_?(?:today|now)"),
    (_K.TIME, r"(?:current|local|system)_?time"),
    (_K.UUID, r"uuid[14]?|guid"),
    (_K.ULID, r"ulid"),
    (_K.REQUEST_ID, r"(?:request|req|message|run|invocation)_?id"),
    (_K.SESSION_ID, r"(?:session|conversation|thread|chat)_?id"),
    (_K.TRACE_ID, r"(?:trace|span|correlation)_?id"),
    (_K.TOKEN, r"nonce|random_\w+|cache_?buster"),
    (
        _K.COUNTER,
        r"(?:turn|request|message|attempt|iteration|token)s?_?(?:count|number|no|index|left|"
        r"remaining|used)|remaining_(?:turns|tokens|attempts|steps)",
    ),
    (_K.EMAIL, r"(?:user|customer)_?e?mail"),
    (
        _K.USER,
        r"user_?name|(?:user|customer|account|tenant|member|client)_?id|(?:customer|client)_?name"
        r"|first_?name|full_?name",
    ),
    (_K.TEMP_PATH, r"(?:tmp|temp)_?(?:dir|path|file)"),
)
_NAMED: Final = tuple((kind, re.compile(pattern)) for kind, pattern in _KINDS)
_IN_TEMPLATES: Final = {"date": _K.DATE, "time": _K.TIME, "datetime": _K.TIMESTAMP}
_ASKED: Final = re.compile(
    r"(?:user_?)?(?:question|query|input|message|request)|context|documents?|docs"
    r"|(?:retrieved|search)_\w+|(?:chat_?)?history|conversation|transcript|passages?|article"
    r"|(?:input_)?text"
)
_PROMPT_WORDS: Final = {"prompt", "prompts", "instruction", "instructions", "preamble"}
_SYSTEM_WORDS: Final = {"system", "instruction", "instructions", "preamble"}
_ENDS: Final = {"text", "message", "msg", "content", "parts", "blocks", "template", "str"}


def kind_named(name: str, *, template: bool = False) -> VolatileKind | None:
    """What a value of this name is, if the name says that it changes; None for others.

    Of a dotted name the last part counts. In templates bare words count as well that
    programs have other uses for.
    """
    last = _snake(name.removesuffix("()").rpartition(".")[2])
    for kind, pattern in _NAMED:
        if pattern.fullmatch(last):
            return kind
    return _IN_TEMPLATES.get(last) if template else None


def is_asked(name: str) -> bool:
    """A question, documents, a history: what is another one in each request."""
    return _ASKED.fullmatch(_snake(name.rpartition(".")[2])) is not None


def prompt_named(name: str) -> str | None:
    """Which section of a prompt the name of a variable, argument or function promises:
    "system", "prompt" (it does not say which), or None for other names.

    The name has to end in it: ``prompt_path``, ``system_id`` and ``prompt_log`` are others.
    """
    words = _snake(name).strip("_").split("_")
    if words[-1] in ("en", "v1", "v2", "base", "default"):
        words = words[:-1]
    if not words:
        return None
    body = words[:-1] if len(words) > 1 and words[-1] in _ENDS else words
    last = body[-1]
    if last == "system" and (body is not words or words == ["system"]):
        return "system"
    if last not in _PROMPT_WORDS:
        return "prompt" if words in (["template"], ["prompt", "template"]) else None
    return "system" if _SYSTEM_WORDS & set(body) else "prompt"


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
