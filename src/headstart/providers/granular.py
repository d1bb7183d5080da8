"""Providers that read the longest common prefix of earlier prompts, in steps of tokens.

OpenAI up to 5.5, Gemini's implicit cache, xAI, Mistral, Groq, Kimi, vLLM, SGLang ...
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Any, ClassVar

from headstart.prompt import CUT_BYTES, Chain, Cuts
from headstart.providers.granular_base import Flow
from headstart.providers.granular_request import Found, Place, Request
from headstart.providers.granular_tree import TimedTree
from headstart.usage import MissReason


class GranularEmulator(Flow):
    """A prefix tree of all prompts that were answered, each page with its own lifetime.

    A hit may end anywhere that ``Chain.cuts`` knows. A request costs O(bytes of its cuts),
    however many prompts are held. Memory: 12 bytes a cut and about 600 a stored stretch.
    """

    scheme: ClassVar[str] = "granular"

    def _open(self) -> None:
        self._tree = TimedTree(
            self.rules.lifetimes,
            limit=self._limit,
            capacity=self.rules.capacity,
            order=self.rules.eviction,
        )

    @property
    def entries(self) -> int:
        return self._tree.nodes

    def _find(self, chain: Chain, place: Place, now: float) -> Found:
        cuts, total = chain.cuts, place.before + chain.tokens
        held = self._tree.held(cuts, place.name, now)
        pending = self._flight.held(cuts, place.name)
        live = held.live
        if self.rules.readable == "at_once":
            live = max(live, pending)
        read = self._readable(cuts, live, total, place)
        missed = [
            (self._readable(cuts, held.stored, total, place), MissReason.EXPIRED),
            (self._readable(cuts, pending, total, place), MissReason.NOT_YET_READABLE),
        ]
        if self._router.machines > 1:
            away = max(self._tree.held(cuts, name, now).live for name in self._names(place))
            missed.append((self._readable(cuts, away, total, place), MissReason.ROUTED_ELSEWHERE))
        entry = cuts.symbols[(live - 1) * CUT_BYTES : live * CUT_BYTES].hex() if read else None
        seen = max(held.stored, live)
        return Found(read, entry, cuts.ends[seen - 1] if seen else 0, missed)

    def _keep(self, ticket: Request, now: float) -> None:
        lifetime = self._steps.lifetime(ticket.chain)
        self._tree.write(ticket.chain.cuts, ticket.place.name, lifetime, now)

    def _lose(self, ticket: Request, read: int, now: float) -> None:
        cuts, name = ticket.chain.cuts, ticket.place.name
        keep = bisect_right(cuts.ends, read)
        self._tree.forget(cuts, keep, name)
        lifetime = self._steps.lifetime(ticket.chain)
        if ticket.answered:  # what it did not find it has written itself
            self._tree.write(cuts, name, lifetime, now)
        elif keep:
            kept = Cuts(cuts.symbols[: keep * CUT_BYTES], cuts.ends[:keep])
            self._tree.write(kept, name, lifetime, now)

    def _dump(self) -> Any:
        return self._tree.dump()

    def _restore(self, state: Any) -> None:
        self._tree.restore(state)

    def _readable(self, cuts: Cuts, held: int, total: int, place: Place) -> int:
        tokens = place.before + (cuts.ends[held - 1] if held else 0)
        return self._steps.readable(tokens, total, place.before)

    def _names(self, place: Place) -> list[str]:
        return [f"{place.owners}/{machine}" for machine in range(self._router.machines)]
