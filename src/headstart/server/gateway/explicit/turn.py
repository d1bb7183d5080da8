"""One request on a route with explicit caches: what it could read from an object, and what it
is sent as."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from headstart.dialects.gemini.prefixes import Outline, continuing, digests, outline
from headstart.planner import LEAST_TTL, Prefix, Terms
from headstart.pricing import storage_of
from headstart.prompt import Chain, Kind, Prompt
from headstart.providers import minimum_of
from headstart.server.gateway.case import Case
from headstart.server.gateway.explicit.objects import Group, Held, Objects
from headstart.server.gateway.explicit.site import Place, place_of

_FIRST: Final = 3
_LAST: Final = 4
"""Prefixes of a request that are watched, from its beginning and from its end."""
_SETTING: Final = "toolConfig"


@dataclass(slots=True)
class Turn:
    """``out`` is the body to send."""

    case: Case
    group: Group
    place: Place
    shape: Outline
    prefixes: dict[int, Prefix]
    """By the number of contents that each holds."""
    terms: Terms
    body: bytes
    """The client's."""
    out: bytes
    credential: str
    held: Held | None = None
    """The object that it reads."""
    doubted: Held | None = None
    """The object without which the request was sent once more, as it may have been at fault."""
    again: Callable[[int], bytes | None] | None = None
    """Told a status that the request was refused with, the body to send instead, once."""


def turn_of(case: Case, body: bytes, credential: str, objects: Objects, now: float) -> Turn | None:
    """None for a request that is left alone; Unmarkable."""
    terms, place = terms_of(case), place_of(case.target.path)
    shape = outline(body) if terms is not None and place is not None else None
    if terms is None or place is None or shape is None:
        return None
    group = Group(case.tenant, case.target.name, place.model, credential)
    counts = {*shape.counts[:_FIRST], *shape.counts[-_LAST:], *objects.counts(group)}
    counts &= set(shape.counts)
    named = digests(body, shape, counts)
    prefixes = {
        count: Prefix((group, digest), tokens, count < len(shape.contents))
        for count, digest in named.items()
        if (tokens := _tokens(case, count))
    }
    turn = Turn(case, group, place, shape, prefixes, terms, body, body, credential)
    for count in sorted(prefixes, reverse=True):
        prefix = prefixes[count]
        held = objects.ready(prefix.name, now) if prefix.readable else None
        if held is not None:
            turn.out = continuing(body, shape, count, held.name)
            turn.held = held
            break
    return turn


def rest_of(case: Case, count: int, name: str) -> Chain:
    """What a request asks beyond its object, hashed and counted."""
    prompt = case.call.prompt
    segments = tuple(
        segment
        for segment in prompt.segments
        if segment.kind is Kind.MESSAGE and segment.message >= count
    )
    settings = {key: text for key, text in prompt.settings.items() if key != _SETTING}
    controls = replace(prompt.controls, resource=name)
    return case.model.emulator.chain(Prompt(prompt.model, segments, settings, controls))


def terms_of(case: Case) -> Terms | None:
    """What an object of so long a prompt costs; None where no price for it is published."""
    model = case.model
    rules, price = model.rules, model.pricer.price(case.chain.tokens)
    storage = storage_of(price) if price is not None else None
    if price is None or storage is None or not rules.resources:
        return None
    held = replace(rules, minimum=rules.resource_minimum, minimums=rules.resource_minimums)
    return Terms(
        storage.hour,
        storage.read,
        price.input / 1e6,
        minimum_of(held, case.call.prompt.model),
        max(rules.least_ttl, LEAST_TTL),
    )


def _tokens(case: Case, count: int) -> int:
    """Of a prefix with so many contents."""
    held = 0
    for segment in case.call.prompt.segments:
        if segment.kind is Kind.MESSAGE and segment.message >= count:
            break
        held += 1
    return case.chain.ends[held - 1] if held else 0
