"""Logs: one or two apps' requests with their responses, one JSON object a line."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.defect_parts.apps import App, Ask, asks, tools_of, written
from benchmarks.defect_parts.plants import ANTHROPIC_ONLY, PLANTS, Planted
from benchmarks.defect_parts.sessions import Session
from benchmarks.defect_parts.truth import lost, replayed
from headstart.dialects.hosted import Reply
from headstart.usage import Usage

DAY = datetime(2026, 11, 3, tzinfo=UTC)
LEAST_LOST = 0.02
"""Of the input: a defect that loses less than this is planted again elsewhere."""
TRIES = 12
_MODELS = (("anthropic", "claude-opus-5-5"), ("anthropic", "claude-sonnet-4-6"))
_ANY = (*_MODELS, ("openai", "gpt-4.1"), ("openai", "gpt-6.1-sol"))


@dataclass(frozen=True, slots=True)
class Defect:
    """The truth about one planted defect."""

    plant: str
    cause: str
    section: str
    segment: int | None
    start: int | None
    end: int | None
    lost: int
    requests: int


class Material:
    """Sessions to make logs of, and documents for those that have no system prompt."""

    def __init__(self, found: Sequence[Session], documents: Sequence[str]) -> None:
        """ValueError if there are too few."""
        self.with_system = [session for session in found if len(session.system) > 3000]
        self.bare = [session for session in found if len(session.system) <= 3000]
        self._documents = documents
        if len(self.with_system) < 5 and (len(self.bare) < 5 or not documents):
            raise ValueError("too few sessions: five of one kind, of four requests each, at least")

    def app(self, name: str, plant: str, chance: random.Random) -> tuple[App, list[Session]]:
        """An app and its conversations."""
        pools = [p for p in (self.with_system, self.bare) if len(p) >= 5]
        if not self._documents:
            pools = [self.with_system]
        pool = chance.choice(pools)
        found = chance.sample(pool, chance.randint(3, 5))
        system = found[0].system
        if not system or pool is self.bare:
            system = chance.choice(self._documents)
        models = _MODELS if plant in ANTHROPIC_ONLY else _ANY
        provider, model = chance.choice(models)
        return App(name, provider, model, system, tools_of(found, name)), found


def planted(
    material: Material, name: str, plant: str, chance: random.Random, *, mixed: bool
) -> tuple[list[tuple[Ask, Usage]], Defect | None]:
    """One app's requests with what they used, and the defect in them; ``plant`` "" is none."""
    for _ in range(TRIES):
        app, found = material.app(name, plant, chance)
        start = DAY + timedelta(seconds=chance.uniform(8 * 3600, 15 * 3600))
        if plant == "system:date":
            start = DAY + timedelta(days=1, seconds=-chance.uniform(100, 400))
        clean = asks(app, found, start.timestamp(), chance, mixed=mixed)
        if not plant:
            rows = [written(ask) for ask in clean]
            return list(zip(rows, replayed(rows), strict=True)), None
        made = PLANTS[plant](clean, chance)
        rows, usage, defect = _judged(made, plant)
        if defect.lost >= LEAST_LOST * sum(one.input for one in usage):
            return list(zip(rows, usage, strict=True)), defect
    raise ValueError(f"these sessions give no log in which {plant} loses anything")


def _judged(made: Planted, plant: str) -> tuple[list[Ask], list[Usage], Defect]:
    rows = [written(ask) for ask in made.asks]
    cured = [written(ask) for ask in made.cured]
    usage = replayed(rows)
    tokens, requests = lost(usage, replayed(cured, made.knobs))
    where = made.section, made.segment, made.start, made.end
    return rows, usage, Defect(plant, made.cause, *where, tokens, requests)


def write(
    path: Path, rows: Sequence[tuple[Ask, Usage]], chance: random.Random, *, named: bool
) -> None:
    """The log, in order of time; ``named``: rows carry their conversation's id."""
    answers = _answers([ask for ask, _ in rows])
    with path.open("wb") as log:
        for number, (ask, usage) in enumerate(sorted(rows, key=lambda row: row[0].time)):
            answer = answers.get((ask.conversation, len(ask.messages)), "Done.")
            log.write(msgspec.json.encode(_row(number, ask, usage, answer, chance, named)) + b"\n")


def truth_of(log: str, defects: Sequence[Defect], rows: Sequence[tuple[Ask, Usage]]) -> bytes:
    """One line of the truth file."""
    total = sum((usage for _, usage in rows), Usage())
    facts = {"log": log, "defects": [asdict(one) for one in defects]}
    return msgspec.json.encode({**facts, "input": total.input, "read": total.read}) + b"\n"


def _answers(rows: Sequence[Ask]) -> dict[tuple[str, int], str]:
    """What the model said, by conversation and messages before it."""
    return {
        (ask.conversation, i): said.text
        for ask in rows
        for i, said in enumerate(ask.messages)
        if said.role == "assistant"
    }


def _row(
    number: int, ask: Ask, usage: Usage, answer: str, chance: random.Random, named: bool
) -> dict[str, Any]:
    spent = usage + Usage(output=max(1, len(answer) // 4))
    prefix = "msg_" if ask.app.provider == "anthropic" else "chatcmpl-"
    reply = Reply(
        text=answer,
        stop="stop",
        usage=spent,
        model=ask.model,
        response_id=f"{prefix}{chance.getrandbits(80):020x}{number}",
        created=int(ask.time),
    )
    row: dict[str, Any] = {
        "timestamp": datetime.fromtimestamp(ask.time, UTC).isoformat(),
        "request": msgspec.Raw(ask.body),
        "response": msgspec.Raw(ask.app.hosted.render(reply)),
    }
    return {**row, "session_id": ask.conversation} if named else row
