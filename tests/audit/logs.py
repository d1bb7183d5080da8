"""Small logs for tests: each request as the texts that it consists of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from headstart.audit.audit import _assume
from headstart.audit.digest import Digester
from headstart.audit.links import Links
from headstart.audit.log import Gatherer, Log
from headstart.audit.options import Options
from headstart.audit.record import Blocks, Place, Record
from headstart.audit.world import World
from headstart.prompt import Kind, Prompt, Segment
from headstart.usage import Usage

CLAUDE = "claude-sonnet-4-6"
START = 1_790_000_000.0
LONG = "\n".join(f"Rule {i}: answer questions about order {i} politely." for i in range(120))


class Ask(NamedTuple):
    """One request. A message that begins with ``a`` is the assistant's."""

    said: Sequence[str] = ()
    system: Sequence[str] = ()
    tools: Sequence[str] = ()
    marks: Sequence[int] = ()
    """Segments with a directive of five minutes; -1 is the last one."""
    time: float | None = None
    model: str = CLAUDE
    provider: str = "anthropic"
    conversation: str | None = None
    usage: Usage | None = None
    status: int | None = None
    blocks: Blocks | None = None


def prompt_of(ask: Ask) -> Prompt:
    """All of its segments."""
    found: list[Segment] = []
    every: list[tuple[Kind, str, int, str]] = [(Kind.TOOL, "tools", -1, t) for t in ask.tools]
    every += [(Kind.SYSTEM, "system", -1, text) for text in ask.system]
    for number, text in enumerate(ask.said):
        role = "assistant" if text.startswith("a") else "user"
        every.append((Kind.MESSAGE, role, number, text))
    marked = {mark % len(every) for mark in ask.marks}
    parts: dict[Kind, int] = {}
    for place, (kind, role, message, text) in enumerate(every):
        part = 0 if kind is Kind.MESSAGE else parts.get(kind, 0)
        parts[kind] = part + 1
        block = {"type": "text", "text": text}
        found.append(
            Segment(
                kind,
                role,
                message,
                part,
                text,
                block,
                300.0 if place in marked else None,
                "tool" if kind is Kind.TOOL else "text",
                msgspec.json.encode(block),
            )
        )
    return Prompt(ask.model, tuple(found))


def record_of(ask: Ask, number: int) -> Record:
    """As an importer gives it."""
    return Record(
        Place("log", number + 1),
        model=ask.model,
        provider=ask.provider,
        time=START + 20.0 * number if ask.time is None else START + ask.time,
        conversation=ask.conversation,
        dialect=None if ask.blocks else "anthropic",
        prompt=None if ask.blocks else prompt_of(ask),
        blocks=ask.blocks,
        usage=ask.usage,
        status=ask.status,
    )


def log_of(asks: Iterable[Ask], **options: Any) -> Log:
    """Digested and gathered."""
    given = Options(**options)
    digester, gatherer = Digester(given), Gatherer(given)
    for number, ask in enumerate(asks):
        gatherer.add(0, digester.digest(record_of(ask, number)))
    return gatherer.finish()


def world_of(asks: Iterable[Ask], **options: Any) -> World:
    """With its conversations linked."""
    world = World(log_of(asks, **options))
    _assume(world)
    world.lanes = linked(world.log).lanes
    return world


def linked(log: Log) -> Links:
    """Of all rows."""
    return Links(log, [bool(row.node) for row in log.rows])


def texts_of(log: Log, row: int) -> list[str | None]:
    """A prompt as it was."""
    return [log.segments.text(number) for number in log.segments_of(log.rows[row])]
