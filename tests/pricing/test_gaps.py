from __future__ import annotations

import math

import pytest

from headstart.pricing import Multipliers, choices, ending, exponential, observed

OFFERS = (Multipliers("5m", 1.25, 0.1), Multipliers("1h", 2.0, 0.1))


def test_distributions() -> None:
    assert exponential(60)(60) == pytest.approx(1 - math.exp(-1))
    within = observed([10, 400, 5_000], ended=1)
    assert [within(t) for t in (9, 10, 400, 9_999)] == [0, 0.25, 0.5, 0.75]
    assert ending(within, 0.5)(400) == 0.25


def test_the_lifetime_that_suits() -> None:
    assert choices(lambda _: 1.0, OFFERS)[0] == ("5m", 1.0, pytest.approx(0.1))
    hour = choices(observed([600] * 9 + [10]), OFFERS)
    assert [c.lifetime for c in hour] == ["1h", None, "5m"]
    assert hour[0].cost == pytest.approx(0.1)
    never = choices(observed([100_000]), OFFERS)
    assert [(c.lifetime, c.cost) for c in never] == [(None, 1), ("5m", 1.25), ("1h", 2)]


def test_bad_input() -> None:
    for wrong in (0, -1, float("nan")):
        with pytest.raises(ValueError, match="mean gap"):
            exponential(wrong)
    with pytest.raises(ValueError, match="no gaps"):
        observed([])
    with pytest.raises(ValueError, match="probability"):
        ending(observed([1]), 2)
