"""Documented rules as named cases: what a test's name says, and where it is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, TypeVar

F = TypeVar("F", bound=Callable[..., None])


class Case(NamedTuple):
    """One rule of one provider."""

    provider: str
    name: str
    source: str
    confidence: str


CASES: Final[list[Case]] = []


def documented(provider: str, source: str, confidence: str = "H") -> Callable[[F], F]:
    """Say where the rule that a test states is written; "U" for a default of ours."""

    def note(test: F) -> F:
        name = test.__name__.removeprefix("test_").replace("_", " ")
        CASES.append(Case(provider, name, source, confidence))
        return test

    return note
