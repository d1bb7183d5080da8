from __future__ import annotations

import pytest

from headstart.server.emulate import Clock
from headstart.server.emulate.clock import LATEST


class Real:
    def __init__(self) -> None:
        self.time = 1_000.0

    def __call__(self) -> float:
        return self.time


def test_it_goes_with_real_time_and_what_it_was_moved_by() -> None:
    real = Real()
    clock = Clock(real)
    clock.advance(300)
    real.time += 5
    assert clock.now() == 1_305
    clock.move_to(2_000)
    real.time += 1
    assert clock.now() == 2_001


def test_it_stands_and_goes_on_from_there() -> None:
    real = Real()
    clock = Clock(real)
    clock.stop()
    real.time += 100
    assert (clock.now(), clock.stands) == (1_000, True)
    clock.advance(7)
    assert clock.now() == 1_007
    clock.run()
    real.time += 1
    assert (clock.now(), clock.stands) == (1_008, False)


def test_it_never_goes_back() -> None:
    real = Real()
    clock = Clock(real)
    assert clock.now() == 1_000
    real.time = 10
    assert clock.now() == 1_000


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf"), LATEST])
def test_steps_that_it_does_not_take(seconds: float) -> None:
    clock = Clock(Real())
    with pytest.raises(ValueError, match="advance takes seconds"):
        clock.advance(seconds)
    assert clock.now() == 1_000


@pytest.mark.parametrize("moment", [999.0, float("nan"), float("inf")])
def test_moments_that_it_does_not_show(moment: float) -> None:
    clock = Clock(Real())
    with pytest.raises(ValueError, match=r"clock can't go back|advance takes seconds"):
        clock.move_to(moment)
    assert clock.now() == 1_000
