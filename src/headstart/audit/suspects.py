"""What may be to blame: causes with the change that takes each away. Whether one is, and of
how much, the emulator says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from headstart.audit.causes import Cause, Found, Pair
from headstart.audit.cures import (
    Cured,
    Marked,
    Pinned,
    Restored,
    Ruled,
    Same,
    ToolsInOrder,
    same_model,
    same_scope,
    same_settings,
    same_tool_choice,
)
from headstart.audit.links import Links
from headstart.audit.log import Log
from headstart.audit.outcome import Outcome
from headstart.audit.pings import KeptAlive, Unpaused, unpaused
from headstart.audit.replay import Change
from headstart.audit.world import Request, World, markable_end
from headstart.prompt import Kind, VolatileKind
from headstart.providers import Rules, minimum_of
from headstart.usage import MissReason

_MOSTLY: Final = 0.5
"""Share of a model's requests that are below its minimum, for that to be no mere beginning."""
_PINS: Final = {
    MissReason.MODEL_CHANGED: same_model,
    MissReason.TOOL_CHOICE_CHANGED: same_tool_choice,
    MissReason.SETTINGS_CHANGED: same_settings,
    MissReason.SCOPE_CHANGED: same_scope,
}


@dataclass
class Suspect:
    """One cause."""

    cause: str
    reason: MissReason
    section: Kind | None
    changes: tuple[Change, ...]
    pairs: list[Pair] = field(default_factory=list)
    templates: tuple[int, ...] = ()
    models: tuple[tuple[str, str], ...] = ()
    order: int = 0
    """Changes of a lower order come first where several are made."""


def by_content(log: Log, links: Links, found: Found) -> list[Suspect]:
    """One for each kind of thing in each place."""
    groups: dict[tuple[object, ...], list[tuple[Cause, Pair]]] = {}
    for cause, pairs in found.pairs.items():
        for pair in pairs:
            groups.setdefault(_group(log, found, cause, pair), []).append((cause, pair))
    return [_suspect(log, links, found, members) for members in groups.values()]


def _group(log: Log, found: Found, cause: Cause, pair: Pair) -> tuple[object, ...]:
    if cause.template < 0:
        return cause.cause, cause.section
    if cause.section is not Kind.MESSAGE:
        return cause.cause, cause.section, cause.template
    faces = log.segments.faces
    fixed = [n for n in log.segments_of(log.rows[pair.row]) if faces[n].kind < 2]
    app = tuple(found.of_digest.get(faces[n].digest, faces[n].digest) for n in fixed[-1:])
    return cause.cause, cause.section, pair.segment, app


def _suspect(
    log: Log, links: Links, found: Found, members: Sequence[tuple[Cause, Pair]]
) -> Suspect:
    cause = members[0][0]
    pairs = sorted({pair for _, pair in members}, key=lambda pair: pair.row)
    tools = cause.section is Kind.TOOL
    reason = MissReason.TOOLS_CHANGED if tools else MissReason.DIVERGED
    if cause.template >= 0:
        kind = None if cause.cause == "content" else VolatileKind(cause.cause)
        cured: Cured = {one.template: {kind} for one, _ in members}
        change: Change = Same(log, found, cured)
    elif cause.cause == VolatileKind.TOOL_ORDER:
        change = ToolsInOrder(log)
    else:
        change = Restored(log, links, {pair.row for pair in pairs})
    order = 0 if cause.template >= 0 else 1 if cause.cause == VolatileKind.TOOL_ORDER else 2
    templates = tuple(sorted({one.template for one, _ in members if one.template >= 0}))
    return Suspect(cause.cause, reason, cause.section, (change,), pairs, templates, order=order)


def applications(world: World, links: Links, found: Found) -> list[object]:
    """Of each row: what its conversation's first request had in front of its messages."""
    log, trie = world.log, world.log.trie
    faces = log.segments.faces
    apps: dict[int, object] = {}
    result: list[object] = []
    for row in log.rows:
        lane = links.lanes[row.number]
        if lane not in apps:
            node = world.heads[log.rows[lane].node]
            key = faces[trie.segment[node]].digest if node else b""
            apps[lane] = found.of_digest.get(key, key)
        result.append(apps[lane])
    return result


def by_rule(world: World, outcomes: Sequence[Outcome], apps: Sequence[object]) -> list[Suspect]:
    """What the emulators gave as reasons, of the log as it is or without what its contents
    are to blame for; and what is not marked at all."""
    log = world.log
    rows: dict[MissReason, set[int]] = {}
    for outcome in outcomes:
        for number, reason in enumerate(outcome.reasons):
            if reason is not None and outcome.lost[number] > 0:
                rows.setdefault(reason, set()).add(number)
    found = [_unmarked(world)]
    for reason in rows:
        models = {(log.rows[n].provider, log.rows[n].model) for n in rows[reason]}
        if reason in _PINS:
            pin = Pinned(world.lanes, _PINS[reason])
            found.append(Suspect(reason.value, reason, None, (pin,), order=3))
        elif reason is MissReason.BELOW_MINIMUM:
            found += [_short(world, outcomes[0], one) for one in sorted(models)]
        elif reason is MissReason.EXPIRED:
            found.append(_paused(world, apps, tuple(sorted(models))))
        else:
            found.append(_ruled(world, reason, tuple(sorted(models))))
    return [one for one in found if one is not None]


def _ruled(world: World, reason: MissReason, models: tuple[tuple[str, str], ...]) -> Suspect | None:
    changes: tuple[Change, ...]
    if reason is MissReason.LOOKBACK_EXCEEDED:
        changes = tuple(
            Ruled({"lookback": None if _boundaries(world.rules(*one)) else 1_000_000}, {one})
            for one in models
            if not _boundaries(world.rules(*one))
        )
    elif reason is MissReason.TOO_MANY_BREAKPOINTS:
        changes = (Ruled({"most_markers": 10_000}, set(models)),)
    elif reason is MissReason.NOT_YET_READABLE:
        changes = (Ruled({"readable": "at_once", "delay": 0.0}, set(models)),)
        if any(world.rules(*one).scheme == "breakpoints" for one in models):
            changes = (Ruled({"readable": "at_once"}, set(models)),)
    else:
        return None
    return Suspect(reason.value, reason, None, changes, models=models, order=5) if changes else None


def _boundaries(rules: Rules) -> bool:
    """Only certain places are looked up, whatever the distance."""
    return rules.implicit == "default" and rules.lookback is None


def _paused(
    world: World, apps: Sequence[object], models: tuple[tuple[str, str], ...]
) -> Suspect | None:
    """Pauses, of an application or of a conversation, that were longer than a lifetime. What
    expires in between, while others go on without reading it, is no pause."""
    times = unpaused(world, apps)
    kept = KeptAlive(world, times, most=10_000, free=True)
    if not kept.needed and all(
        row.time == time for row, time in zip(world.log.rows, times, strict=True)
    ):
        return None
    reason = MissReason.EXPIRED
    return Suspect(reason.value, reason, None, (Unpaused(times), kept), models=models, order=5)


def _short(world: World, base: Outcome, model: tuple[str, str]) -> Suspect | None:
    """A minimum that most prompts of a model never reach."""
    rules = world.rules(*model)
    least = minimum_of(rules, model[1])
    sizes = [
        base.input[row.number]
        for row in world.log.rows
        if (row.provider, row.model) == model and base.input[row.number]
    ]
    if sum(size < least for size in sizes) < _MOSTLY * len(sizes):
        return None
    change = Ruled({"minimum": 0, "minimums": {}}, {model})
    reason = MissReason.BELOW_MINIMUM
    return Suspect(reason.value, reason, None, (change,), models=(model,), order=5)


def _unmarked(world: World) -> Suspect | None:
    """Requests without any directive, where nothing is cached without one."""
    log, rows, models = world.log, set(), set()
    for row in log.rows:
        if not world.known(row) or row.marks or row.number in world.automatic:
            continue
        rules = world.rules(row.provider, row.model)
        if rules.scheme == "breakpoints" and rules.implicit in ("none", "optional"):
            rows.add(row.number)
            models.add((row.provider, row.model))
    if not rows:
        return None
    place = Marked(lambda request: best_marks(world, request), rows)
    reason = MissReason.NO_BREAKPOINT
    return Suspect(reason.value, reason, None, (place,), models=tuple(sorted(models)), order=4)


def best_marks(world: World, request: Request, ttl: float | None = None) -> list[tuple[int, float]]:
    """At the ends of tools and system text that others share, and at the prompt's own."""
    rules = world.rules(request.provider, request.model)
    if rules.scheme != "breakpoints" or not rules.marker or not request.segments:
        return []
    ends = {markable_end(world, request.segments, kind) for kind in (1, 2)}
    seconds = ttl or rules.lifetimes[0].seconds
    return [(end, seconds) for end in sorted(ends) if end >= 0]
