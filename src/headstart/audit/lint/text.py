"""What changes in a text that a model is to read: by its looks, and by its placeholders' names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from headstart.audit.lint.codes import CODE_OF
from headstart.audit.lint.names import is_asked, kind_named
from headstart.prompt import VolatileKind, spans

STABLE_BEHIND: Final = 200
"""Characters that have to stand behind a change, where nothing else is known to."""
LONG_BEHIND: Final = 1000
"""The same for what everyone expects to be another one each time: a question, documents."""
ASKED: Final = "HS041"
_SECRET: Final = frozenset(
    {VolatileKind.JWT, VolatileKind.TOKEN, VolatileKind.HASH, VolatileKind.EMAIL, VolatileKind.USER}
)
"""Never quoted: reports end up in build logs."""
_MOST_QUOTED: Final = 40
_NOW: Final = re.compile(
    r"\b(?:today|now|current(?:ly)?|as of|at present|tonight|this (?:morning|evening))\b"
    r"[^.\n]{0,40}$"
    r"|(?:^|\n)\W*(?:date|time)\b\W{0,4}(?:is\W)?$|\bthe (?:date|time) is\W{0,3}$",
    re.IGNORECASE,
)
_BEFORE: Final = 60
_KNOWN: Final = 512
"""Texts whose findings are kept: the requests of a conversation repeat most of theirs."""
_PLACEHOLDER: Final = re.compile(
    r"\{\{[-~&{]?\s*(?P<double>[A-Za-z_][\w.]*(?:\(\))?)[^{}]{0,80}\}\}"
    r"|\{%-?\s*(?P<tag>now)\b[^{}]{0,80}%\}"
    r"|(?<![{$/\w])\{(?P<single>[A-Za-z_][\w.]*)(?:![rsa])?(?::[^{}]{0,40})?\}(?![}/])"
    r"|\$\{(?P<dollar>[A-Za-z_]\w*)\}"
)
_CLOCK_CODES: Final = frozenset({"HS001", "HS002", "HS003"})


class Hit(NamedTuple):
    """Characters ``start`` to ``end`` of a text, and what they are."""

    code: str
    start: int
    end: int
    what: str
    """For people; never a secret."""

    @property
    def clock(self) -> bool:
        """A date or a time."""
        return self.code in _CLOCK_CODES


@lru_cache(maxsize=_KNOWN)
def hits(text: str, *, placeholders: bool = True) -> tuple[Hit, ...]:
    """What changes, in text order. A bare date counts only where the words in front of it
    say that it is today's: others stay for years."""
    found = [
        Hit(CODE_OF[kind], start, end, _quoted(kind, text[start:end]))
        for kind, start, end in spans(text)
        if kind is not VolatileKind.DATE or says_now(text, start)
    ]
    if placeholders:
        taken = [(hit.start, hit.end) for hit in found]
        found += [hit for hit in _placeholders(text) if not _overlaps(hit, taken)]
    return tuple(sorted(found, key=lambda hit: hit.start))


def says_now(text: str, start: int) -> bool:
    """The words in front say that what comes is the current date or time."""
    return _NOW.search(text[max(0, start - _BEFORE) : start]) is not None


def behind(text: str, end: int) -> int:
    """Characters of a text from ``end`` on that are no placeholder and no white space."""
    return len("".join(_PLACEHOLDER.sub("", text[end:]).split()))


def _placeholders(text: str) -> Iterator[Hit]:
    for match in _PLACEHOLDER.finditer(text):
        name = match["double"] or match["tag"] or match["single"] or match["dollar"]
        kind = kind_named(name, template=True)
        if kind is not None:
            said = f"the placeholder {name}, by its name {_a(kind)}"
            yield Hit(CODE_OF[kind], *match.span(), said)
        elif is_asked(name):
            yield Hit(ASKED, *match.span(), f"the placeholder {name}")


def _quoted(kind: VolatileKind, span: str) -> str:
    if kind in _SECRET:
        return _a(kind)
    cut = span if len(span) <= _MOST_QUOTED else f"{span[:_MOST_QUOTED]}…"
    return f"{_a(kind)}, {cut!r}"


def _a(kind: VolatileKind) -> str:
    """ "a timestamp", "an e-mail"."""
    name = kind.replace("_", " ")
    article = "an" if name[0] in "aeio" else "a"
    return f"{article} {name.upper() if kind in ('uuid', 'ulid', 'jwt') else name}"


def _overlaps(hit: Hit, taken: list[tuple[int, int]]) -> bool:
    return any(hit.start < end and start < hit.end for start, end in taken)
