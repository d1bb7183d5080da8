"""How a request's cache directives stand: too few, too many, too early, behind a change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

from headstart.audit.lint.directives import Directive, directives
from headstart.audit.lint.finding import Finding
from headstart.audit.lint.layout import Layout
from headstart.audit.lint.money import Model
from headstart.dialects.body import Path
from headstart.prompt import Kind, spans
from headstart.prompt.volatile_kinds import VolatileKind

_PER_REQUEST: Final = {
    VolatileKind.TIMESTAMP,
    VolatileKind.REQUEST_ID,
    VolatileKind.TRACE_ID,
    VolatileKind.COUNTER,
    VolatileKind.ULID,
}
"""What no two requests share. A UUID may be a session's."""


class Maker(Protocol):
    """Makes a finding at a path of the body."""

    def finding(self, code: str, path: Path, message: str, **more: Any) -> Finding: ...


def breakpoint_findings(
    layout: Layout, data: Mapping[str, Any], make: Maker, volatile: Sequence[int]
) -> list[Finding]:
    """``volatile``: segments in which something changes."""
    found = directives(data)
    results = [*_key(layout, make)]
    if layout.model is None:
        return results + list(_behind(layout, make, found, volatile))
    rules = layout.model.rules
    if rules.most_markers and rules.excess == "refuse" and len(found) > rules.most_markers:
        text = f"{len(found)} directives, and {rules.provider} takes {rules.most_markers}"
        results.append(make.finding("HS045", found[rules.most_markers].path, text))
    if rules.longer_first:
        results += _order(found, make)
    results += _behind(layout, make, found, volatile)
    if layout.model.known and rules.scheme == "breakpoints":
        results += _missing(layout, layout.model, make, found)
        results += _short(layout, layout.model, make, found)
        results += _far(layout, layout.model, make)
    return results


def _order(found: Sequence[Directive], make: Maker) -> Iterator[Finding]:
    shortest: float | None = None
    for path, ttl in found:
        if ttl is not None and shortest is not None and ttl > shortest:
            text = f"{_span(ttl)} behind a directive of {_span(shortest)}"
            yield make.finding("HS046", path, text)
            return
        if ttl is not None:
            shortest = ttl if shortest is None else min(shortest, ttl)


def _behind(
    layout: Layout, make: Maker, found: Sequence[Directive], volatile: Sequence[int]
) -> Iterator[Finding]:
    """The first directive behind a change: those after it are lost with it."""
    first = min((at for at in volatile if at >= 0), default=None)
    if first is None:
        return
    marked = [at for at, s in enumerate(layout.prompt.segments) if s.ttl is not None]
    reached = next((at for at in marked if at >= first), None)
    if reached is None or not found:
        return
    own = layout.paths.get(reached, ())
    directive = next((d for d in found if d.path[: len(own)] == own), found[-1])
    tokens = layout.end(reached) if layout.model else None
    usd = None
    if layout.model is not None and tokens and tokens >= layout.model.minimum:
        bucket = layout.model.bucket(layout.prompt.segments[reached].ttl)
        usd = layout.model.wasted(tokens, bucket, layout.total)
    where = layout.paths.get(first)
    what = ".".join(map(str, where)) if where else "an earlier block"
    yield make.finding(
        "HS044",
        directive.path,
        f"it covers {what}, where something changes",
        tokens=tokens,
        usd=usd or None,
        model=layout.model.name if layout.model else None,
    )


def _missing(
    layout: Layout, model: Model, make: Maker, found: Sequence[Directive]
) -> Iterator[Finding]:
    rules = model.rules
    asks = rules.marker is not None and rules.implicit in ("none", "optional")
    if found or layout.prompt.controls.automatic or not asks or rules.unmarked is not None:
        return
    tokens = layout.end(layout.extent - 1)
    if tokens and tokens >= model.minimum * model.margin:
        last = layout.paths.get(layout.extent - 1, ())
        text = f"about {tokens:,} tokens stay the same, and no {rules.marker} asks to cache them"
        usd = model.lost(tokens, "fresh", layout.total)
        yield make.finding("HS043", last, text, tokens=tokens, usd=usd, model=model.name)


def _short(
    layout: Layout, model: Model, make: Maker, found: Sequence[Directive]
) -> Iterator[Finding]:
    """The last directive that is behind too little: those before it are, too."""
    segments = layout.prompt.segments
    marked = [at for at, s in enumerate(segments) if s.ttl is not None]
    if layout.prompt.controls.automatic:
        marked = marked[:-1]  # it moves on with the conversation, and is long enough one day
    short = [at for at in marked if layout.end(at) * model.margin < model.minimum]
    if not short or not found:
        return
    own = layout.paths.get(short[-1], ())
    directive = next((d for d in found if d.path[: len(own)] == own), found[0])
    text = f"about {layout.end(short[-1]):,} tokens, and {model.name} caches {model.minimum:,} up"
    yield make.finding("HS047", directive.path, text, model=model.name)


def _far(layout: Layout, model: Model, make: Maker) -> Iterator[Finding]:
    back, chain = model.rules.lookback, layout.chain
    before = _last_turn(layout)
    if back is None or chain is None or before is None:
        return
    marked = [at for at, s in enumerate(layout.prompt.segments) if s.ttl is not None]
    later = [at for at in marked if at >= before]
    reach = min((chain.positions[at] for at in later), default=None)
    if reach is None or reach - chain.positions[before] < back:
        return
    far = reach - chain.positions[before]
    text = f"{far} blocks behind where the last turn ended, and it looks back {back}"
    tokens = layout.end(before)
    usd = model.lost(tokens, layout.bucket(), layout.total)
    path = layout.paths.get(later[0], ())
    yield make.finding("HS048", path, text, tokens=tokens, usd=usd, model=model.name)


def _last_turn(layout: Layout) -> int | None:
    """The last segment that the request before this one had: what stands in front of the
    model's latest words."""
    segments = layout.prompt.segments
    at = len(segments) - 1
    while at >= 0 and segments[at].role != "assistant":
        at -= 1
    while at >= 0 and segments[at].role == "assistant":
        at -= 1
    return at if at >= 0 and segments[at].kind is Kind.MESSAGE else None


def _key(layout: Layout, make: Maker) -> Iterator[Finding]:
    key = layout.prompt.controls.key
    for kind, *_ in spans(key) if key else ():
        if kind in _PER_REQUEST:
            text = f"the cache key holds a {kind.replace('_', ' ')}"
            yield make.finding("HS054", ("prompt_cache_key",), text)
            return


def _span(seconds: float) -> str:
    return f"{seconds / 3600:g} h" if seconds >= 3600 else f"{seconds / 60:g} min"
