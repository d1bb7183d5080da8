from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.engine.contract import Lease
from headstart.server.accounting import FIVE_MINUTES, ONE_HOUR, split_usage
from headstart.usage import Usage

HALF_HOUR = 1800.0


@pytest.mark.parametrize(
    ("read", "leases", "expected"),
    [
        (0, [], Usage(fresh=100)),
        (40, [], Usage(fresh=60, read=40)),
        (0, [Lease(80, FIVE_MINUTES)], Usage(fresh=20, write_5m=80)),
        (0, [Lease(80, ONE_HOUR)], Usage(fresh=20, write_1h=80)),
        (0, [Lease(80, HALF_HOUR)], Usage(fresh=20, write_other=80)),
        # A = 10, B = 50, C = 80
        (
            10,
            [Lease(50, ONE_HOUR), Lease(80, FIVE_MINUTES)],
            Usage(fresh=20, read=10, write_1h=40, write_5m=30),
        ),
        # The hit lies beyond the 1-hour marker: nothing is written for an hour.
        (
            60,
            [Lease(50, ONE_HOUR), Lease(80, FIVE_MINUTES)],
            Usage(fresh=20, read=60, write_5m=20),
        ),
        # The hit lies beyond every marker.
        (90, [Lease(50, ONE_HOUR), Lease(80, FIVE_MINUTES)], Usage(fresh=10, read=90)),
        # A 5-minute marker below a 1-hour one is covered by it.
        (0, [Lease(30, FIVE_MINUTES), Lease(50, ONE_HOUR)], Usage(fresh=50, write_1h=50)),
        (0, [Lease(0, FIVE_MINUTES)], Usage(fresh=100)),
        (0, [Lease(500, FIVE_MINUTES)], Usage(write_5m=100)),
    ],
)
def test_tokens_fall_into_buckets(read: int, leases: list[Lease], expected: Usage) -> None:
    assert split_usage(100, read, leases) == expected


@given(
    prompt=st.integers(1, 500),
    data=st.data(),
    leases=st.lists(
        st.builds(Lease, st.integers(0, 600), st.sampled_from([FIVE_MINUTES, ONE_HOUR, HALF_HOUR])),
        max_size=4,
    ),
)
def test_every_prompt_token_is_in_exactly_one_bucket(
    prompt: int, data: st.DataObject, leases: list[Lease]
) -> None:
    read = data.draw(st.integers(0, prompt - 1))
    usage = split_usage(prompt, read, leases, output=3)
    assert usage.input == prompt
    assert usage.read == read
    assert usage.output == 3
    last = max((min(lease.tokens, prompt) for lease in leases), default=0)
    assert usage.written == max(0, last - read)
