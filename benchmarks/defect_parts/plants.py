"""Defects, each planted into one app's requests, and the same requests without it."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from benchmarks.defect_parts.apps import Ask
from benchmarks.defect_parts.sessions import Said
from benchmarks.defect_parts.values import (
    PER_CONVERSATION,
    PER_DAY,
    PER_REQUEST,
    VARIANTS,
    Line,
)

GAP = (6 * 60.0, 45 * 60.0)
"""Seconds that an expired entry was left alone: past 5 minutes, short of an hour."""
BLOCKS = (24, 40)
SHORT_SYSTEM, SHORT_MESSAGE = 5_000, 300


@dataclass(frozen=True, slots=True)
class Planted:
    """One defect. ``start`` and ``end`` are characters in the segment's text, where known."""

    cause: str
    asks: list[Ask]
    cured: list[Ask]
    section: str = ""
    segment: int | None = None
    start: int | None = None
    end: int | None = None
    knobs: Mapping[str, Any] = field(default_factory=dict)
    """Rules under which the cured requests are replayed."""


Plant = Callable[[list[Ask], random.Random], Planted]
Said_of = Callable[[Ask, int], tuple[str, str, str]]


def system_line(cause: str) -> Plant:
    """A volatile line in the first half of the system prompt."""

    def plant(asks: list[Ask], chance: random.Random) -> Planted:
        says = _says(cause, asks, chance)
        at = _line_start(asks[0].system, chance)
        before = asks[0].system[:at]

        def put(ask: Ask, said: tuple[str, str, str]) -> Ask:
            return replace(ask, system=f"{before}{''.join(said)}\n{ask.system[at:]}")

        longest = max(len("".join(said)) for said in says)
        return Planted(
            cause,
            [put(ask, said) for ask, said in zip(asks, says, strict=True)],
            [put(ask, says[0]) for ask in asks],
            "system",
            len(asks[0].tools),
            at,
            at + longest,
        )

    return plant


def message_line(cause: str) -> Plant:
    """A volatile line at the head of each conversation's first message, made anew each time."""

    def plant(asks: list[Ask], chance: random.Random) -> Planted:
        says = _says(cause, asks, chance)

        def put(ask: Ask, said: tuple[str, str, str]) -> Ask:
            first = ask.messages[0]
            head = replace(first, text=f"{''.join(said)}\n{first.text}")
            return replace(ask, messages=(head, *ask.messages[1:]))

        first_of = {ask.conversation: says[i] for i, ask in reversed(list(enumerate(asks)))}
        return Planted(
            cause,
            [put(ask, said) for ask, said in zip(asks, says, strict=True)],
            [put(ask, first_of[ask.conversation]) for ask in asks],
            "message",
            len(asks[0].tools) + 1,
            0,
            max(len("".join(said)) for said in says),
        )

    return plant


def tool_line(cause: str) -> Plant:
    """A volatile sentence in one tool's description."""

    def plant(asks: list[Ask], chance: random.Random) -> Planted:
        says = _says(cause, asks, chance)
        index = chance.randrange(len(asks[0].tools))

        def put(ask: Ask, said: tuple[str, str, str]) -> Ask:
            tools = list(ask.tools)
            text = f"{tools[index]['description']} {''.join(said)}"
            tools[index] = {**tools[index], "description": text}
            return replace(ask, tools=tuple(tools))

        return Planted(
            cause,
            [put(ask, said) for ask, said in zip(asks, says, strict=True)],
            [put(ask, says[0]) for ask in asks],
            "tool",
            index,
        )

    return plant


def tool_order(asks: list[Ask], chance: random.Random) -> Planted:
    """The tools in another order each time."""
    mixed = []
    for ask in asks:
        tools = list(ask.tools)
        chance.shuffle(tools)
        mixed.append(replace(ask, tools=tuple(tools)))
    cured = [replace(ask, tools=mixed[0].tools) for ask in asks]
    return Planted("tool_order", mixed, cured, "tool")


def schema_order(asks: list[Ask], chance: random.Random) -> Planted:
    """One tool's schema with its keys in another order each time."""
    index = max(
        range(len(asks[0].tools)), key=lambda i: len(asks[0].tools[i]["schema"]["required"])
    )

    def put(ask: Ask) -> Ask:
        tools = list(ask.tools)
        members = list(tools[index]["schema"].items())
        chance.shuffle(members)
        tools[index] = {**tools[index], "schema": dict(members)}
        return replace(ask, tools=tuple(tools))

    mixed = [put(ask) for ask in asks]
    cured = [replace(ask, tools=mixed[0].tools) for ask in asks]
    return Planted("key_order", mixed, cured, "tool", index)


def line_endings(asks: list[Ask], chance: random.Random) -> Planted:
    """The system prompt with the one and with the other kind of line ends."""
    odd = [chance.random() < 0.5 for _ in asks]

    def put(ask: Ask, crlf: bool) -> Ask:
        return replace(ask, system=ask.system.replace("\n", "\r\n")) if crlf else ask

    start = asks[0].system.index("\n")
    return Planted(
        "line_endings",
        [put(ask, crlf) for ask, crlf in zip(asks, odd, strict=True)],
        [put(ask, odd[0]) for ask in asks],
        "system",
        len(asks[0].tools),
        start,
        start + 1,
    )


def expired(asks: list[Ask], chance: random.Random) -> Planted:
    """All of the app pauses, once or twice, for longer than 5 minutes."""
    pauses = sorted(chance.sample(range(2, len(asks)), chance.randint(1, 2)))
    shift, later = 0.0, []
    for number, ask in enumerate(asks):
        if number in pauses:
            shift += chance.uniform(*GAP)
        later.append(replace(ask, time=ask.time + shift))
    return Planted("expired", later, asks)


def lookback(asks: list[Ask], chance: random.Random) -> Planted:
    """One message of more blocks than a breakpoint looks back over, in some conversations."""
    grown = {}
    for name in sorted({ask.conversation for ask in asks}):
        own = [ask for ask in asks if ask.conversation == name]
        places = [
            i
            for i, said in enumerate(own[-1].messages)
            if said.role == "user" and not said.answers and i >= len(own[0].messages) + 2
        ]
        if places:
            grown[name] = chance.choice(places), chance.randint(*BLOCKS)

    def put(ask: Ask) -> Ask:
        place, blocks = grown.get(ask.conversation, (len(ask.messages), 1))
        messages = tuple(
            _blocks(said, blocks) if i == place else said for i, said in enumerate(ask.messages)
        )
        return replace(ask, messages=messages)

    many = [put(ask) for ask in asks]
    return Planted("lookback_exceeded", many, many, knobs={"lookback": 10_000})


def below_minimum(asks: list[Ask], chance: random.Random) -> Planted:
    """Prompts too short for their model's cache."""

    def put(ask: Ask) -> Ask:
        messages = tuple(replace(said, text=said.text[:SHORT_MESSAGE]) for said in ask.messages)
        system = ask.system[:SHORT_SYSTEM]
        return replace(ask, model="claude-haiku-4-5", system=system, messages=messages)

    short = [put(ask) for ask in asks]
    return Planted("below_minimum", short, short, knobs={"minimum": 0, "minimums": {}})


def model_changed(asks: list[Ask], chance: random.Random) -> Planted:
    """Some requests in the middle of conversations go to another model."""
    seen: dict[str, int] = {}
    switched = []
    for ask in asks:
        seen[ask.conversation] = seen.get(ask.conversation, 0) + 1
        other = seen[ask.conversation] > 2 and chance.random() < 0.4
        switched.append(replace(ask, model="claude-sonnet-5-5") if other else ask)
    return Planted("model_changed", switched, asks)


def no_breakpoint(asks: list[Ask], chance: random.Random) -> Planted:
    """Nothing is marked."""
    return Planted("no_breakpoint", [replace(ask, marked=False) for ask in asks], asks)


LINES = (*PER_REQUEST, *PER_CONVERSATION, *PER_DAY, *VARIANTS)
IN_JSON = tuple(PER_REQUEST)
"""Kinds of which a sentence in a tool's description can be."""
RENDERED = (*PER_REQUEST, *VARIANTS)
"""Kinds that change from request to request, and so within a conversation."""

PLANTS: dict[str, Plant] = {
    **{f"system:{cause}": system_line(cause) for cause in LINES},
    **{f"tool:{cause}": tool_line(cause) for cause in IN_JSON},
    **{f"message:{cause}": message_line(cause) for cause in RENDERED},
    "tool_order": tool_order,
    "schema_order": schema_order,
    "line_endings": line_endings,
    "expired": expired,
    "lookback": lookback,
    "below_minimum": below_minimum,
    "model_changed": model_changed,
    "no_breakpoint": no_breakpoint,
}
ANTHROPIC_ONLY = frozenset(
    ("expired", "lookback", "below_minimum", "model_changed", "no_breakpoint")
)


def _says(cause: str, asks: Sequence[Ask], chance: random.Random) -> list[tuple[str, str, str]]:
    """What the line says in each request."""
    if cause in VARIANTS:
        return [("", VARIANTS[cause](chance, number), "") for number in range(len(asks))]
    line: Line = (PER_REQUEST | PER_CONVERSATION | PER_DAY)[cause]
    if cause not in PER_CONVERSATION:
        return [line(chance, ask.time, number) for number, ask in enumerate(asks)]
    names = list(dict.fromkeys(ask.conversation for ask in asks))
    by_name = {name: line(chance, 0.0, number) for number, name in enumerate(names)}
    return [by_name[ask.conversation] for ask in asks]


def _line_start(text: str, chance: random.Random) -> int:
    """Where a line begins, in the first half."""
    starts = [i + 1 for i, letter in enumerate(text[: len(text) // 2]) if letter == "\n"]
    return chance.choice(starts or [0])


def _blocks(said: Said, blocks: int) -> Said:
    filler = " ".join(f"Passage {i} of the attached document." for i in range(blocks))
    return replace(said, text=f"{said.text} {filler}", parts=blocks)
