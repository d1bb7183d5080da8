"""Which replica a request is sent to: where most of its prefix lies, weighed against load.

A replica's score, in tokens to prefill, the least one wins:

    waiting           what it has to do first
    + fresh           what it would have to compute of this prompt
    + COPY * apart    what others hold already: computing it again keeps everyone waiting, the
                      less so the more prompts go on behind it (``Level.apart``)
    + BALANCE * work  what it was given in the last half minute or so

over its weight. So a conversation stays where it is until waiting costs far more than
computing it anew, a popular beginning is copied to wherever there is room (a hot prefix
spreads), and new conversations go where least was done lately. Scores that are about equal
are a tie, which a hash of the prompt's beginning and the replica's name decides, the same in
every process.

COPY and BALANCE were chosen on ``python -m benchmarks.routing``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from headstart.planner.affinity.blocks import BlockIndex
from headstart.planner.affinity.contract import ReplicaHistory
from headstart.planner.affinity.history import HistoryTree
from headstart.planner.affinity.loads import Loads
from headstart.planner.affinity.rendezvous import by_hash, salt_of
from headstart.planner.affinity.requests import Asked, Choice, Replica, Sent

COPY: Final = 20.0
BALANCE: Final = 2.0
TIE: Final = 64.0
"""Tokens at most; of a short prompt, a sixteenth."""
REQUEST: Final = 88
"""Tokens that a request costs beside its own: measured with the built-in engine on two cores,
0.044 s at 2,000 tokens a second."""
RUNNING: Final = 8.0
"""Tokens that a running stream counts as waiting: a share of each batch is its own. A default
of ours, not measured."""


class Affinity:
    """The replicas of one route. Not safe across threads."""

    def __init__(
        self,
        history: ReplicaHistory | None = None,
        *,
        copy: float = COPY,
        balance: float = BALANCE,
        tie: float = TIE,
    ) -> None:
        self.history = history or HistoryTree()
        self.blocks = BlockIndex()
        self.loads = Loads()
        self._copy, self._balance, self._tie = copy, balance, tie
        self._replicas: dict[str, Replica] = {}
        self._slots: dict[int, Replica] = {}

    def __getitem__(self, name: str) -> Replica:
        """KeyError, here and below, for a name that is not there."""
        return self._replicas[name]

    def add(self, name: str, capacity: int, weight: float = 1.0) -> Replica:
        """An open replica with an empty cache of ``capacity`` tokens. ValueError if the name
        is taken or the weight is not above 0."""
        if name in self._replicas or weight <= 0:
            raise ValueError(f"replica {name!r}: taken, or a weight of {weight}")
        slot = next(n for n in range(len(self._slots) + 1) if n not in self._slots)
        replica = Replica(name, slot, weight, salt_of(name))
        self._replicas[name] = self._slots[slot] = replica
        self.history.add(slot, capacity)
        self.blocks.add(slot)
        self.loads.add(slot)
        return replica

    def remove(self, name: str) -> None:
        """It is gone; what is still on its way there ends without effect."""
        replica = self._replicas.pop(name)
        del self._slots[replica.slot]
        self.history.remove(replica.slot)
        self.blocks.remove(replica.slot)
        self.loads.remove(replica.slot)

    def clear(self, name: str) -> None:
        """Its cache was emptied."""
        slot = self._replicas[name].slot
        self.history.clear(slot)
        self.blocks.clear(slot)

    def choose(self, asked: Asked, now: float, without: Iterable[str] = ()) -> Choice | None:
        """The best open replica; None if there is none. Changes nothing."""
        left_out = frozenset(without)
        able = [r for r in self._replicas.values() if r.open and r.name not in left_out]
        if not able:
            return None
        held, apart, cold, best = self._holdings(asked)
        waiting, running = self.loads.waiting, self.loads.running
        work, scale = self.loads.work(now)
        scale *= self._balance
        tokens, copy = asked.tokens, self._copy
        own = {slot: max(0, tokens - has) + copy * apart[slot] for slot, has in held.items()}
        none = tokens + copy * cold
        scores = [
            (waiting[s] + RUNNING * running[s] + scale * work[s] + own.get(s, none)) / r.weight
            for r in able
            for s in (r.slot,)
        ]
        least = min(scores) + min(self._tie, tokens / 16)
        near = [r for r, score in zip(able, scores, strict=True) if score <= least]
        chosen = near[0] if len(near) == 1 else by_hash(asked.family, near)
        there = min(held.get(chosen.slot, 0), tokens)
        return Choice(chosen.name, chosen.slot, there, tokens - there, min(best, tokens))

    def sent(self, choice: Choice, asked: Asked, now: float) -> Sent:
        """It goes there."""
        replica = self._replicas[choice.name]
        settled = next(iter(replica.pending), None)
        touched = self.history.touch(replica.slot, asked.key, asked.ends)
        replica.pending[touched.tick] = asked.family
        self.loads.given(replica.slot, choice.fresh + REQUEST, now)
        estimate = asked.ends[-1] if asked.ends else asked.tokens
        return Sent(
            replica, choice, touched, estimate, touched.tick if settled is None else settled
        )

    def begun(self, sent: Sent) -> None:
        """Its first byte came: its prompt is prefilled."""
        if not sent.begun:
            sent.begun = True
            sent.replica.pending.pop(sent.touched.tick, None)
            if self._there(sent):
                self.loads.begun(sent.replica.slot, sent.choice.fresh + REQUEST)

    def ended(self, sent: Sent, read: int | None = None, tokens: int | None = None) -> None:
        """It is over. ``read``: tokens that the replica says it read of ``tokens``; what it
        should have read and did not is gone, and so is what was last used before."""
        self.begun(sent)
        if not self._there(sent):
            return
        self.loads.over(sent.replica.slot)
        if read is None or not tokens or not sent.tokens:
            return
        sent.replica.reports = sent.replica.reports or read > 0
        if sent.replica.reports:
            self._correct(sent, read, tokens)

    def failed(self, sent: Sent) -> None:
        """It never got there, or no answer of it came."""
        sent.replica.pending.pop(sent.touched.tick, None)
        if not self._there(sent):
            return
        if sent.begun:
            self.loads.over(sent.replica.slot)
        else:
            self.loads.taken_back(sent.replica.slot, sent.choice.fresh + REQUEST)
            self.history.retract(sent.replica.slot, sent.touched)

    def _correct(self, sent: Sent, read: int, tokens: int) -> None:
        """Counts of tokens are estimates, and engines read whole blocks: a little less than
        expected is as expected."""
        scale = tokens / sent.tokens
        reach = (read + max(256.0, 0.1 * tokens)) / scale
        for end, tick in sent.touched.stages:
            if end > reach:
                if tick < sent.settled:
                    self.history.expire(sent.replica.slot, tick)
                return

    def _holdings(self, asked: Asked) -> tuple[dict[int, int], dict[int, float], float, int]:
        """By slot, tokens held and ``Level.apart``; the latter for those that are not listed,
        which hold nothing; and the most tokens that one holds."""
        held: dict[int, int] = {}
        apart: dict[int, float] = {}
        levels, cold = self.history.match(asked.key), 0.0
        counted = asked.blocks and asked.ends and asked.ends[-1]
        scale = asked.tokens / asked.ends[-1] if counted else 1.0
        for level in levels:
            if not level.tokens:
                cold = level.apart * scale
                continue
            for slot in _members(level.replicas):
                held[slot], apart[slot] = round(level.tokens * scale), level.apart * scale
        if asked.blocks:
            self._with_events(asked, held, apart, cold)
        return held, apart, cold, max(held.values(), default=0)

    def _with_events(
        self, asked: Asked, held: dict[int, int], apart: dict[int, float], cold: float
    ) -> None:
        """What events say counts, except where they can't know it: of a prompt of whose family
        one is being computed just now, and of a replica whose events are not all there."""
        for level in self.blocks.match(asked.blocks, asked.block_tokens):
            for slot in _members(level.replicas):
                replica = self._slots[slot]
                known = replica.exact and asked.family not in replica.pending.values()
                if known or level.tokens > held.get(slot, 0):
                    before = level.apart if known else apart.get(slot, cold)
                    apart[slot] = min(level.apart, before)
                    held[slot] = level.tokens

    def _there(self, sent: Sent) -> bool:
        return self._slots.get(sent.replica.slot) is sent.replica


def _members(replicas: int) -> Iterable[int]:
    """The slots of a set."""
    while replicas:
        lowest = replicas & -replicas
        yield lowest.bit_length() - 1
        replicas ^= lowest
