"""Traffic on which writing does not pay, or pays only until it is believed in."""

from __future__ import annotations

import random
from collections.abc import Iterator

from benchmarks.replay.calls import Call, Keys, Traffic
from headstart.planner import Features

BLOCK = 64
_SEED = 7


def _call(keys: Keys, time: float, ids: list[str], calls: int = 0) -> Call:
    found = keys.of(ids)
    features = Features(("text",), 1, calls)
    tokens = BLOCK * len(found)
    blocks = tuple(range(len(found)))
    return Call(time, time + 2, "m", "", found, BLOCK, tokens, 0, 0, blocks, None, features, 50)


def _prompt(name: str, blocks: int) -> list[str]:
    return [f"{name}.{i}" for i in range(blocks)]


def unique(count: int) -> Iterator[Call]:
    """No prompt shares anything with another."""
    keys, rng = Keys("unique"), random.Random(_SEED)
    for i in range(count):
        yield _call(keys, i * 7.0, _prompt(f"u{i}", rng.randint(40, 400)))


def alternating(count: int) -> Iterator[Call]:
    """Spells of perfect reuse, then spells of none, again and again."""
    keys = Keys("alternating")
    for i in range(count):
        name = f"a{i // 100}" if i // 50 % 2 == 0 else f"b{i}"
        yield _call(keys, i * 9.0, _prompt(name, 200))


def bursts(count: int) -> Iterator[Call]:
    """Three requests in a few seconds for each prompt, then nothing of it for two hours."""
    keys = Keys("bursts")
    for i in range(count):
        burst, number = divmod(i, 3)
        ids = _prompt(f"p{burst % 5}", 150) + _prompt(f"q{i}", 100)
        yield _call(keys, burst * 1500.0 + number * 2.0, ids)


def changing(count: int) -> Iterator[Call]:
    """One conversation whose prefix changes near its start at each request."""
    keys = Keys("changing")
    for i in range(count):
        ids = ["same.0", f"clock.{i}", *(f"{i}.{j}" for j in range(20 + i % 300))]
        yield _call(keys, i * 12.0, ids, i)


def just_late(count: int) -> Iterator[Call]:
    """The same prompt comes back a moment after an hour, when every entry has just gone."""
    keys = Keys("just late")
    for i in range(count):
        yield _call(keys, i // 40 * 3601.0 + i % 40, _prompt(f"l{i % 40}", 250))


def traffics(count: int) -> list[Traffic]:
    """All of them, of so many requests each."""
    made = {
        "all unique": unique,
        "alternating": alternating,
        "bursts": bursts,
        "changing prefix": changing,
        "just too late": just_late,
    }
    return [Traffic(name, "adversarial", list(make(count))) for name, make in made.items()]
