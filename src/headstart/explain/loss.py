"""What a request could have read but for something in front of it, and what that costs."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, NamedTuple

from headstart.prefix.beginning import equal_beginning
from headstart.prompt import Kind, Prompt, Segment, Split, diverge
from headstart.providers import Emulator, Lookup, Pricer
from headstart.usage import Usage

_MOST_SPLITS: Final = 16
"""Differences that are taken away, one after the other."""
_WORTH: Final = 200
"""Equal characters behind a difference in its own segment that make it stand in front of
something."""
_IN_PROMPT_ORDER: Final = ("write_12h", "write_1h", "write_30m", "write_5m", "write_other", "fresh")
"""Longer lives come first in a prompt, and what is not written comes last."""


def recoverable(
    emulator: Emulator, before: Prompt, now: Prompt, lookup: Lookup, at: float, *, scope: str = ""
) -> int:
    """Tokens that were seen before and not read, or that would be read but for what stands in
    front of them: something volatile, or segments that come, go or change while those behind
    them stay. These are taken away and the cache is asked again; nothing in it changes.
    """
    cure = _cured(before, now)
    if cure is None:
        return lookup.lost
    chain = emulator.chain(cure.prompt)
    better = emulator.peek(chain, at, scope=scope)
    read = lookup.usage.read
    ends = (0, *chain.ends)
    foreign = sum(
        (1 - share) * (end - start)
        for share, start, end in zip(cure.shares, ends[:-1], ends[1:], strict=True)
    )
    # If the cured prompt reads nothing for another reason (it had expired, nothing is marked),
    # what it loses by that, this one loses as well.
    more = (better.usage.read or better.lost) - read - round(foreign)
    return max(lookup.lost, min(more, lookup.usage.input - read))


def wasted(price: Pricer | None, usage: Usage, lost: int) -> float | None:
    """USD that a request cost more than if ``lost`` more tokens of it had been read; None
    without a price."""
    cost = price.cost(usage) if price is not None else None
    better = price.cost(_had_it_read(usage, lost)) if price is not None else None
    return None if cost is None or better is None else max(0.0, cost - better)


def _had_it_read(usage: Usage, lost: int) -> Usage:
    left, buckets = lost, {}
    for name in _IN_PROMPT_ORDER:
        tokens = getattr(usage, name)
        taken = min(tokens, left)
        buckets[name] = tokens - taken
        left -= taken
    return Usage(read=usage.read + lost - left, output=usage.output, **buckets)


class _Cure(NamedTuple):
    """A prompt without its differences from an earlier one."""

    prompt: Prompt
    shares: tuple[float, ...]
    """How much of each segment is the later prompt's own, 0 to 1."""


def _cured(before: Prompt, now: Prompt) -> _Cure | None:
    """``now`` without the differences that something equal stands behind; None if there are
    none. A question that merely is another one has nothing behind it, and messages that
    differ for good are another conversation."""
    found, cure = None, _Cure(now, (1.0,) * len(now.segments))
    split = diverge(before, now)
    for _ in range(_MOST_SPLITS):
        if split is None:
            break
        stays = split.section is not Kind.MESSAGE or split.volatile or split.rejoins
        if not stays:
            break
        edited = before.segments[split.segment], cure.prompt.segments[split.segment]
        anchored = split.shape == "edit" and _same_end(*edited)
        cure = _without(before, cure, split)
        behind = split.segment + (0 if split.shape == "insertion" else split.length)
        split = diverge(before, cure.prompt)
        same = split.segment if split else min(len(before.segments), len(cure.shares))
        if same > behind or anchored:
            found = cure
    return found


def _without(before: Prompt, cure: _Cure, split: Split) -> _Cure:
    x, y, shares = before.segments, cure.prompt.segments, cure.shares
    at, end = split.segment, split.segment + split.length
    middle: tuple[Segment, ...] = ()
    owned: tuple[float, ...] = ()
    if split.shape == "insertion":
        ttls = [segment.ttl for segment in y[at:end] if segment.ttl is not None]
        if ttls and at and y[at - 1].ttl is None:
            y = (*y[: at - 1], replace(y[at - 1], ttl=ttls[-1]), *y[at:])
        rest = end
    elif split.shape == "deletion":
        middle = tuple(replace(segment, ttl=None) for segment in x[at:end])
        owned, rest = (0.0,) * split.length, at
    else:
        middle = tuple(_as_before(y[i], x[i]) for i in range(at, end))
        owned = (_alike(x[at].text, y[at].text),) if split.shape == "edit" else shares[at:end]
        rest = end
    segments = y[:at] + middle + y[rest:]
    return _Cure(replace(cure.prompt, segments=segments), shares[:at] + owned + shares[rest:])


def _alike(a: str, b: str) -> float:
    """The share of the longer text that both begin and end with."""
    start = equal_beginning(a, b)
    end = equal_beginning(a[start:][::-1], b[start:][::-1])
    return (start + end) / max(len(a), len(b), 1)


def _as_before(now: Segment, before: Segment) -> Segment:
    """The earlier content in the place, and under the directive, of the later one."""
    return replace(before, ttl=now.ttl, boundary=now.boundary, markable=now.markable)


def _same_end(a: Segment, b: Segment) -> bool:
    return min(len(a.text), len(b.text)) > _WORTH and a.text[-_WORTH:] == b.text[-_WORTH:]
