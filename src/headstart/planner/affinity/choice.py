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

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final, NamedTuple

from headstart.planner.affinity.blocks import BlockIndex
from headstart.planner.affinity.contract import Level, ReplicaHistory, Touched
from headstart.planner.affinity.history import HistoryTree
from headstart.planner.affinity.loads import Loads

COPY: Final = 20.0
BALANCE: Final = 1.5
TIE: Final = 256.0
"""Tokens."""
RUNNING: Final = 8.0
"""Tokens that a running stream counts as waiting: a share of each batch is its own."""
_MASK: Final = (1 << 64) - 1


class Asked(NamedTuple):
    """A prompt, as far as routing goes. Free of content."""

    key: bytes
    """Packed symbols, see ``ReplicaHistory``."""
    ends: Sequence[int]
    tokens: int
    """Of the whole prompt: estimated as ``ends`` are, or counted where ``blocks`` is given."""
    family: bytes = b""
    """What decides ties: a digest of the prompt's beginning."""
    blocks: Sequence[int] = ()
    """Keys of the whole blocks, where its token ids are known (``block_keys``)."""
    block_tokens: int = 0


class Choice(NamedTuple):
    """Where to send it."""

    name: str
    slot: int
    held: int
    """Tokens of it that are expected to be there."""
    fresh: int
    """Tokens that are not."""
    best: int
    """Tokens of it that the replica with most of it holds."""


@dataclass(slots=True)
class Replica:
    """What is known of one."""

    name: str
    slot: int
    weight: float
    salt: int
    open: bool = True
    exact: bool = False
    """Its blocks are known from its own events, all of them."""
    reports: bool = False
    """It has said of a request that some of it was read from its cache."""
    pending: dict[int, None] = field(default_factory=dict)
    """Uses by requests whose first byte has not come."""


@dataclass(slots=True)
class Sent:
    """A request on its way. Made by ``Affinity.sent``, ended by exactly one of ``ended`` and
    ``failed``."""

    replica: Replica
    choice: Choice
    touched: Touched
    tokens: int
    """Of the prompt, as ``ends`` estimates them."""
    settled: int
    """Uses below this tick were answered when it was sent."""
    begun: bool = False


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
        salt = int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "little") | 1
        replica = Replica(name, slot, weight, salt)
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
        held, apart, best = self._holdings(asked)
        waiting, running = self.loads.waiting, self.loads.running
        work, scale = self.loads.work(now)
        scale *= self._balance
        tokens, copy, scores = asked.tokens, self._copy, []
        for replica in able:
            slot = replica.slot
            load = waiting[slot] + RUNNING * running[slot] + scale * work[slot]
            fresh = max(0, tokens - held[slot])
            scores.append((load + fresh + copy * apart[slot]) / replica.weight)
        least = min(scores) + self._tie
        near = [r for r, score in zip(able, scores, strict=True) if score <= least]
        chosen = near[0] if len(near) == 1 else _by_hash(asked.family, near)
        there = min(held[chosen.slot], tokens)
        return Choice(chosen.name, chosen.slot, there, tokens - there, min(best, tokens))

    def sent(self, choice: Choice, asked: Asked, now: float) -> Sent:
        """It goes there."""
        replica = self._replicas[choice.name]
        settled = next(iter(replica.pending), None)
        touched = self.history.touch(replica.slot, asked.key, asked.ends)
        replica.pending[touched.tick] = None
        self.loads.given(replica.slot, choice.fresh, now)
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
                self.loads.begun(sent.replica.slot, sent.choice.fresh)

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
            self.loads.taken_back(sent.replica.slot, sent.choice.fresh)
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

    def _holdings(self, asked: Asked) -> tuple[dict[int, int], dict[int, float], int]:
        """By slot, tokens held and ``Level.apart``; and the most tokens that one holds."""
        held: dict[int, int] = {}
        apart: dict[int, float] = {}
        levels = self.history.match(asked.key)
        best = levels[0].tokens if levels else 0
        counted = asked.blocks and asked.ends and asked.ends[-1]
        scale = asked.tokens / asked.ends[-1] if counted else 1.0
        for level in levels:
            for slot in _members(level.replicas):
                held[slot], apart[slot] = round(level.tokens * scale), level.apart * scale
        if asked.blocks:
            exact = self.blocks.match(asked.blocks, asked.block_tokens)
            best = self._with_events(exact, held, apart)
        return held, apart, best

    def _with_events(
        self, levels: list[Level], held: dict[int, int], apart: dict[int, float]
    ) -> int:
        """What events say counts, except where they can't know it: of a prompt that is being
        computed just now, and of a replica whose events are not all there."""
        best = 0
        for level in levels:
            for slot in _members(level.replicas):
                replica = self._slots[slot]
                if replica.exact and not replica.pending:
                    held[slot], apart[slot] = level.tokens, level.apart
                elif level.tokens > held[slot]:
                    held[slot], apart[slot] = level.tokens, min(level.apart, apart[slot])
                best = max(best, held[slot])
        return best

    def _there(self, sent: Sent) -> bool:
        return self._slots.get(sent.replica.slot) is sent.replica


def _members(replicas: int) -> Iterable[int]:
    """The slots of a set."""
    while replicas:
        lowest = replicas & -replicas
        yield lowest.bit_length() - 1
        replicas ^= lowest


def _by_hash(family: bytes, replicas: Sequence[Replica]) -> Replica:
    """Rendezvous hashing: a replica that comes or goes moves its own families alone."""
    seed = int.from_bytes(blake2b(family, digest_size=8).digest(), "little")
    return max(replicas, key=lambda replica: _mixed(seed ^ replica.salt))


def _mixed(value: int) -> int:
    """SplitMix64's finaliser."""
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB & _MASK
    return value ^ (value >> 31)
