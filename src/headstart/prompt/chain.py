"""A prompt as a provider's cache keys it: chained digests, one a segment.

Hashing is the dear part of looking a prompt up; a ``Chain`` is made once and asked often.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from headstart.prompt.canonical import canonical_json
from headstart.prompt.contents import content_of, counted
from headstart.prompt.cuts import CUT_BYTES, Cuts, Cutter, digest
from headstart.prompt.known import Mine
from headstart.prompt.parts import NO_PARTS, Parts, parts_of
from headstart.prompt.prompt import Controls, Kind, Prompt, Segment

SECTIONS = (Kind.TOOL, Kind.SYSTEM, Kind.MESSAGE)
_RANKS = {kind: rank for rank, kind in enumerate(SECTIONS)}


class Mark(NamedTuple):
    """A cache directive: on which segment it stands, and the seconds it asks for."""

    segment: int
    ttl: float


@dataclass(frozen=True, slots=True)
class Chain:
    """``n`` segments, hashed and counted. Everything here is free of content."""

    model: str
    keys: tuple[bytes, ...]
    """n digests; ``keys[i]`` stands for segments 0..i under this model and settings."""
    plain: tuple[bytes, ...]
    """n digests of the same prefixes whatever the model and the settings."""
    ends: tuple[int, ...]
    """n counts of tokens, from the start through segment i; never falling."""
    positions: tuple[int, ...]
    """n numbers, from 0: what a lookback counts. Runs of one kind of block may share one."""
    tools: int
    """Segments 0..tools-1 are tools, tools..system-1 are system text."""
    system: int
    marks: tuple[Mark, ...]
    """In prompt order."""
    boundaries: tuple[int, ...]
    """Segments at whose end the provider may put a breakpoint of its own."""
    settings: Mapping[str, str]
    controls: Controls
    outputs: tuple[tuple[int, int], ...] = ()
    """First and last segment of each run that the model is said to have written."""
    pieces: Cuts | None = None
    """Cuts within segments and at their ends, where they were asked for."""
    parts: Parts = NO_PARTS
    """Digests of parts of the prompt on their own."""

    @classmethod
    def of_blocks(
        cls,
        model: str,
        blocks: Sequence[bytes],
        size: int,
        *,
        tokens: int | None = None,
        tools: int = 0,
        system: int = 0,
        marks: Sequence[Mark] = (),
        boundaries: Sequence[int] = (),
        controls: Controls | None = None,
    ) -> Chain:
        """A prompt that is already tokenised: each block is a segment of ``size`` tokens, the
        last one shorter if ``tokens`` says so. ``blocks`` are digests or ids of their
        content, chained here. The first ``tools`` blocks are tools, those up to ``system``
        system text. ValueError if the sizes do not fit."""
        count = len(blocks)
        total = count * size if tokens is None else tokens
        holds = (count - 1) * size < total <= count * size if count else total == 0
        if size < 1 or not holds:
            raise ValueError(f"{count} blocks of {size} tokens do not hold {total} tokens")
        if not 0 <= tools <= max(tools, system) <= count:
            raise ValueError(f"tools end at {tools}, system at {system}, of {count} blocks")
        key, plain = digest(b"", model.encode()), b""
        keys, plains = [], []
        for block in blocks:
            key, plain = digest(key, block), digest(plain, block)
            keys.append(key)
            plains.append(plain)
        ends = tuple(min(end, total) for end in range(size, count * size + 1, size))
        return cls(
            model,
            tuple(keys),
            tuple(plains),
            ends,
            tuple(range(count)),
            tools,
            max(tools, system),
            tuple(marks),
            tuple(boundaries),
            {},
            controls or Controls(),
            pieces=Cuts(b"".join(key[:CUT_BYTES] for key in keys), ends),
        )

    def marked(self, marks: tuple[Mark, ...], controls: Controls | None = None) -> Chain:
        """The same prompt with other marks, and with other controls if there are any."""
        # ``dataclasses.replace`` takes three times as long.
        return Chain(
            self.model,
            self.keys,
            self.plain,
            self.ends,
            self.positions,
            self.tools,
            self.system,
            marks,
            self.boundaries,
            self.settings,
            controls or self.controls,
            self.outputs,
            self.pieces,
            self.parts,
        )

    @property
    def cuts(self) -> Cuts:
        """The finest prefixes known: ``pieces``, or else the ends of the segments."""
        if self.pieces is not None:
            return self.pieces
        return Cuts(b"".join(key[:CUT_BYTES] for key in self.keys), self.ends)

    @property
    def tokens(self) -> int:
        """Input tokens of the whole prompt."""
        return self.ends[-1] if self.ends else 0


def chained(
    prompt: Prompt,
    count: Callable[[Segment], int],
    *,
    model: str | None = None,
    settings: Mapping[str, Kind] | None = None,
    runs: Collection[str] = (),
    piece_bytes: int = 0,
    known: Mine | None = None,
) -> Chain:
    """Hash and count a prompt.

    ``settings`` names those of ``prompt.settings`` that are part of the key, each with the
    first section whose entries it changes; a name covers what lies under it
    (``output_config`` covers ``output_config.effort``). ``runs`` are the segment types of
    which a run counts as one lookback position. ``model`` replaces the prompt's in the key.
    ``piece_bytes`` cuts segments further, every so many bytes of their canonical form; the
    places depend on what stands before them alone, so that two texts that differ late share
    all earlier cuts. 0: ``Chain.pieces`` is None. ``known`` spares long segments that were met
    before their counting and cutting, as long as ``count`` and all that is asked here stay the
    same.
    """
    name, settings, segments = model or prompt.model, settings or {}, prompt.segments
    kept = {k: v for k, v in prompt.settings.items() if _section(k, settings)}
    folded = _folded(kept, settings) if kept else _NOTHING_FOLDED
    key, plain = digest(b"", name.encode()), b""
    keys, plains = [], []
    pieces = Cutter(piece_bytes, known) if piece_bytes else None
    contents = [content_of(segment) for segment in segments]
    counts = [counted(s, c, count, known) for s, c in zip(segments, contents, strict=True)]
    section = -1
    for segment, content, tokens in zip(segments, contents, counts, strict=True):
        while section < _RANKS[segment.kind]:
            section += 1
            key = digest(key, folded[SECTIONS[section]])
            plain = digest(plain, SECTIONS[section].encode())
        before = key
        key, plain = digest(key, content.key), digest(plain, content.key)
        keys.append(key)
        plains.append(plain)
        if pieces is not None:
            pieces.cut(before, content, key, tokens)
    kinds = [segment.kind for segment in segments]
    tools = kinds.count(Kind.TOOL)
    system = tools + kinds.count(Kind.SYSTEM)
    shown = [content.key for content in contents[: system + 1]]
    return Chain(
        name,
        tuple(keys),
        tuple(plains),
        tuple(accumulate(counts)),
        _positions(segments, runs),
        tools,
        system,
        tuple([Mark(i, s.ttl) for i, s in enumerate(segments) if s.ttl is not None]),
        tuple([i for i, segment in enumerate(segments) if segment.boundary]),
        kept,
        prompt.controls,
        _outputs(segments),
        pieces.cuts() if pieces is not None else None,
        parts_of(shown[:tools], shown[tools:system], b"".join(shown[system:])),
    )


def _outputs(segments: tuple[Segment, ...]) -> tuple[tuple[int, int], ...]:
    runs: list[tuple[int, int]] = []
    for i, segment in enumerate(segments):
        if segment.role == "assistant":
            first = runs.pop()[0] if runs and runs[-1][1] == i - 1 else i
            runs.append((first, i))
    return tuple(runs)


def _section(name: str, settings: Mapping[str, Kind]) -> Kind | None:
    """The section from which on a setting counts, by its longest listed prefix."""
    while name:
        if name in settings:
            return settings[name]
        name = name.rpartition(".")[0]
    return None


def _folded(given: Mapping[str, str], settings: Mapping[str, Kind]) -> dict[Kind, bytes]:
    """For each section, the settings that change it but none before it, as bytes."""
    return {
        kind: canonical_json(
            sorted(item for item in given.items() if _section(item[0], settings) == kind)
        ).encode("utf-8", "surrogatepass")
        for kind in SECTIONS
    }


_NOTHING_FOLDED = _folded({}, {})


def _positions(segments: tuple[Segment, ...], runs: Collection[str]) -> tuple[int, ...]:
    found: list[int] = []
    before = ""
    for segment in segments:
        same = segment.type == before and segment.type in runs
        found.append(found[-1] + (not same) if found else 0)
        before = segment.type
    return tuple(found)
