"""What an exchange asks of whoever chooses among several servers."""

from __future__ import annotations

from typing import Protocol

from yarl import URL

from headstart.usage import Usage


class Routed(Protocol):
    """A request that one of several servers answers (``replicas.Route``)."""

    async def first(self) -> URL | None:
        """Where it goes; None: nobody can take it."""

    def elsewhere(self, error: BaseException) -> URL | None:
        """No head of an answer came: where it goes instead."""

    def begun(self, good: bool) -> None:
        """The first byte of a good response came, or there will be none."""

    def mark(self) -> tuple[bytes, bytes] | None:
        """A header for the client."""

    def over(self, status: int, whole: bool, usage: Usage | None) -> None:
        """What became of it."""
