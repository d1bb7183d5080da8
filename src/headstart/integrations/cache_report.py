"""What a failed assertion on the prompt cache says: which request, why, where, how much."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import takewhile

from headstart.prompt import Kind, Segment, spans
from headstart.server.emulate import Entry, State
from headstart.usage import Usage

_MOST_SHOWN = 5
_CALLS = 1000


def low_hit_rate(state: State, entries: Sequence[Entry], usage: Usage, least: float) -> str:
    """The text of a failed ``assert_hit_rate``."""
    head = (
        f"prompt cache: {usage.hit_rate:.1%} of {usage.input:,} input tokens were read from the"
        f" cache, and at least {least:.1%} should be"
    )
    missed = [entry for entry in entries if entry.lookup.reason is not None]
    missed.sort(key=lambda entry: -entry.lost)
    shown = [request_text(state, entry) for entry in missed[:_MOST_SHOWN]]
    rest = len(missed) - _MOST_SHOWN
    more = [f"and {rest} more with a reason"] if rest > 0 else []
    money = _money(entries)
    return "\n\n".join((head, *shown, *more, *([money] if money else [])))


def request_text(state: State, entry: Entry) -> str:
    """One request: what it read, why not more, and the diff to the character."""
    lookup = entry.lookup
    lines = [
        f"request {entry.number} ({entry.model}, {entry.dialect}): read {lookup.usage.read:,} of"
        f" {lookup.usage.input:,} tokens; {lookup.reason or 'nothing was missed'}"
    ]
    if entry.lost:
        lines.append(f"  {entry.lost:,} tokens could have been read and were not")
    split = state.journal.split(entry)
    if split is not None:
        earlier = state.journal.earlier(entry)
        lines.append(f"  against request {earlier.number if earlier else '?'}:")
        lines += [f"  {line}" for line in split.render().splitlines()]
    lines += [f"  note: {text}" for text in lookup.warnings if "does not say" not in text]
    return "\n".join(lines)


def _money(entries: Sequence[Entry]) -> str | None:
    """What the misses cost, at the rate of these requests; None without prices."""
    wasted = [entry.wasted for entry in entries if entry.wasted is not None]
    if not wasted or not sum(wasted):
        return None
    each = sum(wasted) / len(entries)
    return f"this costs ${each * _CALLS:,.4g} in {_CALLS:,} calls"


def volatile_prefix(state: State, entries: Sequence[Entry], ignore: Collection[str]) -> str | None:
    """The text of a failed ``assert_no_volatile_prefix``; None where nothing is volatile."""
    found: dict[str, str] = {}
    for entry in entries:
        for index in cacheable(entry):
            segment = entry.prompt.segments[index]
            for kind, text in _suspects(segment, ignore):
                found.setdefault(
                    f"{index}:{kind}", f"request {entry.number}, {_place(segment)}: {kind}: {text}"
                )
        split = state.journal.split(entry)
        if split is None or split.volatile is None or split.volatile in ignore:
            continue
        if split.segment in cacheable(entry):
            shown = request_text(state, entry)
            found.setdefault(f"{split.segment}:{split.volatile}", shown)
    if not found:
        return None
    head = "prompt cache: the part of the prompt that is to be cached holds what changes:"
    return "\n".join((head, *(f"- {text}" for text in found.values())))


def cacheable(entry: Entry) -> range:
    """The segments that are meant to be the same the next time: tools and system text in
    front of the conversation; where the request has markers, up to the last of them."""
    segments = entry.prompt.segments
    head = takewhile(lambda s: s.kind is not Kind.MESSAGE or s.role == "system", segments)
    marked = [i for i, segment in enumerate(segments) if segment.ttl is not None]
    return range(min(sum(1 for _ in head), marked[-1] + 1 if marked else len(segments)))


def _suspects(segment: Segment, ignore: Collection[str]) -> list[tuple[str, str]]:
    return [
        (str(span.kind), repr(segment.text[span.start : span.end]))
        for span in spans(segment.text)
        if span.kind not in ignore
    ]


def _place(segment: Segment) -> str:
    if segment.kind is Kind.TOOL:
        return f"tool {segment.part}"
    if segment.message < 0:
        return f"system block {segment.part}"
    return f"message {segment.message}, block {segment.part}"
