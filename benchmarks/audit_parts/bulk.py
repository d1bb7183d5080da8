"""Much raw JSONL out of real sessions: each copy of them is traffic of its own."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from benchmarks.defect_parts.apps import App, Ask, asks, tools_of, written
from benchmarks.defect_parts.logs import DAY, write
from benchmarks.defect_parts.sessions import Session, documents, sessions
from benchmarks.defect_parts.truth import replayed

_COPY = b"copy-0000"
_STAMP = b'"timestamp":"2026-11-03'
_IDS = (b'"id":"msg_', b'"id":"chatcmpl-')
_MODELS = (("anthropic", "claude-opus-5-5"), ("openai", "gpt-4.1"))


def bulk(paths: Sequence[Path], size: int, out: Path) -> int:
    """Write at least ``size`` bytes of requests and responses; how many rows there are.

    Every copy has its own first message in each conversation, and its own day: what copies
    share is tools and system text, as the conversations of one app do.
    """
    chance = random.Random(7)
    first = out.with_suffix(".first")
    rows = _apps(paths, chance)
    write(first, list(zip(rows, replayed(rows), strict=True)), chance, named=False)
    base = first.read_bytes()
    first.unlink()
    written_bytes = copies = 0
    with out.open("wb") as log:
        while written_bytes < size:
            day = (DAY + timedelta(days=copies)).strftime("%Y-%m-%d").encode()
            copy = base.replace(_COPY, b"copy-%04d" % copies)
            for name in _IDS:
                copy = copy.replace(name, name + b"%04d" % copies)
            written_bytes += log.write(copy.replace(_STAMP, b'"timestamp":"' + day))
            copies += 1
    return copies * len(rows)


def _apps(paths: Sequence[Path], chance: random.Random) -> list[Ask]:
    """All sessions once, in apps of up to eight conversations."""
    found, texts = sessions(paths, most=200), documents(paths)
    every: list[Ask] = []
    for at in range(0, len(found), 8):
        some = found[at : at + 8]
        provider, model = _MODELS[at // 8 % len(_MODELS)]
        system = some[0].system or chance.choice(texts)
        app = App(f"bulk{at}", provider, model, system, tools_of(some, "bulk"))
        start = DAY.timestamp() + chance.uniform(0, 20 * 3600)
        some = [_named(session) for session in some]
        every += [written(ask) for ask in asks(app, some, start, chance, mixed=True)]
    return sorted(every, key=lambda ask: ask.time)


def _named(session: Session) -> Session:
    head = session.turns[0]
    first = replace(head[0], text=f"({_COPY.decode()}) {head[0].text}")
    return replace(session, turns=((first, *head[1:]), *session.turns[1:]))
