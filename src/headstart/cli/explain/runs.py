"""Explanations of requests from files, at every provider that could have had them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from headstart.cli.explain.bodies import Body
from headstart.cli.failures import fail
from headstart.explain import Explainer, served
from headstart.pricing import Pricer
from headstart.prompt import Segment
from headstart.providers import providers
from headstart.tokens import counter_of

Facts = dict[str, Any]
_MONEY = ("cost", "cost_without_cache", "wasted")


def pair(bodies: Sequence[Body], provider: str | None, at: date, after: float) -> list[Facts]:
    """The second against the first, provider by provider."""
    before, now = bodies
    takers = _takers(now, provider, at)
    both = [name for name in takers if name in _takers(before, provider, at)]
    if not both or before.dialect != now.dialect:
        raise fail(
            f"{before.name} is {before.dialect} and {now.name} is {now.dialect}: they reach "
            "different caches (--dialect to say otherwise)"
        )
    found = []
    for name in both:
        explainer = _explainer(name, at)
        explainer.add(before.prompt, 0.0, before.name)
        said = explainer.add(now.prompt, after, now.name, against=before.name)
        found.append({"id": now.name, **said.facts()})
    return found


def series(
    bodies: Sequence[Body], provider: str | None, at: date, after: float
) -> tuple[list[Facts], dict[str, Facts]]:
    """Each against its nearest earlier one, and sums by provider."""
    explainers: dict[str, Explainer] = {}
    rows: list[Facts] = []
    for number, body in enumerate(bodies):
        for name in _takers(body, provider, at):
            if name not in explainers:
                explainers[name] = _explainer(name, at)
            said = explainers[name].add(body.prompt, number * after, body.name)
            rows.append({"id": body.name, **said.facts()})
    return rows, {name: _total([r for r in rows if r["provider"] == name]) for name in explainers}


def _takers(body: Body, provider: str | None, at: date) -> tuple[str, ...]:
    if provider is None:
        return served(body.dialect, body.prompt.model, at)
    if provider not in providers():
        raise fail(f"--provider {provider}: unknown (known: {', '.join(providers())})")
    return (provider,)


def _explainer(provider: str, at: date) -> Explainer:
    def count_of(model: str) -> Callable[[Segment], int]:
        return counter_of(provider, model).count

    return Explainer(provider, at, count_of, lambda model: Pricer(provider, model, at))


def _total(rows: Sequence[Facts]) -> Facts:
    reasons: dict[str, int] = {}
    for row in rows:
        if row["reason"]:
            reasons[row["reason"]] = reasons.get(row["reason"], 0) + 1
    read = sum(row["usage"]["read"] for row in rows)
    tokens = sum(sum(row["usage"].values()) for row in rows)
    return {
        "requests": len(rows),
        "input": tokens,
        "read": read,
        "hit_rate": read / tokens if tokens else 0.0,
        "lost": sum(row["lost"] for row in rows),
        # A sum that leaves some out would be taken for one of all.
        **{name: _sum([row[name] for row in rows]) for name in _MONEY},
        "reasons": reasons,
    }


def _sum(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None
