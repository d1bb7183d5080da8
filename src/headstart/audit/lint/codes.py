"""What lint can find: a closed list of codes, each with its reason and what to do.

``docs/lint.md`` has an example of each; a test holds it to this list and runs the examples.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from headstart.prompt import Kind, VolatileKind
from headstart.prompt.remedies import remedy

Severity = Literal["error", "warning"]
Loses = Literal["call", "change"]


class Code(NamedTuple):
    """One kind of finding."""

    code: str
    name: str
    severity: Severity
    """"error": it loses the cache at every call, or the provider refuses the request."""
    title: str
    reason: str
    remedy: str
    loses: Loses = "call"
    """"call": what lies behind it is lost at every call. "change": only at those calls for
    which it has changed, so that money for all of them is an upper bound."""


_K = VolatileKind
_KEY: Final = "A prompt cache reads a prefix up to the first character that differs"
_TEXTS: Final[tuple[tuple[VolatileKind, Severity, str, Loses], ...]] = (
    (_K.TIMESTAMP, "error", "A day with a time, or seconds since 1970", "call"),
    (_K.DATE, "warning", "Today's date", "change"),
    (_K.TIME, "error", "The time of day", "call"),
    (_K.UUID, "error", "A UUID", "call"),
    (_K.ULID, "error", "A ULID", "call"),
    (_K.REQUEST_ID, "error", "An id of a request, message, call or run", "call"),
    (_K.SESSION_ID, "warning", "An id of a session or conversation", "change"),
    (_K.TRACE_ID, "error", "An id of a trace or span", "call"),
    (_K.HASH, "warning", "A hash or commit", "change"),
    (_K.JWT, "error", "A JSON Web Token", "change"),
    (_K.TOKEN, "error", "Random characters: a key, a nonce", "call"),
    (_K.COUNTER, "error", "A count of turns, requests or tokens", "call"),
    (_K.EMAIL, "warning", "A person's e-mail address", "change"),
    (_K.USER, "warning", "A person's name, or the name or id of an account", "change"),
    (_K.TEMP_PATH, "warning", "A temporary path", "change"),
    (_K.PORT, "warning", "A port that an operating system gave out", "change"),
)
_COMPARED: Final[tuple[tuple[VolatileKind, str], ...]] = (
    (_K.TOOL_ORDER, "The same tools in another order, or tools in a set's order"),
    (_K.EXAMPLE_ORDER, "The same lines, items or messages in another order"),
    (_K.KEY_ORDER, "The same JSON with its keys in another order"),
    (_K.WHITESPACE, "The same text with other whitespace"),
    (_K.LINE_ENDINGS, "The same text with other line endings"),
    (_K.UNICODE_FORM, "The same characters in another Unicode form"),
    (_K.NUMBER_FORMAT, "The same numbers written in another way"),
    (_K.CASE, "The same text in other capitals"),
)


def _said(kind: VolatileKind) -> str:
    section = Kind.TOOL if kind is _K.TOOL_ORDER else Kind.SYSTEM
    return remedy(kind, "edit", section)


def _text(number: int, row: tuple[VolatileKind, Severity, str, Loses]) -> Code:
    kind, severity, title, loses = row
    when = "differs from call to call" if loses == "call" else "differs sooner or later"
    reason = f"{_KEY}. This {when}, and everything behind it is then processed anew."
    code = f"HS{number:03}"
    return Code(code, kind.replace("_", "-"), severity, title, reason, _said(kind), loses)


def _compared(number: int, row: tuple[VolatileKind, str]) -> Code:
    kind, title = row
    reason = f"{_KEY}. Requests that say the same in two ways of writing are two prompts to it."
    return Code(
        f"HS{number:03}", kind.replace("_", "-"), "error", title, reason, _said(kind), "change"
    )


_OTHERS: Final = (
    Code(
        "HS017",
        "random-choice",
        "error",
        "A random choice or order",
        f"{_KEY}. What is drawn anew for each call is another prompt each time.",
        "Draw once and keep it, seed the generator with a constant, or move what is drawn into "
        "the newest message.",
    ),
    Code(
        "HS018",
        "process",
        "warning",
        "Something of this process or machine: its id, host name, an object's address",
        f"{_KEY}. Another process or machine writes another prompt, so that they share nothing.",
        "Leave it out of the prompt, or move it into the newest message.",
        "change",
    ),
    Code(
        "HS031",
        "set-order",
        "error",
        "Text in a set's order",
        "Python hashes strings with another seed in each process: a set of them has another order "
        "after each start, and on each worker.",
        "Sort it: sorted(...).",
        "change",
    ),
    Code(
        "HS032",
        "unsorted-dumps",
        "warning",
        "json.dumps without sort_keys of keys whose order is not fixed here",
        "The keys come out in the order in which they went in: another path through the program, "
        "another database row, or another library version writes another prompt.",
        "Pass sort_keys=True.",
        "change",
    ),
    Code(
        "HS033",
        "listing-order",
        "warning",
        "Text in the order of a directory listing, or of tasks as they end",
        "That order is the file system's or the scheduler's: another machine has another one.",
        "Sort it: sorted(...).",
        "change",
    ),
    Code(
        "HS041",
        "varying-before-stable",
        "warning",
        "What is another one in each request, in front of a long text that stays the same",
        f"{_KEY}. The long text behind this is the same each time and never read.",
        "Put the long text first and this behind it, in the newest message.",
    ),
    Code(
        "HS042",
        "mid-prompt-date",
        "warning",
        "The current date or time in a message with others behind it",
        f"{_KEY}. If this is written anew each turn, the conversation behind it is lost.",
        "Say the time in the newest message, and leave earlier messages as they were sent.",
    ),
    Code(
        "HS043",
        "no-breakpoint",
        "warning",
        "A long prompt without a cache directive",
        "This provider caches only what a directive asks for: all of it is processed at each call.",
        "Put a directive at the end of what stays the same from request to request.",
    ),
    Code(
        "HS044",
        "breakpoint-behind-volatile",
        "error",
        "A cache directive behind something that changes",
        "What it writes is paid for at each call, and no later call can read it.",
        "Move what changes behind the directive, or the directive in front of what changes.",
    ),
    Code(
        "HS045",
        "too-many-breakpoints",
        "error",
        "More cache directives than the provider takes",
        "The provider refuses the request.",
        "Keep the last one on the tools, on the system text, and on the newest messages.",
    ),
    Code(
        "HS046",
        "ttl-order",
        "error",
        "A longer lifetime behind a shorter one",
        "The provider refuses the request: in the order tools, system, messages longer lifetimes "
        "come first.",
        "Give the earlier directives the longer lifetime.",
    ),
    Code(
        "HS047",
        "below-minimum",
        "warning",
        "A cache directive behind too few tokens",
        "The provider ignores it without a word: nothing is written, nothing can be read.",
        "Move it behind more of what stays the same, or remove it.",
    ),
    Code(
        "HS048",
        "beyond-lookback",
        "warning",
        "More blocks since the last turn than a cache directive looks back",
        "The directive at the end does not find what the last turn wrote, and all of the "
        "conversation is written anew.",
        "Put one more directive where the last turn ended.",
    ),
    Code(
        "HS049",
        "refused-directive",
        "error",
        "A cache directive or cache option that the provider refuses",
        "The provider answers with an error, or ignores it.",
        "Write it as the provider documents it, or remove it.",
    ),
    Code(
        "HS051",
        "tool-choice-toggled",
        "warning",
        "Another tool_choice in the same conversation",
        "It is part of the cache's key: the messages are processed anew after each change.",
        "Send the same tool_choice in every request.",
        "change",
    ),
    Code(
        "HS052",
        "setting-toggled",
        "warning",
        "Another setting that is part of the cache's key in the same conversation",
        "From the section that it belongs to on, the prompt is processed anew after each change.",
        "Keep the settings that are part of the cache's key the same.",
        "change",
    ),
    Code(
        "HS053",
        "model-switched",
        "warning",
        "Another model in the same conversation",
        "Each model has a cache of its own: the whole prompt is processed anew.",
        "Stay with one model within a conversation.",
        "change",
    ),
    Code(
        "HS054",
        "volatile-cache-key",
        "error",
        "A cache key that is another one in each request",
        "Requests with another key go to another machine or another part of the cache.",
        "Use one prompt_cache_key for all requests that share a prefix, such as its name.",
    ),
)

_ALL: Final = (
    *(_text(number, row) for number, row in enumerate(_TEXTS, 1)),
    *(_compared(number, row) for number, row in enumerate(_COMPARED, 21)),
    *_OTHERS,
)
CODES: Final[Mapping[str, Code]] = {
    found.code: found for found in sorted(_ALL, key=lambda found: found.code)
}
"""All of them, in order."""

CODE_OF: Final[Mapping[VolatileKind, str]] = {
    **{row[0]: f"HS{number:03}" for number, row in enumerate(_TEXTS, 1)},
    **{row[0]: f"HS{number:03}" for number, row in enumerate(_COMPARED, 21)},
}
"""Of every kind of what makes prompts differ."""
