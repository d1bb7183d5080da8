"""A provider that has two caches, of which the markers in a request choose one."""

from __future__ import annotations

from typing import Final

import msgspec

from headstart.prompt import Chain, Mine, Prompt
from headstart.providers.contract import Emulator, Lookup, Ticket
from headstart.usage import MissReason, Usage

_VERSION: Final = 1


class Unmarked(Emulator):
    """``marked`` answers requests with a marker or a cache option, ``unmarked`` all others;
    neither reads what the other holds. Qwen works so."""

    def __init__(self, marked: Emulator, unmarked: Emulator) -> None:
        self.marked = marked
        self.unmarked = unmarked

    def chain(self, prompt: Prompt, known: Mine | None = None) -> Chain:
        return self._of(prompt).chain(prompt, known)

    def peek(self, prompt: Prompt | Chain, now: float, *, scope: str = "") -> Lookup:
        return self._of(prompt).peek(prompt, now, scope=scope)

    def begin(self, prompt: Prompt | Chain, now: float, *, scope: str = "") -> Ticket:
        return self._of(prompt).begin(prompt, now, scope=scope)

    def replay(self, chain: Chain, now: float, *, scope: str = "") -> Usage:
        return self._of(chain).replay(chain, now, scope=scope)

    def reconcile(self, ticket: Ticket, actual: Usage) -> MissReason | None:
        owner = getattr(ticket, "owner", None)
        if owner is not self.marked and owner is not self.unmarked:
            raise ValueError("a ticket of another emulator")
        chosen = self.marked if owner is self.marked else self.unmarked
        return chosen.reconcile(ticket, actual)

    @property
    def entries(self) -> int:
        return self.marked.entries + self.unmarked.entries

    def save(self) -> bytes:
        return msgspec.msgpack.encode((_VERSION, self.marked.save(), self.unmarked.save()))

    def load(self, data: bytes) -> None:
        try:
            version, marked, unmarked = msgspec.msgpack.decode(data, type=tuple[int, bytes, bytes])
        except msgspec.MsgspecError as error:
            raise ValueError(f"not a saved state: {error}") from None
        if version != _VERSION:
            raise ValueError(f"state of version {version}")
        before = self.marked.save()
        self.marked.load(marked)
        try:
            self.unmarked.load(unmarked)
        except ValueError:
            self.marked.load(before)
            raise

    def _of(self, prompt: Prompt | Chain) -> Emulator:
        marks = prompt.marks if isinstance(prompt, Chain) else prompt.marked
        controls = prompt.controls
        asked = marks or controls.automatic or controls.mode is not None
        return self.marked if asked else self.unmarked
