from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.usage import Usage

_COUNTS = st.integers(0, 10**9)
_USAGES = st.builds(
    Usage,
    fresh=_COUNTS,
    read=_COUNTS,
    write_5m=_COUNTS,
    write_1h=_COUNTS,
    write_other=_COUNTS,
    output=_COUNTS,
)


@given(_USAGES)
def test_input_is_the_sum_of_exclusive_buckets(usage: Usage) -> None:
    assert usage.input == usage.fresh + usage.read + usage.written
    assert usage.written == usage.write_5m + usage.write_1h + usage.write_other
    assert 0.0 <= usage.hit_rate <= 1.0


@given(_USAGES, _USAGES)
def test_addition_adds_every_bucket(one: Usage, two: Usage) -> None:
    both = one + two
    assert both.input == one.input + two.input
    assert both.written == one.written + two.written
    assert both.output == one.output + two.output
    assert both + Usage() == both


def test_hit_rate_of_nothing_is_zero() -> None:
    assert Usage().hit_rate == 0.0
    assert Usage(fresh=1, read=3).hit_rate == 0.75


@pytest.mark.parametrize("field", ["fresh", "read", "write_5m", "output"])
def test_negative_counts_are_refused(field: str) -> None:
    with pytest.raises(ValueError, match="negative token count"):
        Usage(**{field: -1})
