from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from math import isnan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.audit.findings import Tally
from headstart.audit.present import now_of
from headstart.audit.replay import Replay
from headstart.usage import Usage
from tests.audit.logs import LONG, START, Ask, world_of

usages = st.none() | st.builds(
    Usage, fresh=st.integers(0, 500), read=st.integers(0, 500), output=st.integers(0, 50)
)
asks = st.lists(
    st.tuples(
        st.sampled_from(["s1", LONG, "other " + LONG]),
        st.integers(0, 200_000),
        st.sampled_from([("anthropic", "claude-sonnet-4-6"), ("openai", "gpt-4.1")]),
        usages,
        st.sampled_from([None, 200, 429]),
    ).map(lambda t: Ask(["u"], [t[0]], (), (), float(t[1]), t[2][1], t[2][0], None, t[3], t[4])),
    max_size=15,
)


@settings(deadline=None, max_examples=50)
@given(asks)
def test_every_column_sums_up_the_same_requests(asks: list[Ask]) -> None:
    world = world_of(asks)
    base = Replay(world, why=True).run(world.log.rows)
    now = now_of(world, base)
    rows = [row for row in world.log.rows if not row.failed]
    assert now.total.requests == len(rows)
    read = [row.usage.read if row.usage else base.read[row.number] for row in rows]
    assert now.total.read == sum(read)
    assert now.total.hits == sum(tokens > 0 for tokens in read)
    costs = []
    for row in rows:
        price = world.pricer(row.provider, row.model)
        cost = price.cost(row.usage) if row.usage else base.cost[row.number]
        costs += [cost] if cost is not None and not isnan(cost) else []
    assert now.total.cost == (pytest.approx(sum(costs)) if costs else None)

    columns = [now.by_model, now.by_provider, now.by_kind, now.by_day, now.by_hour, now.by_version]
    for column in columns if rows else ():
        assert sum(tally.requests for tally in column) == len(rows)
        assert sum(tally.input for tally in column) == now.total.input
        assert sum(tally.cost or 0.0 for tally in column) == pytest.approx(now.total.cost or 0.0)

    def counted(tallies: tuple[Tally, ...]) -> dict[str, int]:
        return {tally.name: tally.requests for tally in tallies}

    moments = [datetime.fromtimestamp(row.time, UTC) for row in rows]
    assert counted(now.by_day) == Counter(f"{moment:%Y-%m-%d}" for moment in moments)
    assert counted(now.by_hour) == Counter(f"{moment:%H}:00" for moment in moments)
    versions = {tuple(ask.system) for ask in asks if ask.status != 429}
    assert len(now.by_version) == len(versions)


def test_times_from_a_logs_own_zero_have_no_days() -> None:
    world = world_of([Ask(["u"], [LONG], time=10.0 - START), Ask(["u"], [LONG], time=20.0 - START)])
    now = now_of(world, Replay(world, why=True).run(world.log.rows))
    assert (now.by_day, now.by_hour, now.seconds) == ((), (), 10.0)
