"""A prompt as a provider's cache keys it: chained digests, one a segment.

Hashing is the dear part of looking a prompt up; a ``Chain`` is made once and asked often.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from itertools import accumulate
from typing import NamedTuple

from headstart.prompt.canonical import canonical_json
from headstart.prompt.prompt import Controls, Kind, Prompt, Segment

DIGEST_BYTES = 16
SECTIONS = (Kind.TOOL, Kind.SYSTEM, Kind.MESSAGE)


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
) -> Chain:
    """Hash and count a prompt.

    ``settings`` names those of ``prompt.settings`` that are part of the key, each with the
    first section whose entries it changes; a name covers what lies under it
    (``output_config`` covers ``output_config.effort``). ``runs`` are the segment types of
    which a run counts as one lookback position. ``model`` replaces the prompt's in the key.
    """
    name = model or prompt.model
    folded = _folded(prompt.settings, settings or {})
    key, plain = _digest(b"", name.encode()), b""
    keys, plains = [], []
    section = -1
    for segment in prompt.segments:
        while section < SECTIONS.index(segment.kind):
            section += 1
            key = _digest(key, folded[SECTIONS[section]])
            plain = _digest(plain, SECTIONS[section].encode())
        content = _content(segment)
        key, plain = _digest(key, content), _digest(plain, content)
        keys.append(key)
        plains.append(plain)
    kinds = [segment.kind for segment in prompt.segments]
    tools = kinds.count(Kind.TOOL)
    return Chain(
        name,
        tuple(keys),
        tuple(plains),
        tuple(accumulate(count(segment) for segment in prompt.segments)),
        _positions(prompt.segments, runs),
        tools,
        tools + kinds.count(Kind.SYSTEM),
        tuple(Mark(i, s.ttl) for i, s in enumerate(prompt.segments) if s.ttl is not None),
        tuple(i for i, segment in enumerate(prompt.segments) if segment.boundary),
        {k: v for k, v in prompt.settings.items() if _section(k, settings or {})},
        prompt.controls,
    )


def _content(segment: Segment) -> bytes:
    """Role and content: the same text from another speaker is another prompt."""
    content = segment.canonical or canonical_json(segment.content).encode("utf-8", "surrogatepass")
    return segment.role.encode() + b"\x00" + content


def _digest(before: bytes, content: bytes) -> bytes:
    """``before`` has a fixed length (or is the empty start), so no two pairs collide."""
    return blake2b(before + content, digest_size=DIGEST_BYTES).digest()


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


def _positions(segments: tuple[Segment, ...], runs: Collection[str]) -> tuple[int, ...]:
    found: list[int] = []
    before = ""
    for segment in segments:
        same = segment.type == before and segment.type in runs
        found.append(found[-1] + (not same) if found else 0)
        before = segment.type
    return tuple(found)
