"""The replay model's bounds: no policy, ours and random ones included, beats them."""

from __future__ import annotations

import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from benchmarks.replay.adversarial import traffics
from benchmarks.replay.bound import bound
from benchmarks.replay.calls import Call, Keys
from benchmarks.replay.emulated import disagreements
from benchmarks.replay.model import LONG, OUTPUT, SHORT, Store
from benchmarks.replay.planned import PING_OUTPUT, ours
from benchmarks.replay.static import STATIC, cost_of, oracle
from headstart.planner import CREDIT, Features
from headstart.prompt import Mark

PAUSES = [0.0, 5.0, 280.0, 299.0, 301.0, 590.0, 1800.0, 3599.0, 3700.0, 9000.0]
STEP = st.tuples(
    st.sampled_from(["grow", "part", "repeat", "again"]),
    st.integers(1, 12),
    st.sampled_from(PAUSES),
    st.integers(0, 2**32),
)


def calls_of(steps: list[tuple[str, int, float, int]]) -> list[Call]:
    """One lane whose prompts grow, part somewhere, repeat, or come back to an earlier one."""
    keys, ids, now = Keys("lane"), ["0"], 0.0
    known: list[tuple[list[str], tuple[int, ...]]] = []
    made = []
    for number, (what, size, pause, seed) in enumerate(steps):
        now += pause
        rng = random.Random(seed)
        if what == "again" and known:
            ids = list(rng.choice(known)[0])
        elif what != "repeat":
            ids = ids[: rng.randrange(len(ids) + 1)] if what == "part" else ids
            ids = [*ids, *(f"{number}.{i}" for i in range(size))]
        found = keys.of(["/".join(ids[: i + 1]) for i in range(len(ids))])
        places = {len(found) - 1, *(b for b in range(len(found)) if rng.random() < 0.3)}
        features = Features(("text",), 1, number)
        made.append(
            Call(
                *(now, now + 1, "m", "c", found, 64, 64 * len(found), 0, 1),
                *(tuple(sorted(places)), None, features, 10, "end_turn"),
            )
        )
        known.append((ids, ()))
    return made


def at_random(calls: list[Call], rng: random.Random, *, pings: bool) -> float:
    """Any marks at the known places, and any pings of any earlier prompt."""
    store, cost = Store(), 0.0
    for number, call in enumerate(calls):
        marks = [Mark(b, rng.choice([SHORT, LONG])) for b in call.places if rng.random() < 0.5]
        marks.sort(key=lambda mark: (-mark.ttl, mark.segment))
        last = 0
        ordered = []
        for mark in marks:
            if mark.segment >= last:
                ordered.append(mark)
                last = mark.segment
        cost += store.serve(call, ordered, call.time).cost
        until = calls[number + 1].time if number + 1 < len(calls) else call.time
        now = call.time + 280.0
        while pings and now < until and rng.random() < 0.8:
            cost += store.serve(call, ordered, now).cost + OUTPUT * PING_OUTPUT
            now += rng.choice([280.0, 3500.0])
    return cost


@settings(max_examples=80, deadline=None)
@given(st.lists(STEP, min_size=1, max_size=25), st.integers(0, 2**32))
@example(  # A request that can read nothing leaves what is cached for others.
    [*[("grow", 1, 0.0, 0)] * 4, ("part", 1, 0.0, 1), ("again", 1, 0.0, 0)], 0
)
def test_no_policy_beats_its_bound(steps: list[tuple[str, int, float, int]], seed: int) -> None:
    calls, rng = calls_of(steps), random.Random(seed)
    least, with_pings = bound(calls, False) - 1e-6, bound(calls, True) - 1e-6
    assert with_pings <= least
    for name, policy in STATIC.items():
        if "system" in name or "four" in name:
            continue  # their places are not among these calls' own
        assert sum(cost_of(policy, calls)) >= least
    assert sum(oracle(calls)) >= least
    plain, kept = ours(pings=False), ours(pings=True)
    assert sum(plain.run(calls)) + plain.finish() >= least
    assert sum(kept.run(calls)) + kept.finish() >= with_pings
    for _ in range(3):
        assert at_random(calls, rng, pings=False) >= least
        assert at_random(calls, rng, pings=True) >= with_pings


@settings(max_examples=30, deadline=None)
@given(st.lists(STEP, min_size=1, max_size=25))
def test_the_emulator_bills_the_same(steps: list[tuple[str, int, float, int]]) -> None:
    calls = calls_of(steps)
    replay = ours(pings=False)
    list(replay.run(calls))
    assert disagreements(calls, replay.plans) == 0


@pytest.mark.parametrize("load", traffics(500), ids=lambda load: load.name)
def test_adversaries_cost_a_share_and_the_credit_at_most(load: object) -> None:
    for pings in (False, True):
        replay = ours(pings=pings)
        spent = sum(replay.run(load.calls)) + replay.finish()  # type: ignore[attr-defined]
        assert spent <= 1.01 * load.tokens + CREDIT  # type: ignore[attr-defined]
