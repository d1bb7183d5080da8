from __future__ import annotations

import os
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.audit import jobs
from headstart.audit.cures import Ruled
from headstart.audit.jobs import Job, replayed, shared
from headstart.audit.outcome import Outcome
from headstart.audit.pings import KeptAlive
from headstart.audit.replay import Replay
from headstart.audit.world import World
from headstart.providers import emulate
from headstart.tokens import counter_of
from headstart.usage import Usage
from tests.audit.logs import CLAUDE, LONG, START, Ask, prompt_of, world_of

DAY = datetime.fromtimestamp(START, UTC).date()
OTHERS = (("anthropic", CLAUDE), ("openai", "gpt-4.1"))
said = st.lists(st.sampled_from(["u1", "a1", "u2", "u" + LONG, "a" + LONG]), max_size=5)
head = st.lists(st.sampled_from([LONG, "s " + LONG]), min_size=1, max_size=2)
marks = st.sampled_from([(), (-1,), (0,), (0, -1)])
gaps = st.sampled_from([0.0, 5.0, 200.0, 400.0])
Drawn = tuple[list[str], list[str], tuple[int, ...], float, tuple[str, str]]
rows = st.lists(st.tuples(said, head, marks, gaps, st.sampled_from(OTHERS)), max_size=12)


def asks_of(rows: list[Drawn]) -> list[Ask]:
    asks, now = [], 0.0
    for said, system, marks, gap, (provider, model) in rows:
        now += gap
        marks = marks if provider == "anthropic" else ()
        asks.append(Ask(said, system, (), marks, now, model, provider))
    return asks


@settings(deadline=None, max_examples=40)
@given(rows)
def test_it_reads_what_an_emulator_says_that_gets_the_requests_themselves(
    rows: list[Drawn],
) -> None:
    asks = [ask for ask in asks_of(rows) if ask.provider == "anthropic" and ask.marks]
    world = world_of(asks)
    emulator = emulate("anthropic", CLAUDE, DAY, count=counter_of("anthropic", CLAUDE).count)
    usages = []
    for ask in asks:
        ticket = emulator.begin(prompt_of(ask), START + (ask.time or 0.0))
        ticket.first_byte(START + (ask.time or 0.0))
        usages.append(ticket.lookup.usage)
    for why in (False, True):
        outcome = Replay(world, why=why).run(world.log.rows)
        assert list(outcome.read) == [usage.read for usage in usages]
        assert list(outcome.written) == [usage.written for usage in usages]
        assert list(outcome.input) == [usage.input for usage in usages]


def same(one: Outcome, other: Outcome) -> bool:
    return all(
        repr(getattr(one, name)) == repr(getattr(other, name))
        for name in ("input", "read", "written", "cost", "uncached", "reasons", "lost", "pings")
    )


@settings(deadline=None, max_examples=25)
@given(rows)
def test_providers_apart_get_what_they_get_together(rows: list[Drawn]) -> None:
    world = world_of(asks_of(rows))
    changes = ([], [KeptAlive(world), Ruled({"minimum": 0, "minimums": {}}, {OTHERS[0]})])
    for given_ in changes:
        for why in (False, True):
            job = Job(given_, why=why)
            whole = Replay(world, given_, why=why).run(world.log.rows)
            parts = jobs._parts(world, job, worth=True)
            assert sorted(number for part in parts for number in part) == [*range(len(rows))]
            found = [(jobs._run(world, job, part), part) for part in parts]
            assert same(Outcome.joined(len(rows), found, None), whole)


@pytest.fixture
def forking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_LARGE", 0)


@pytest.mark.usefixtures("forking")
def test_rows_that_a_job_does_not_name_keep_what_they_had() -> None:
    asks = [Ask(["u"], [LONG], (), (-1,), 20.0 * i, *reversed(OTHERS[i % 2])) for i in range(8)]
    world = world_of(asks, workers=2)
    base = replayed(world, [Job(why=True)])[0]
    assert base.total_read > 0
    change = Ruled({"minimum": 10**6, "minimums": {}})
    [found] = replayed(world, [Job([change], {0, 2, 4, 6})], base)
    assert [found.read[i] for i in range(1, 8, 2)] == [base.read[i] for i in range(1, 8, 2)]
    assert [found.read[i] for i in range(0, 8, 2)] == [0] * 4


def test_one_process_or_two_results_come_in_the_order_of_the_tasks() -> None:
    tasks = [lambda n=n: n * n for n in range(20)]
    for workers in (1, 2):
        steps: list[None] = []
        found = shared(tasks, workers, lambda steps=steps: steps.append(None))
        assert found == [n * n for n in range(20)]
        assert len(steps) == 20


def test_what_another_process_could_not_do_is_done_here() -> None:
    parent = os.getpid()

    def fails_elsewhere(number: int) -> int:
        if os.getpid() != parent:
            os._exit(9)
        return number

    tasks = [lambda n=n: fails_elsewhere(n) for n in range(10)]
    assert shared(tasks, 2, lambda: None) == [*range(10)]


def test_failed_rows_write_nothing_and_unknown_providers_get_nothing() -> None:
    asks = [
        Ask(["u"], [LONG], (), (-1,), 0.0, status=500),
        Ask(["u"], [LONG], (), (-1,), 10.0),
        Ask(["u"], [LONG], (), (-1,), 20.0, "model", "nobody"),
        Ask(["u"], [LONG], (), (-1,), 30.0, usage=Usage(fresh=1)),
    ]
    world = world_of(asks)
    outcome = Replay(world).run(world.log.rows)
    assert [read > 0 for read in outcome.read] == [False, False, False, True]
    assert outcome.input[2] == 0
    assert outcome.cost[2] != outcome.cost[2]


def test_worlds_heads_and_counts_are_those_of_each_path() -> None:
    asks = [
        Ask(["u1", "a1", "u2"], ["s", "s2"], ["{}"]),
        Ask(["u1", "a1"]),
        Ask([], ["s"]),
        Ask(["u3"], ["s"], ["{}"]),
    ]
    world: World = world_of(asks)
    faces = world.log.segments.faces
    for row in world.log.rows:
        path = world.log.segments_of(row)
        head = [number for number in path if faces[number].kind < 2]
        assert world.log.trie.path(world.heads[row.node]) == head
        assert world.counted[row.node] == sum(faces[number].tokens for number in path)
