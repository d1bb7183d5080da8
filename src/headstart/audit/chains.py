"""Rows as the chains that an emulator takes, from digests alone.

Keys are chained from the segments' digests instead of their bytes: other keys than a
gateway's, equal wherever those are equal. Most of a prompt is that of an earlier request of
its conversation, and is taken from there.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Sequence
from functools import cache
from itertools import accumulate
from typing import Final, NamedTuple

from headstart.audit.faces import BLOCK, BOUNDARY, PIECE
from headstart.audit.segments import Segments
from headstart.prefix.beginning import equal_beginning
from headstart.prompt import CUT_BYTES, Chain, Controls, Cuts, Kind, Mark, Prompt, Segment, chained
from headstart.prompt.chain import SECTIONS
from headstart.prompt.cuts import digest
from headstart.providers import Rules

_LANES: Final = 512
"""Conversations of which the last chain is kept."""
_BYTES_PER_TOKEN: Final = 4
_PIECE_TOKENS: Final = (16, 64)
"""As the emulators of caches without markers cut a segment."""
THINKING: Final = ("thinking", "redacted_thinking")


class Asked(NamedTuple):
    """What of a request its chain depends on."""

    lane: int
    """Requests of one lane share much of their prompts."""
    model: str
    segments: Sequence[int]
    marks: Sequence[tuple[int, float]]
    settings: tuple[tuple[str, str], ...]
    controls: Controls


class _Class(NamedTuple):
    """Model and settings, as far as they count for keys."""

    folds: tuple[bytes, ...]
    """What keys from each section on depend on."""
    settings: dict[str, str]


class _Built(NamedTuple):
    """A chain and what else is needed to build on it."""

    segments: Sequence[int]
    keys: tuple[bytes, ...]
    plain: tuple[bytes, ...]
    ends: tuple[int, ...]
    positions: tuple[int, ...]
    boundaries: tuple[int, ...]
    symbols: tuple[bytes, ...]
    cuts: tuple[tuple[int, ...], ...]
    tools: int
    system: int
    """Segments up to the ends of tools and of system text."""


_EMPTY: Final = _Built([], (), (), (), (), (), (), (), 0, 0)


class Chains:
    """Makes chains under one provider's rules for one model."""

    def __init__(self, segments: Segments, rules: Rules, ratio: float = 1.0) -> None:
        """``ratio`` is what usage says of the tokens counted."""
        self._segments = segments
        self._rules = rules
        self._ratio = ratio
        self._cutting = rules.scheme != "breakpoints"
        low, high = _PIECE_TOKENS
        size = _BYTES_PER_TOKEN * min(high, max(low, rules.granularity // 4))
        self._stride = max(1, size // PIECE)
        self._classes: dict[tuple[str, tuple[tuple[str, str], ...]], _Class] = {}
        self._lanes: OrderedDict[tuple[int, int], _Built] = OrderedDict()

    def chain(self, asked: Asked) -> Chain:
        """One request's."""
        named = self._class(asked.model, asked.settings)
        segments = asked.segments
        if self._rules.strips_thinking:
            segments = self._stripped(segments)
        place = (asked.lane, id(named))
        before = self._lanes.pop(place, _EMPTY)
        built = self._extended(before, segments, named)
        self._lanes[place] = built
        if len(self._lanes) > _LANES:
            self._lanes.popitem(last=False)
        count = len(segments)
        return Chain(
            asked.model,
            built.keys,
            built.plain,
            built.ends,
            built.positions,
            built.tools,
            built.system,
            tuple([Mark(i, ttl) for i, ttl in asked.marks if i < count]),
            built.boundaries or self._boundaries(segments),
            named.settings,
            asked.controls,
            self._outputs(segments) if self._rules.scheme == "units" else (),
            self._cuts(built) if self._cutting else None,
        )

    def _extended(self, before: _Built, segments: Sequence[int], named: _Class) -> _Built:
        same = equal_beginning(before.segments, segments)
        faces, ratio, runs = self._segments.faces, self._ratio, self._rules.runs
        keys, plain = list(before.keys[:same]), list(before.plain[:same])
        positions = list(before.positions[:same])
        counts, bounds = [before.ends[same - 1] if same else 0], []
        symbols, cuts = list(before.symbols[:same]), list(before.cuts[:same])
        key, text = (keys[-1], plain[-1]) if same else (b"", b"")
        last = faces[segments[same - 1]] if same else None
        section, kind = (last.kind, last.type) if last else (-1, "")
        for i in range(same, len(segments)):
            face = faces[segments[i]]
            while section < face.kind:
                section += 1
                key = digest(key, named.folds[section])
                text = digest(text, SECTIONS[section].encode())
            tokens = face.tokens
            if ratio != 1.0 and tokens:
                tokens = max(1, round(tokens * ratio))
            start = key
            key, text = digest(key, face.digest), digest(text, face.digest)
            if self._cutting:
                symbols.append(_symbols(face.cuts, self._stride, start) + key[:CUT_BYTES])
                cuts.append(_within(counts[-1], tokens, face.size, len(face.cuts), self._stride))
            keys.append(key)
            plain.append(text)
            counts.append(counts[-1] + tokens)
            positions.append(self._position(positions, face.type, kind, runs))
            kind = face.type
            if face.flags & BOUNDARY:
                bounds.append(i)
        kept = before.boundaries[: bisect_left(before.boundaries, same)]
        tools, system = before.tools, before.system
        if same <= system:
            tools, system = (
                bisect_left(segments, kind, key=lambda number: faces[number].kind)
                for kind in (1, 2)
            )
        return _Built(
            segments,
            tuple(keys),
            tuple(plain),
            before.ends[:same] + tuple(counts[1:]),
            tuple(positions),
            kept + tuple(bounds),
            tuple(symbols),
            tuple(cuts),
            tools,
            system,
        )

    @staticmethod
    def _position(found: list[int], kind: str, before: str, runs: frozenset[str]) -> int:
        """Of blocks without text nobody knows where messages end: they all share one."""
        if not found or kind == BLOCK:
            return 0
        return found[-1] + (not (kind == before and kind in runs))

    def _cuts(self, built: _Built) -> Cuts:
        ends: list[int] = []
        for within, end in zip(built.cuts, built.ends, strict=True):
            ends += within
            ends.append(end)
        return Cuts(b"".join(built.symbols), tuple(ends))

    def _stripped(self, segments: Sequence[int]) -> Sequence[int]:
        """Without the thinking before the last user turn that is no tool result."""
        faces = self._segments.faces
        if not any(faces[number].type in THINKING for number in segments):
            return segments
        messages = list(accumulate(faces[number].step for number in segments))
        last = max(
            (
                message
                for number, message in zip(segments, messages, strict=True)
                if faces[number].role == "user" and faces[number].type != "tool_result"
            ),
            default=-1,
        )
        return [
            self._segments.dropped(number)
            if faces[number].type in THINKING and message < last
            else number
            for number, message in zip(segments, messages, strict=True)
        ]

    def _boundaries(self, segments: Sequence[int]) -> tuple[int, ...]:
        """For a dialect that knows of none: ends of what the model did not say itself."""
        if self._rules.implicit != "default":
            return ()
        faces, last = self._segments.faces, len(segments) - 1
        return tuple(
            i
            for i, number in enumerate(segments)
            if faces[number].type == BLOCK
            or (
                faces[number].role != "assistant"
                and faces[number].kind
                and (i == last or faces[segments[i + 1]].step)
            )
        )

    def _outputs(self, segments: Sequence[int]) -> tuple[tuple[int, int], ...]:
        faces = self._segments.faces
        runs: list[tuple[int, int]] = []
        for i, number in enumerate(segments):
            if faces[number].role == "assistant":
                first = runs.pop()[0] if runs and runs[-1][1] == i - 1 else i
                runs.append((first, i))
        return tuple(runs)

    def _class(self, model: str, settings: tuple[tuple[str, str], ...]) -> _Class:
        found = self._classes.get((model, settings))
        if found is None:
            probe = chained(_probe(model, settings), lambda _: 0, settings=self._rules.settings)
            found = _Class(probe.keys, dict(probe.settings))
            self._classes[model, settings] = found
        return found


@cache
def _probe(model: str, settings: tuple[tuple[str, str], ...]) -> Prompt:
    """A prompt whose keys tell what of model and settings counts from each section on."""
    segments = tuple(
        Segment(kind, "", -1, 0, "", None, None, canonical=b"null")
        for kind in (Kind.TOOL, Kind.SYSTEM, Kind.MESSAGE)
    )
    return Prompt(model, segments, dict(settings))


def _symbols(cuts: bytes, stride: int, before: bytes) -> bytes:
    """The cuts within a segment, told apart by what stands before it."""
    if stride > 1:
        count = len(cuts) // CUT_BYTES
        cuts = b"".join(
            cuts[i * CUT_BYTES : (i + 1) * CUT_BYTES] for i in range(stride - 1, count, stride)
        )
    if not cuts:
        return cuts
    mask = before[:CUT_BYTES].ljust(CUT_BYTES, b"\0") * (len(cuts) // CUT_BYTES)
    mixed = int.from_bytes(cuts, "big") ^ int.from_bytes(mask, "big")
    return mixed.to_bytes(len(cuts), "big")


def _within(start: int, tokens: int, size: int, cuts: int, stride: int) -> tuple[int, ...]:
    """Tokens up to each cut within a segment; interpolated, as the emulators do."""
    step = PIECE * stride
    count = cuts // CUT_BYTES // stride
    return tuple([start + at * tokens // size for at in range(step, count * step + 1, step)])
