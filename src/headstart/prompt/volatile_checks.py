"""Second looks at what a pattern matched: is it random, personal, meant as an example?

Each takes a text and a span of it, reads a bounded part around the span, and says whether
the span is volatile.
"""

from __future__ import annotations

import re
from itertools import pairwise

_LOOK = 256
"""Characters of a long span that are looked at."""
_BEFORE = 40
_FIXED = re.compile(
    r"(?:such as|e\.g\.?,?|for example:?|for instance|example|like|format(?:ted)?(?: as)?|since"
    r"|cut-?off(?: date)?(?: is| was|:)?|released|published|version|founded|copyright|born(?: on)?"
    r"|effective|before|after|until|between)\W{0,8}(?:on |in )?[\"'`(]?$",
    re.IGNORECASE,
)
"""Words right before a date that stays what it is."""
_GENERIC = re.compile(
    r"(?:user(?:name)?s?|your?|me|admin|root|ubuntu|runner|app|node|home|public|shared|guest"
    r"|default|string|integer|number|str|int|uuid|none|null|true|false|unknown|required|optional"
    r"|the|this|that|and|not|is|are|was|an|human|agent|person|people|customer|assistant|ec2-user"
    r"|vscode|circleci|travis|id|e?mail|name)",
    re.IGNORECASE,
)
_ROLES = re.compile(
    r"(?:support|info|help|contact|no-?reply|donotreply|admin|sales|security|privacy|abuse"
    r"|postmaster|webmaster|hello|team|legal|press|billing|user(?:name)?|name|your?|e?mail"
    r"|someone|git|office|service|feedback|careers|jobs|j(?:ohn|ane)\.?doe|foo|bar|test)",
    re.IGNORECASE,
)
_EPHEMERAL = 32768
"""Linux gives out ports from here on; those below are chosen by people, and stay."""


def always(text: str, start: int, end: int) -> bool:
    """Nothing more to check."""
    return True


def dated(text: str, start: int, end: int) -> bool:
    """Not a date that is an example, a release, or a deadline."""
    return not _FIXED.search(text[max(start - _BEFORE, 0) : start])


def varied(text: str, start: int, end: int) -> bool:
    """Not one digit over and over, as in the nil UUID."""
    return len(set(text[start : min(end, start + _LOOK)]) - {"-"}) > 4


def mixed(text: str, start: int, end: int) -> bool:
    """Digits and letters: no decimal number, no word."""
    part = text[start : min(end, start + _LOOK)]
    return any(c.isdigit() for c in part) and any(c.isalpha() for c in part)


def numbered(text: str, start: int, end: int) -> bool:
    """An id, rather than the words that say what an id is."""
    return any(c.isdigit() for c in text[start:end])


def identifier(text: str, start: int, end: int) -> bool:
    """After a prefix such as ``req_``: digits enough for an id, or letters of both cases."""
    body = re.split("[_-]", text[start:end], maxsplit=1)[1]
    digits = sum(c.isdigit() for c in body)
    return digits >= 2 or (digits >= 1 and not (body.islower() or body.istitle()))


def not_generic(text: str, start: int, end: int) -> bool:
    """Somebody's name, not the word "user"."""
    value = text[start:end].rstrip(".:-")
    return len(value) > 1 and not _GENERIC.fullmatch(value)


def account(text: str, start: int, end: int) -> bool:
    """The name or id of an account: in prose ("my user id is ...") no plain word."""
    plain = text[start:end].isalpha()
    named = text[max(start - 3, 0) : start].rstrip()[-1:] in (*":=\"'`>",)
    return not_generic(text, start, end) and (named or not plain)


def personal(text: str, start: int, end: int) -> bool:
    """A person's address, not that of a role or a placeholder."""
    return not _ROLES.fullmatch(text[start:end].partition("@")[0])


def temporary(text: str, start: int, end: int) -> bool:
    """A name that a program made up: a digit in it, or what ``mktemp`` gives."""
    name = text[start:end].partition("mp/")[2] or text[start:end]
    return "folders" in text[start:end] or any(c.isdigit() for c in name) or name[:3] == "tmp"


def high_port(text: str, start: int, end: int) -> bool:
    """A port that an operating system gave out."""
    return _EPHEMERAL <= int(text[start:end]) < 65536


def random_token(text: str, start: int, end: int) -> bool:
    """Digits, capitals and small letters as mixed as chance mixes them.

    Random base64 changes between the three about every 1.6 characters; names in CamelCase
    and paths do about every 3.
    """
    kinds = [
        "d" if c.isdigit() else "u" if c.isupper() else "l"
        for c in text[start : min(end, start + _LOOK)]
        if c.isalnum()
    ]
    changes = sum(a != b for a, b in pairwise(kinds))
    return {"d", "u", "l"} <= set(kinds) and changes >= 0.45 * len(kinds)
