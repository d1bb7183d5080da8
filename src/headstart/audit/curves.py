"""Hit rates over the lifetime of what is held, and over how much of it is."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from math import inf
from typing import Final, NamedTuple

from headstart.audit.faces import PIECE
from headstart.audit.findings import Curve
from headstart.audit.log import Log
from headstart.audit.world import World
from headstart.prefix.workload import Call, Workload
from headstart.pricing import (
    OPEN_MODELS,
    TIERS,
    ConfigError,
    Machine,
    five_minute_rule,
    kv_size,
)
from headstart.prompt import CUT_BYTES

TTLS: Final = (10, 30, 60, 300, 600, 1800, 3600, 7200, 21_600, 43_200, 86_400)
CAPACITY: Final = "capacity"
_POINTS: Final = 40
_MOST_BLOCKS: Final = 20_000_000
_LEAST_BLOCK: Final = 128
_RECENT: Final = 2048
"""Prompts whose blocks are kept."""


def curves_of(world: World, input_tokens: Sequence[int]) -> tuple[Curve, ...]:
    """Over lifetimes always; over capacities where numpy is installed."""
    workload = _workload(world, input_tokens)
    if not workload.calls or not workload.tokens:
        return ()
    found = [_by_ttl(workload)]
    capacity = _by_capacity(world, workload)
    return (*found, capacity) if capacity is not None else (*found,)


def _workload(world: World, input_tokens: Sequence[int]) -> Workload:
    """Prompts as blocks of about equal size, numbered by all that stands before them;
    ``input_tokens`` of each row."""
    rows = [row for row in world.log.rows if world.known(row) and not row.failed]
    size = _LEAST_BLOCK
    while sum(input_tokens) // size > _MOST_BLOCKS:
        size *= 2
    paths = _Paths(world.log, size)
    workload = Workload("log", size)
    for row in rows:
        path = paths.of(row.node)
        workload.calls.append(Call(row.time, path.blocks, path.tokens))
    workload.footprint = len(paths.numbers)
    return workload


class _Path(NamedTuple):
    """Blocks up to a node, and tokens."""

    blocks: array[int]
    tokens: int


class _Paths:
    """Blocks of nodes; those of a prompt are mostly those of an earlier one. A block ends at
    the first cut at or behind a multiple of ``size`` tokens, as far as a segment's size tells
    where that is: texts that begin alike may share a block behind one that they do not."""

    def __init__(self, log: Log, size: int) -> None:
        self._trie = log.trie
        self._faces = log.segments.faces
        self._size = size
        self._recent: dict[int, _Path] = {0: _Path(array("i"), 0)}
        self.numbers: dict[tuple[int, bytes], int] = {}

    def of(self, node: int) -> _Path:
        """Of one prompt."""
        todo = []
        while node not in self._recent:
            todo.append(node)
            node = self._trie.parent[node]
        path = self._recent[node]
        if not todo:
            return path
        blocks, tokens = path.blocks[:], path.tokens
        for step in reversed(todo):
            tokens = self._step(blocks, tokens, step)
        found = self._recent[todo[0]] = _Path(blocks, tokens)
        if len(self._recent) > _RECENT:
            del self._recent[next(one for one in self._recent if one)]
        return found

    def _step(self, blocks: array[int], before: int, node: int) -> int:
        """Add the blocks that end within a node's segment; tokens up to its end."""
        face = self._faces[self._trie.segment[node]]
        end, size = before + face.tokens, self._size
        wanted = before // size * size + size
        while wanted <= end:
            # Cuts are at multiples of PIECE bytes; behind the last of them is the end.
            at = -(-(wanted - before) * face.size // (PIECE * face.tokens)) - 1
            cut = face.cuts[at * CUT_BYTES : (at + 1) * CUT_BYTES]
            key = (self._trie.parent[node], cut) if cut else (node, b"")
            blocks.append(self.numbers.setdefault(key, len(self.numbers)))
            wanted += size
        return end


def _by_ttl(workload: Workload) -> Curve:
    """Everything lives for so long after each use; room is no matter."""
    last: dict[int, float] = {}
    gaps: list[int] = [0] * (len(TTLS) + 1)
    for call in workload.calls:
        for block in call.blocks:
            before = last.get(block)
            if before is not None:
                gaps[bisect_left(TTLS, call.time - before)] += 1
            last[block] = call.time
    hits, found, tokens = 0, [], workload.tokens
    for count in gaps:
        hits += count
        found.append(hits * workload.block_tokens / tokens)
    return Curve(
        "ttl",
        (*map(float, TTLS), inf),
        tuple(min(1.0, rate) for rate in found),
        (),
        f"prefixes of {workload.block_tokens} tokens, each kept for so long after its last use",
    )


def _by_capacity(world: World, workload: Workload) -> Curve | None:
    """Least recently used goes first."""
    try:
        from headstart.prefix.curve import hit_curve
    except ModuleNotFoundError:
        return None
    hits = hit_curve(workload).by_capacity()
    last = len(hits) - 1
    places = sorted({round(last * (i / _POINTS) ** 2) for i in range(_POINTS + 1)} - {0})
    name = world.log.options.kv_model
    note, size = _machine(name, workload, int(hits[last]) * workload.block_tokens)
    held = [place * workload.block_tokens for place in places]
    tokens = workload.tokens
    return Curve(
        CAPACITY,
        tuple(map(float, held)),
        tuple(float(hits[place]) * workload.block_tokens / tokens for place in places),
        tuple(count * size for count in held),
        note,
    )


def _machine(name: str, workload: Workload, read: int) -> tuple[str, float]:
    """What it saves on hardware of one's own, and bytes of KV a token."""
    model = OPEN_MODELS.get(name)
    if model is None:
        return f"no shape is known of {name}: bytes are left at 0", 0.0
    try:
        size = float(kv_size(model.config).full)
    except ConfigError as error:
        return f"{name}: {error}", 0.0
    machine = Machine()
    rate = machine.prefill_rate(model.active)
    each = read / max(1, len(workload.calls)) / rate
    rules = ", ".join(
        f"{rule.tier} {_span(rule.interval)}"
        for rule in (five_minute_rule(size, rate, tier) for tier in TIERS)
    )
    hours = read / rate / 3600
    return (
        f"KV of {name}, {size / 1024:.0f} KiB a token; with all of it held, {hours:,.2f} GPU hours "
        f"less and {each:.2f} s less to the first token, of {rate:,.0f} tokens a second "
        f"(${machine.dollars_per_hour:g} an hour); worth keeping if used again within: {rules}"
    ), size


def _span(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"
