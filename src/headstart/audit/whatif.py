"""The same traffic another way: layouts, directives, the planner, other models."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Final, NamedTuple

from headstart.audit.culprits import Scale
from headstart.audit.cures import Marked
from headstart.audit.findings import Fix, Now, Option
from headstart.audit.outcome import Outcome
from headstart.audit.planned import planned
from headstart.audit.present import by_row
from headstart.audit.replay import Change, Replay
from headstart.audit.suspects import best_marks
from headstart.audit.trial import Trial, changes_of
from headstart.audit.world import Request, World, automatic
from headstart.prompt import Controls
from headstart.providers import Rules, UnknownProvider
from headstart.tokens import counter_of

COMPARED: Final = (
    ("anthropic", "claude-opus-5-5"),
    ("anthropic", "claude-sonnet-5-5"),
    ("openai", "gpt-6.1-sol"),
    ("gemini", "gemini-3.8-flash"),
    ("xai", "grok-4.7"),
)
_SAMPLE: Final = 200_000
"""Characters on which two vocabularies are compared."""
_HOUR: Final = 3600.0
_PLANNED: Final = 5_000
"""Requests that the planner is asked about: it takes longer than all emulators."""
_TRIED: Final = 10_000
"""Requests that any other way is tried on."""


class As(Change):
    """Sent to another model, with the directives that are best there."""

    def __init__(self, world: World, provider: str, model: str) -> None:
        self._world = world
        self._to = provider, model

    def request(self, request: Request) -> Request:
        provider, model = self._to
        moved = request._replace(
            provider=provider,
            model=model,
            controls=Controls(key=request.controls.key, user=request.controls.user),
        )
        return moved._replace(marks=best_marks(self._world, moved))


class Way(NamedTuple):
    """One option, before it was tried."""

    name: str
    kind: str
    note: str
    run: Callable[[], Outcome]
    rows: int
    """The log's first ones, which it is tried on."""


def options_of(
    world: World,
    base: Outcome,
    now: Now,
    together: Fix | None,
    tried: Iterable[tuple[Way, Outcome]],
) -> tuple[Option, ...]:
    """The log as it is first, then the cheapest first."""
    scale = Scale(world.log.seconds)
    found = list(_known(now, base, together, scale))
    found += [_option(way, outcome, base, scale) for way, outcome in tried]
    first = [option for option in found if option.kind == "now"]
    rest = [option for option in found if option.kind != "now"]
    rest.sort(key=lambda option: (option.cost is None, option.cost or 0.0))
    return (*first, *rest)


def _known(now: Now, base: Outcome, together: Fix | None, scale: Scale) -> Iterator[Option]:
    """What was found out already."""
    total = now.total
    source = "recorded usage" if total.recorded else "emulated"
    yield Option("now", "now", total.cost, scale.month(total.cost), total.hit_rate, source)
    yield Option("no caching", "never", total.uncached, scale.month(total.uncached), 0.0, "")
    cost = base.total_cost
    if total.recorded and base.total_input:
        note = "what the rules promise for these requests, to compare the next lines with"
        yield Option("now, emulated", "now", cost, scale.month(cost), base.hit_rate, note)
    if together is not None and cost is not None:
        cost -= together.saving or 0.0
        hit = (base.total_read + together.tokens) / base.total_input
        yield Option("all fixes", "fixes", cost, scale.month(cost), hit, together.text)


def _option(way: Way, outcome: Outcome, base: Outcome, scale: Scale) -> Option:
    """What was tried on the first rows is scaled to all of them."""
    cost, note = outcome.total_cost, way.note
    if way.rows < len(base.cost):
        before, whole = by_row(base.cost[: way.rows]), base.total_cost
        cost = None if not before or whole is None or cost is None else whole * cost / before
        note += f"; tried on the first {way.rows:,} requests, and scaled"
    return Option(way.name, way.kind, cost, scale.month(cost), outcome.hit_rate, note)


def ways_of(world: World, trial: Trial) -> Iterator[Way]:
    """All that are to be tried, those that take longest first."""
    every = len(world.log.rows)
    if not trial.base.total_input:
        return
    most = min(every, _TRIED)
    if _explicit(world) and world.log.options.planner:
        note = "its directives instead of the client's, learned from this traffic, no pings"
        rows = min(every, _PLANNED)
        yield Way("Headstart's planner", "planner", note, partial(planned, world, rows), rows)
    yield from _others(world, most)
    if not _explicit(world):
        return
    mends = changes_of([one.suspect for one in trial.culprits])
    best = Marked(lambda request: best_marks(world, request))
    note = "without the culprits; breakpoints at the ends of system text and prompt"
    yield Way("best layout", "layout", note, partial(_run, world, [*mends, best], most), most)
    for name, ttl in (("automatic, 5 minutes", None), ("automatic, 1 hour", _HOUR)):
        if ttl is not None and not _offered(world, ttl):
            continue
        place = Marked(_at_end(world, ttl))
        note = "one breakpoint at each prompt's end"
        if ttl is None and _automatic(world):
            yield Way(name, "automatic", note, partial(_same, trial.base), every)
        else:
            yield Way(name, "automatic", note, partial(_run, world, [place], most), most)


def _run(world: World, changes: Sequence[Change], most: int) -> Outcome:
    return Replay(world, changes).run(world.log.rows[:most])


def _same(base: Outcome) -> Outcome:
    return base


def _automatic(world: World) -> bool:
    """The log as it is counts as automatic already."""
    return len(world.automatic) == sum(world.known(row) for row in world.log.rows)


def _at_end(world: World, ttl: float | None) -> Callable[[Request], list[tuple[int, float]]]:
    def place(request: Request) -> list[tuple[int, float]]:
        rules = world.rules(request.provider, request.model)
        return automatic(world, rules, request.segments, ttl)

    return place


def _others(world: World, most: int) -> Iterator[Way]:
    """The same requests at other models."""
    wanted = world.log.options.compare
    used = {(row.provider, row.model) for row in world.log.rows}
    for provider, model in COMPARED if wanted is None else wanted:
        if (provider, model) in used:
            continue
        try:
            world.rules(provider, model)
        except UnknownProvider:
            world.log.notes.append(f"nothing is known of {provider}'s cache: not compared with")
            continue
        if not world.pricer(provider, model).known:
            world.log.notes.append(f"{model} at {provider} has no price: not compared with")
            continue
        ratio, note = _ratio(world, provider, model)
        world.ratios[provider, model] = ratio
        run = partial(_run, world, [As(world, provider, model)], most)
        yield Way(model, "model", note, run, most)


def _ratio(world: World, provider: str, model: str) -> tuple[float, str]:
    """Tokens of another model for one counted here, by a sample of the logs' own text."""
    counter = counter_of(provider, model)
    segments = world.log.segments
    read = own = other = 0
    for number, face in enumerate(segments.faces):
        if read > _SAMPLE:
            break
        if face.type != "text" or face.text is None:
            continue
        text = segments.text(number)
        if text:
            read += len(text)
            own += face.tokens
            other += counter.count_text(text)
    used = [world.ratios.get((row.provider, row.model), 1.0) for row in world.log.rows[:1]]
    usual = used[0] if used else 1.0
    if not own:
        return usual, "same token counts: there is no text to count anew"
    how = "its own vocabulary" if counter.exact else "an estimate"
    ratio = other / own
    return ratio, f"tokens scaled by {ratio:.3f}, by a sample counted with {how}"


def _explicit(world: World) -> bool:
    """Some requests went to a provider that caches what is marked."""
    return any(
        rules.scheme == "breakpoints" and rules.marker and rules.implicit in ("none", "optional")
        for rules in _rules(world)
    )


def _offered(world: World, ttl: float) -> bool:
    return any(life.seconds == ttl for rules in _rules(world) for life in rules.lifetimes)


def _rules(world: World) -> list[Rules]:
    used = {(row.provider, row.model) for row in world.log.rows if world.known(row)}
    return [world.rules(*one) for one in sorted(used)]
