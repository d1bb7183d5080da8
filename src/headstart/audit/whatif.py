"""The same traffic another way: layouts, directives, the planner, other models."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from headstart.audit.culprits import Scale
from headstart.audit.cures import Marked
from headstart.audit.findings import Fix, Now, Option
from headstart.audit.planned import planned
from headstart.audit.replay import Change, Outcome, Replay, Request, World, automatic
from headstart.audit.suspects import best_marks
from headstart.audit.trial import Trial, changes_of
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


class As(Change):
    """Sent to another model, with the directives that are best there."""

    def __init__(self, world: World, provider: str, model: str) -> None:
        self._world = world
        self._to = provider, model

    def request(self, request: Request) -> Request:
        provider, model = self._to
        moved = replace(
            request,
            provider=provider,
            model=model,
            controls=Controls(key=request.controls.key, user=request.controls.user),
        )
        return replace(moved, marks=best_marks(self._world, moved))


def options_of(
    world: World, trial: Trial, now: Now, together: Fix | None, step: Callable[[], None]
) -> tuple[Option, ...]:
    """The log as it is first, then the cheapest first; ``step`` is called for each."""
    scale = Scale(world.log.seconds)
    found = []
    for option in _options(world, trial, now, together, scale):
        found.append(option)
        step()
    first = [option for option in found if option.kind == "now"]
    rest = [option for option in found if option.kind != "now"]
    rest.sort(key=lambda option: (option.cost is None, option.cost or 0.0))
    return (*first, *rest)


def _options(
    world: World, trial: Trial, now: Now, together: Fix | None, scale: Scale
) -> Iterator[Option]:
    total, base = now.total, trial.base
    source = "recorded usage" if total.recorded else "emulated"
    yield Option("now", "now", total.cost, scale.month(total.cost), total.hit_rate, source)
    yield Option("no caching", "never", total.uncached, scale.month(total.uncached), 0.0, "")
    if not base.total_input:
        return
    if total.recorded:
        note = "what the rules promise for these requests, to compare the next lines with"
        yield _option("now, emulated", "now", base, scale, note)
    if together is not None and base.total_cost is not None:
        cost = base.total_cost - (together.saving or 0.0)
        hit = (base.total_read + together.tokens) / base.total_input
        yield Option("all fixes", "fixes", cost, scale.month(cost), hit, together.text)
    mends = changes_of([one.suspect for one in trial.culprits])
    if _explicit(world):
        yield from _marked(world, mends, scale)
    if world.log.options.planner and _explicit(world):
        outcome = planned(world)
        note = "its directives instead of the client's, learned from this traffic, no pings"
        yield _option("Headstart's planner", "planner", outcome, scale, note)
    yield from _others(world, scale)


def _marked(world: World, mends: Sequence[Change], scale: Scale) -> Iterator[Option]:
    rows = world.log.rows
    for name, ttl in (("automatic, 5 minutes", None), ("automatic, 1 hour", _HOUR)):
        if ttl is not None and not _offered(world, ttl):
            continue
        place = Marked(_at_end(world, ttl))
        outcome = Replay(world, [place]).run(rows)
        note = "one breakpoint at each prompt's end"
        yield _option(name, "automatic", outcome, scale, note)
    best = Marked(lambda request: best_marks(world, request))
    outcome = Replay(world, [*mends, best]).run(rows)
    note = "without the culprits; breakpoints at the ends of system text and prompt"
    yield _option("best layout", "layout", outcome, scale, note)


def _at_end(world: World, ttl: float | None) -> Callable[[Request], list[tuple[int, float]]]:
    def place(request: Request) -> list[tuple[int, float]]:
        rules = world.rules(request.provider, request.model)
        return automatic(world, rules, request.segments, ttl)

    return place


def _others(world: World, scale: Scale) -> Iterator[Option]:
    """The same requests at other models."""
    wanted = world.log.options.compare
    used = {(row.provider, row.model) for row in world.log.rows}
    for provider, model in COMPARED if wanted is None else wanted:
        if (provider, model) in used:
            continue
        try:
            world.rules(provider, model)
        except UnknownProvider:
            continue
        if not world.pricer(provider, model).known:
            continue
        ratio, note = _ratio(world, provider, model)
        world.ratios[provider, model] = ratio
        outcome = Replay(world, [As(world, provider, model)]).run(world.log.rows)
        yield _option(model, "model", outcome, scale, note)


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


def _option(name: str, kind: str, outcome: Outcome, scale: Scale, note: str) -> Option:
    cost = outcome.total_cost
    return Option(name, kind, cost, scale.month(cost), outcome.hit_rate, note)


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
