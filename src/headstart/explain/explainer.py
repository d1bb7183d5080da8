"""Requests against those before them, as a provider's cache would have had them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

from headstart.explain.advice import advice, changes
from headstart.explain.explanation import Explanation
from headstart.explain.loss import recoverable, wasted
from headstart.prompt import Prompt, Segment, diverge
from headstart.providers import Emulator, Pricer, Recall, emulate, rules_for

CountOf = Callable[[str], Callable[[Segment], int]]
PriceOf = Callable[[str], Pricer | None]


class Explainer:
    """One account's requests to one provider, in order. All prompts are held.

    Not safe across threads.
    """

    def __init__(self, provider: str, at: date, count_of: CountOf, price_of: PriceOf) -> None:
        """The rules and prices of a day; ``count_of`` and ``price_of`` go by model."""
        self._provider = provider
        self._at = at
        self._count_of = count_of
        self._price_of = price_of
        self._recall = Recall()
        self._emulators: dict[str, tuple[Emulator, Pricer | None]] = {}
        self._seen: dict[str, tuple[Prompt, float]] = {}

    def add(
        self, prompt: Prompt, now: float, name: str, *, against: str | None = None
    ) -> Explanation:
        """A request goes out at a second of the caller's clock, and is answered at once.

        It is explained against the nearest earlier one, or the one named; ``name`` must be
        new. KeyError for an unknown provider.
        """
        if name in self._seen:
            raise ValueError(f"there is a request {name!r} already")
        emulator, price = self._emulator(prompt.model)
        chain = emulator.chain(prompt)
        lookup = emulator.peek(chain, now)
        if against is None and lookup.divergence is not None:
            against = lookup.divergence.against
        before, sent = self._seen.get(against or "", (None, now))
        split = None if before is None else diverge(before, prompt)
        lost = lookup.lost
        if before is not None and split is not None and before.model == prompt.model:
            lost = recoverable(emulator, before, prompt, lookup, now)
        rules, _ = rules_for(self._provider, prompt.model, self._at)
        remedy = advice(
            lookup.reason,
            rules,
            prompt.model,
            place=split.remedy if split else None,
            volatile=split.volatile if split and _in_front(prompt, split.segment) else None,
            changed="" if before is None else changes(before, prompt),
            after=None if before is None else now - sent,
        )
        ticket = emulator.begin(chain, now)
        ticket.request = name
        ticket.first_byte(now)
        self._seen[name] = prompt, now
        return Explanation(
            self._provider,
            prompt.model,
            lookup,
            split,
            lost,
            wasted(price, lookup.usage, lost),
            remedy,
            None if before is None else against,
        )

    def _emulator(self, model: str) -> tuple[Emulator, Pricer | None]:
        found = self._emulators.get(model)
        if found is None:
            price = self._price_of(model)
            emulator = emulate(
                self._provider,
                model,
                self._at,
                count=self._count_of(model),
                price=price,
                recall=self._recall,
            )
            found = self._emulators[model] = emulator, price
        return found


def explain(
    before: Prompt,
    now: Prompt,
    *,
    provider: str,
    model: str | None = None,
    at: date,
    after: float,
    count: Callable[[Segment], int],
    pricer: Pricer | None = None,
) -> Explanation:
    """What the second of two requests reads, and why not more, ``after`` seconds after the
    first, if these were all. ``model`` replaces that of both. KeyError for an unknown
    provider."""
    explainer = Explainer(provider, at, lambda _: count, lambda _: pricer)
    if model is not None:
        before, now = replace(before, model=model), replace(now, model=model)
    explainer.add(before, 0.0, "before")
    return explainer.add(now, after, "now", against="before")


def _in_front(prompt: Prompt, segment: int) -> bool:
    """Something comes after the message that the segment is in."""
    return segment < len(prompt.segments) and (
        prompt.segments[segment].message != prompt.segments[-1].message
    )
