"""Which class of gap a prefix belongs to: what a request shows before it is answered, and
what its answer shows before the next one comes."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final

from headstart.planner.contract import Features, Key

Path = tuple[Hashable, ...]
Asked = tuple[str, tuple[str, bool, bool], int]
"""What was said last, who asks, and how deep in its conversation."""
_FEW: Final = 64
"""Tokens of output up to which a request is a small job: a title, a label, a count."""


def asked_by(features: Features, key: Key) -> Path:
    """What was said last, and who asks: from what all traffic has in common down to one key's
    own. Behind the place of a prefix (its end, an inner place, the system text, a branch) it
    is the path of that prefix's class."""
    return (*asked_of(features), key)


def asked_of(features: Features) -> Asked:
    """What of a request's features counts."""
    return (_last(features), _who(features), _depth(features))


def pause_path(stop: str | None, asked: Asked, key: Key) -> Path:
    """Of the pause after a response: its stop reason tells whether a tool or a person is
    next to answer."""
    return ("pause", stop or "", asked[0], asked[2], key)


def _last(features: Features) -> str:
    """ "tool" inside a tool loop, "text" at the start of a turn, "mixed" for both."""
    kinds = set(features.inputs)
    if "tool_result" in kinds:
        return "tool" if kinds <= {"tool_result"} else "mixed"
    return "text"


def _who(features: Features) -> tuple[str, bool, bool]:
    few = features.max_tokens is not None and features.max_tokens <= _FEW
    return (features.agent, features.tools, few)


def _depth(features: Features) -> int:
    """0: the first call of a conversation; then by how long it has gone on."""
    return min(features.calls.bit_length(), 3)
