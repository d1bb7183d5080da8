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

from headstart.audit.faces import BLOCK, BOUNDARY
from headstart.audit.pieces import NO_PIECES, Added, Pieces, extended, stride_of
from headstart.audit.segments import Segments
from headstart.prefix.beginning import equal_beginning
from headstart.prompt import Chain, Controls, Kind, Mark, Prompt, Segment, chained
from headstart.prompt.chain import SECTIONS
from headstart.prompt.cuts import digest
from headstart.providers import Rules

_LANES: Final = 512
"""Conversations of which the last chain is kept."""
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
    pieces: Pieces
    tools: int
    system: int
    """Segments up to the ends of tools and of system text."""


_EMPTY: Final = _Built([], (), (), (), (), (), NO_PIECES, 0, 0)


class Chains:
    """Makes chains under one provider's rules for one model."""

    def __init__(
        self, segments: Segments, rules: Rules, ratio: float = 1.0, *, why: bool = True
    ) -> None:
        """``ratio`` is what usage says of the tokens counted. Without ``why``, ``Chain.plain``,
        which only reasons are found by, is that of the keys."""
        self._segments = segments
        self._rules = rules
        self._ratio = ratio
        self._cutting = rules.scheme != "breakpoints"
        self._stride = stride_of(rules)
        self._why = why
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
            built.plain if self._why else built.keys,
            built.ends,
            built.positions,
            built.tools,
            built.system,
            tuple([Mark(i, ttl) for i, ttl in asked.marks if i < count]),
            built.boundaries or self._boundaries(segments),
            named.settings,
            asked.controls,
            self._outputs(segments) if self._rules.scheme == "units" else (),
            built.pieces.cuts if self._cutting else None,
        )

    def _extended(self, before: _Built, segments: Sequence[int], named: _Class) -> _Built:
        same = equal_beginning(before.segments, segments)
        if same == len(before.segments) == len(segments):
            return before
        faces, ratio, runs, why = self._segments.faces, self._ratio, self._rules.runs, self._why
        keys, plain, ends, bounds = list[bytes](), list[bytes](), list[int](), list[int]()
        positions, added = list(before.positions[:same]), list[Added]()
        key, end = (before.keys[same - 1], before.ends[same - 1]) if same else (b"", 0)
        text = before.plain[same - 1] if same and why else b""
        last = faces[segments[same - 1]] if same else None
        section, kind = (last.kind, last.type) if last else (-1, "")
        for i in range(same, len(segments)):
            face = faces[segments[i]]
            while section < face.kind:
                section += 1
                key = digest(key, named.folds[section])
                text = digest(text, SECTIONS[section].encode()) if why else b""
            tokens = face.tokens
            if ratio != 1.0 and tokens:
                tokens = max(1, round(tokens * ratio))
            ahead, key, start, end = key, digest(key, face.digest), end, end + tokens
            if why:
                text = digest(text, face.digest)
                plain.append(text)
            if self._cutting:
                added.append(Added(face, ahead, key, start, end))
            keys.append(key)
            ends.append(end)
            positions.append(self._position(positions, face.type, kind, runs))
            kind = face.type
            if face.flags & BOUNDARY:
                bounds.append(i)
        tools, system = before.tools, before.system
        if same <= system:
            tools, system = (
                bisect_left(segments, kind, key=lambda number: faces[number].kind)
                for kind in (1, 2)
            )
        return _Built(
            segments,
            before.keys[:same] + tuple(keys),
            before.plain[:same] + tuple(plain),
            before.ends[:same] + tuple(ends),
            tuple(positions),
            before.boundaries[: bisect_left(before.boundaries, same)] + tuple(bounds),
            extended(before.pieces, same, added, self._stride) if self._cutting else NO_PIECES,
            tools,
            system,
        )

    @staticmethod
    def _position(found: list[int], kind: str, before: str, runs: frozenset[str]) -> int:
        """Of blocks without text nobody knows where messages end: they all share one."""
        if not found or kind == BLOCK:
            return 0
        return found[-1] + (not (kind == before and kind in runs))

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
