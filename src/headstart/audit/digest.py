"""A record without its bulk: distinct segments by number, the rest of a prompt as a list of them.

Made in the processes that read, so that what crosses to the one that audits is small: a
segment crosses once, and a prompt as what it adds to the prompt before it.
"""

from __future__ import annotations

from array import array
from functools import cache
from hashlib import sha256
from typing import Final, NamedTuple

from headstart.audit.faces import BLOCK, BOUNDARY, MARKABLE, Face, cuts_of
from headstart.audit.options import Options
from headstart.audit.record import Blocks, Record
from headstart.audit.texts import Texts
from headstart.explain import served
from headstart.prefix.beginning import equal_beginning
from headstart.pricing.rows import COMPILED
from headstart.prompt import Controls, Prompt, Segment, canonical_json
from headstart.prompt.chain import SECTIONS
from headstart.providers import provider_of_model
from headstart.tokens import Counter, counter_of

_LONG: Final = 16_384
"""Characters of a text that is counted in pieces: prompts that grow repeat these."""
_MET: Final = 32 << 20
"""Characters of segments that are known again as the same objects."""


_Key = tuple[bytes, int, int, int, int, str]


class Digested(NamedTuple):
    """One record. Segments go by the numbers of the ``Digester`` that made it."""

    path: str
    line: int
    model: str
    provider: str
    assumed: bool
    """The log says neither provider nor model enough to know whose cache it was."""
    time: float | None
    id: str | None
    conversation: str | None
    kind: str
    dialect: str | None
    blocks: bool
    prompt: bool
    faces: tuple[Face, ...]
    """New ones, numbered from where the last record's ended."""
    shared: int
    """Leading segments that are those of the record before."""
    rest: array[int]
    marks: tuple[tuple[int, float], ...]
    settings: tuple[tuple[str, str], ...]
    controls: Controls
    usage: tuple[int, ...] | None
    output: int | None
    status: int | None
    stream: bool | None
    ttft: float | None
    latency: float | None
    cost: float | None
    confirmed: str | None


class _Met(NamedTuple):
    """A segment that had a number before. Held, so that no other gets its ``id``."""

    segment: Segment
    step: int
    vocabulary: str
    number: int


class Digester:
    """Digests records in order. Memory grows with distinct segments."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._numbers: dict[_Key, int] = {}
        self._last = array("i")
        self._ids: tuple[bytes, ...] = ()
        self._texts = Texts()
        self._met: dict[int, _Met] = {}
        self._met_size = 0
        self._counters: dict[tuple[str, str], Counter] = {}

    def digest(self, record: Record) -> Digested:
        """Number what is in it."""
        model = record.model or (record.prompt.model if record.prompt else "")
        provider, known = self._provider(record, model)
        name = model or self._options.model
        faces: list[Face] = []
        numbers = array("i")
        if record.prompt is not None:
            numbers = self._prompt(record.prompt, provider, name, faces)
        elif record.blocks is not None:
            numbers = self._blocks(record.blocks, faces)
        if record.blocks is None:
            self._ids = ()
        shared = equal_beginning(numbers, self._last)
        self._last = numbers
        segments = record.prompt.segments if record.prompt else ()
        usage = record.usage
        return Digested(
            record.place.path,
            record.place.line,
            name,
            provider,
            not known or not model,
            record.time,
            record.id,
            record.conversation,
            record.kind,
            record.dialect,
            record.blocks is not None,
            bool(numbers),
            tuple(faces),
            shared,
            numbers[shared:],
            tuple((i, s.ttl) for i, s in enumerate(segments) if s.ttl is not None),
            tuple(sorted(record.prompt.settings.items())) if record.prompt else (),
            record.prompt.controls if record.prompt else Controls(),
            None if usage is None else tuple(getattr(usage, f) for f in usage.__slots__),
            record.output if usage is None or record.output is not None else usage.output,
            record.status,
            record.stream,
            record.ttft,
            record.latency,
            record.cost,
            record.confirmed,
        )

    def _provider(self, record: Record, model: str) -> tuple[str, bool]:
        """Whose cache, and whether the log says so."""
        if record.provider is not None:
            return record.provider, True
        if not model:
            return self._options.provider, False
        return _served(record.dialect, model, self._options.provider)

    def _prompt(self, prompt: Prompt, provider: str, model: str, faces: list[Face]) -> array[int]:
        key = (provider, model)
        counter = self._counters.get(key)
        if counter is None:
            counter = self._counters[key] = counter_of(provider, model)
        vocabulary = counter.vocabulary.name if counter.vocabulary else ""
        numbers = array("i")
        met, message = self._met, -1
        for segment in prompt.segments:
            step = max(0, segment.message - message)
            message = max(message, segment.message)
            known = met.get(id(segment))
            if known is not None and known.step == step and known.vocabulary == vocabulary:
                numbers.append(known.number)
                continue
            number = self._number(segment, step, counter, vocabulary, faces)
            self._meet(_Met(segment, step, vocabulary, number))
            numbers.append(number)
        return numbers

    def _number(
        self, segment: Segment, step: int, counter: Counter, vocabulary: str, faces: list[Face]
    ) -> int:
        content = _whole(segment)
        named = sha256(content).digest()[:16]
        flags = MARKABLE * segment.markable + BOUNDARY * segment.boundary
        kind = SECTIONS.index(segment.kind)
        place = (named, segment.part, step, flags, kind, vocabulary)
        number = self._numbers.get(place)
        if number is None:
            number = self._numbers[place] = len(self._numbers)
            faces.append(
                Face(
                    named,
                    kind,
                    segment.role,
                    segment.type,
                    segment.part,
                    step,
                    flags,
                    _counted(counter, segment),
                    len(content),
                    cuts_of(content),
                    self._texts.keep(number, segment.text),
                )
            )
        return number

    def _meet(self, one: _Met) -> None:
        """Importers give the same objects again for what a conversation has said before."""
        self._met_size += len(one.segment.text)
        if self._met_size > _MET:
            self._met.clear()
            self._met_size = len(one.segment.text)
        self._met[id(one.segment)] = one

    def _blocks(self, blocks: Blocks, faces: list[Face]) -> array[int]:
        count = len(blocks.ids)
        # The last block of either may be a shorter one.
        shared = min(equal_beginning(blocks.ids, self._ids), count - 1, len(self._ids) - 1)
        self._ids = blocks.ids
        numbers = self._last[: max(0, shared)]
        for i in range(len(numbers), count):
            kind = 0 if i < blocks.tools else 1 if i < blocks.system else 2
            last = i == count - 1
            tokens = blocks.tokens - blocks.size * (count - 1) if last else blocks.size
            named = sha256(b"block" + blocks.ids[i]).digest()[:16]
            # No later prompt has a partial block in the same place: it takes no directive.
            flags = MARKABLE * (tokens == blocks.size)
            place = (named, tokens, 0, flags, kind, BLOCK)
            number = self._numbers.get(place)
            if number is None:
                number = self._numbers[place] = len(self._numbers)
                faces.append(
                    Face(named, kind, "", BLOCK, 0, 0, flags, tokens, 4 * tokens, b"", None)
                )
            numbers.append(number)
        return numbers


def _counted(counter: Counter, segment: Segment) -> int:
    text = segment.text
    if segment.type != "text" or len(text) < _LONG:
        return counter.count(segment)
    first = Segment(
        segment.kind, segment.role, segment.message, segment.part, text[:_LONG], None, None
    )
    pieces = (text[at : at + _LONG] for at in range(_LONG, len(text), _LONG))
    return counter.count(first) + sum(counter.count_text(piece) for piece in pieces)


def _whole(segment: Segment) -> bytes:
    content = segment.canonical or canonical_json(segment.content).encode("utf-8", "surrogatepass")
    return segment.role.encode() + b"\x00" + content


@cache
def _served(dialect: str | None, model: str, otherwise: str) -> tuple[str, bool]:
    if dialect is not None:
        return served(dialect, model, COMPILED)[0], True
    named = provider_of_model(model) if model else None
    return (named, True) if named is not None else (otherwise, False)
