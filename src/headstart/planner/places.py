"""Where in a prompt a directive may be worth its price, and which directives say so."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

from headstart.planner.contract import PlannedRequest
from headstart.prompt import Chain, Mark


def candidates(request: PlannedRequest, read: int, branch: int | None) -> list[tuple[int, str]]:
    """(segment, place) of what may be written, rising: the ends of tools and system text, the
    place where prompts were seen to part, the first place past what is read (the cheapest
    that protects all of it), the end of the model's last message, and the prompt's end."""
    chain, markable = request.chain, request.markable
    found: dict[int, str] = {}
    if not markable:
        return []
    for bound, place in ((chain.tools, "tools"), (chain.system, "system")):
        if (at := _last_within(markable, bound - 1)) is not None:
            found[at] = place
    if branch is not None and (at := _last_within(markable, branch - 1)) is not None:
        found.setdefault(at, "branch")
    past = bisect_right(chain.ends, read)
    inner = [next((s for s in markable[bisect_left(markable, past) :]), None)]
    if read and past:
        inner.append(_last_within(markable, past - 1))
    if chain.outputs:
        inner.append(_last_within(markable, chain.outputs[-1][1]))
    for segment in inner:
        if segment is not None:
            found.setdefault(segment, "inner")
    found[markable[-1]] = "end"
    least = request.minimum
    return sorted((s, place) for s, place in found.items() if chain.ends[s] >= least)


def directives(
    request: PlannedRequest, read: int, long: int, short: int, extra: Iterable[int]
) -> tuple[Mark, ...]:
    """Marks that write up to segments ``long`` and ``short`` (-1: not) and let the entry of
    ``read`` tokens be found. ``extra`` segments within what is written get one too while
    there are any left: that costs nothing, and serves prompts that part before the end."""
    rules, rates = request.rules, request.rates
    brief, lasting = rates.writes[0][0], rates.writes[-1][0]
    last = max(long, short)
    wanted = [segment for segment in (short, long) if segment >= 0]
    anchor = _anchor(request, read, wanted)
    wanted += [anchor] if anchor is not None else []
    wanted += [segment for segment in extra if segment < last]
    kept = list(dict.fromkeys(wanted))[: rules.most_markers]
    return tuple(Mark(s, lasting if s <= long else brief) for s in sorted(kept))


def _anchor(request: PlannedRequest, read: int, wanted: Sequence[int]) -> int | None:
    """A place from which the entry that is read can be found, if none of those wanted is."""
    if not read:
        return None
    chain, back = request.chain, request.rules.lookback
    at = bisect_left(chain.ends, read)
    after = [segment for segment in wanted if segment >= at]
    if after and back is None:
        return None
    if after and back is not None and reaches(chain, min(after), at, back):
        return None
    return at if _last_within(request.markable, at) == at else None


def reaches(chain: Chain, start: int, segment: int, back: int) -> bool:
    """Whether a lookback of so many positions from ``start`` looks at ``segment``."""
    return chain.positions[start] - chain.positions[segment] < back


def _last_within(markable: Sequence[int], segment: int) -> int | None:
    at = bisect_right(markable, segment)
    return markable[at - 1] if at else None
