"""Culprits as they are told: ranked by money, with both sides of a real difference, and fixes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import inf
from typing import Final

from headstart.audit.causes import Pair
from headstart.audit.families import Families
from headstart.audit.findings import Culprit, Fix, Latent, Spot
from headstart.audit.jobs import Job, replayed
from headstart.audit.latent import latent_of
from headstart.audit.outcome import Outcome
from headstart.audit.remedies import Remedy, remedies
from headstart.audit.replay import Change
from headstart.audit.spots import spot, where
from headstart.audit.suspects import Suspect
from headstart.audit.trial import Trial, Verdicted, changes_of
from headstart.audit.world import World
from headstart.prompt import VolatileKind
from headstart.prompt.volatile_compare import changed

MONTH: Final = 30 * 86_400.0
_TRIED: Final = 12
"""Culprits, the worst first, whose fixes are replayed one by one."""


class Scale:
    """From what a log spans to 30 days of it."""

    def __init__(self, seconds: float | None) -> None:
        self._factor = MONTH / seconds if seconds else None

    def month(self, money: float | None) -> float | None:
        """None where either is not known."""
        return None if money is None or self._factor is None else money * self._factor


def culprits_of(
    world: World, trial: Trial, families: Families, step: Callable[[], None] = lambda: None
) -> tuple[tuple[Culprit, ...], Fix | None, tuple[Latent, ...]]:
    """All of them; all of their best fixes at once; and what may become one. ``step`` is called
    after each replay."""
    scale = Scale(world.log.seconds)
    worst = sorted(trial.culprits, key=lambda one: _weight(trial, one), reverse=True)
    worst = worst[: world.log.options.most_culprits]
    tried = _fixes(world, trial, worst[:_TRIED], scale, step)
    chosen = [(one.suspect, *fixes[0]) for one, fixes in zip(worst, tried, strict=False) if fixes]
    told = []
    for rank, one in enumerate(worst, 1):
        fixes = tuple(fix for fix, _ in tried[rank - 1]) if rank <= len(tried) else ()
        told.append(_told(world, trial, families, one, rank, fixes, scale))
    latent = latent_of(world, trial, families)
    return tuple(told), _together(world, trial, chosen, scale), latent


def _weight(trial: Trial, one: Verdicted) -> tuple[float, int]:
    saved = saving(trial.base, one.alone)
    return (-inf if saved is None else saved, max(one.lost, one.behind))


def saving(base: Outcome, other: Outcome) -> float | None:
    """USD less than the log as it is."""
    before, after = base.total_cost, other.total_cost
    return None if before is None or after is None else before - after


def _told(
    world: World,
    trial: Trial,
    families: Families,
    one: Verdicted,
    rank: int,
    fixes: tuple[Fix, ...],
    scale: Scale,
) -> Culprit:
    suspect = one.suspect
    money = saving(trial.base, one.alone)
    pair = suspect.pairs[0] if suspect.pairs else None
    a, b = _sides(world, trial, suspect, pair) if pair else (None, None)
    faces = world.log.segments.faces
    later = world.log.segments_of(world.log.rows[pair.row]) if pair else []
    return Culprit(
        rank,
        suspect.cause,
        suspect.reason.value,
        families.name_of(pair.row) if pair else "",
        suspect.section.value if suspect.section else "",
        where(faces, later, pair.segment) if pair else "",
        pair.segment if pair else None,
        a,
        b,
        one.requests,
        one.lost,
        one.behind,
        money,
        scale.month(money),
        fixes,
    )


def _sides(
    world: World, trial: Trial, suspect: Suspect, pair: Pair
) -> tuple[Spot | None, Spot | None]:
    """The same place in both requests of a pair."""
    log = world.log
    rows = log.rows[pair.before], log.rows[pair.row]
    numbers = [log.segments_of(row) for row in rows]
    places = (pair.old, pair.segment)
    texts = [
        log.segments.text(found[place]) if place < len(found) else None
        for found, place in zip(numbers, places, strict=True)
    ]
    if texts[0] is None or texts[1] is None:
        return None, None
    one, two = texts[0], texts[1]
    bounds = _bounds(trial, suspect, one, two)
    before, after = (
        spot(log, row, place, text, *ends)
        for row, place, text, ends in zip(rows, places, (one, two), bounds, strict=True)
    )
    return before, after


def _bounds(
    trial: Trial, suspect: Suspect, one: str, two: str
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Where the texts differ, of those places that the cause is about."""
    kind = None if suspect.cause == "content" else suspect.cause
    for number in suspect.templates:
        template = trial.found.templates[number]
        mine, other = template.matches(one), template.matches(two)
        if mine is None or other is None:
            continue
        starts = [0, 0]
        at = 0
        for site, x, y in zip(template.sites, mine, other, strict=True):
            starts = [starts[0] + site.start - at, starts[1] + site.start - at]
            if x != y and (site.kind.value if site.kind else None) == kind:
                start, end, _, stop = changed(x, y)
                if site.kind is not None and site.kind not in _IN_PART:
                    start, end, stop = 0, len(x), len(y)
                return (starts[0] + start, starts[0] + end), (starts[1] + start, starts[1] + stop)
            starts, at = [starts[0] + len(x), starts[1] + len(y)], site.end
    start, end, _, stop = changed(one, two)
    return (start, end), (start, stop)


_IN_PART: Final = frozenset(
    (
        VolatileKind.EXAMPLE_ORDER,
        VolatileKind.KEY_ORDER,
        VolatileKind.TOOL_ORDER,
        VolatileKind.WHITESPACE,
        VolatileKind.LINE_ENDINGS,
        VolatileKind.UNICODE_FORM,
        VolatileKind.NUMBER_FORMAT,
        VolatileKind.CASE,
    )
)
"""Kinds whose place is where two texts first differ, and no span of their own."""


def _fixes(
    world: World,
    trial: Trial,
    worst: Sequence[Verdicted],
    scale: Scale,
    step: Callable[[], None],
) -> list[list[tuple[Fix, Remedy]]]:
    """Of each culprit, each replayed alone, the best first."""
    offered = [list(remedies(world, trial.found, one.suspect)) for one in worst]
    jobs = [
        Job(remedy.changes, trial.groups.of([one.suspect]))
        for one, found in zip(worst, offered, strict=True)
        for remedy in found
        if remedy.changes is not None
    ]
    outcomes = iter(replayed(world, jobs, trial.base, step))
    result = []
    for one, found in zip(worst, offered, strict=True):
        fixes = []
        for remedy in found:
            outcome = one.alone if remedy.changes is None else next(outcomes)
            money = saving(trial.base, outcome)
            tokens = outcome.total_read - trial.base.total_read
            fix = Fix(remedy.action, remedy.text, tokens, money, scale.month(money))
            fixes.append((fix, remedy))
        result.append(sorted(fixes, key=lambda pair: _worth(pair[0]), reverse=True))
    return result


def _worth(fix: Fix) -> tuple[float, int]:
    return (fix.saving if fix.saving is not None else -inf, fix.tokens)


def _together(
    world: World, trial: Trial, chosen: Sequence[tuple[Suspect, Fix, Remedy]], scale: Scale
) -> Fix | None:
    """All best fixes at once."""
    if not chosen:
        return None
    ordered = sorted(chosen, key=lambda one: one[0].order)
    names = ", ".join(dict.fromkeys(fix.action for _, fix, _ in ordered))
    text = f"All of these at once: {names}."
    if len(ordered) == 1:
        return replace(ordered[0][1], action="together", text=text)
    changes: list[Change] = []
    for suspect, _, remedy in ordered:
        changes += remedy.changes if remedy.changes is not None else changes_of([suspect])
    rows = trial.groups.of([suspect for suspect, _, _ in ordered])
    outcome = replayed(world, [Job(changes, rows)], trial.base)[0]
    money = saving(trial.base, outcome)
    tokens = outcome.total_read - trial.base.total_read
    return Fix("together", text, tokens, money, scale.month(money))
