"""The timed tree as a dictionary of prefixes: slow, obvious, and the oracle in tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from headstart.providers.rules import Lifetime


@dataclass
class Page:
    created: float
    used: float
    lifetime: int


class NaiveTimes:
    def __init__(self, lifetimes: Sequence[Lifetime]) -> None:
        self.lifetimes = lifetimes
        self.pages: dict[tuple[str, tuple[bytes, ...]], Page] = {}

    def held(self, path: tuple[bytes, ...], scope: str, now: float) -> tuple[int, int]:
        prefixes = [(scope, path[: i + 1]) for i in range(len(path))]
        stored = next((i for i, p in enumerate(prefixes) if p not in self.pages), len(path))
        live = next(
            (i for i, p in enumerate(prefixes[:stored]) if not self._alive(self.pages[p], now)),
            stored,
        )
        return live, stored

    def write(self, path: tuple[bytes, ...], scope: str, lifetime: int, now: float) -> None:
        live, _ = self.held(path, scope, now)
        for i in range(len(path)):
            if i >= live:
                self.pages[scope, path[: i + 1]] = Page(now, now, lifetime)
                continue
            page = self.pages[scope, path[: i + 1]]
            page.used = now
            new, old = self.lifetimes[lifetime], self.lifetimes[page.lifetime]
            if new.bucket is None and new.seconds > old.seconds:
                page.lifetime = lifetime

    def _alive(self, page: Page, now: float) -> bool:
        life = self.lifetimes[page.lifetime]
        return now < (page.used if life.refresh else page.created) + life.seconds
