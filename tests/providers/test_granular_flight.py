from __future__ import annotations

from headstart.providers.granular_flight import InFlight
from tests.providers.prompts import blocks


def test_a_prompt_is_in_flight_from_when_it_goes_out_to_its_answer() -> None:
    flight = InFlight(10)
    long, short = blocks(4).cuts, blocks(2).cuts
    first, second = flight.add(long, "", 0), flight.add(long, "", 0)
    assert (flight.held(short, ""), flight.held(long, "other")) == (2, 0)
    assert (flight.ending(long, ""), flight.ending(short, "")) == (4, 0)
    flight.drop(first, 1)
    assert (flight.held(long, ""), flight.ending(long, "")) == (4, 4)
    flight.drop(second, 1)
    flight.drop(second, 1)
    assert (flight.held(long, ""), flight.ending(long, ""), len(flight)) == (0, 0, 0)


def test_requests_that_are_never_answered_are_given_up() -> None:
    flight = InFlight(3)
    for i in range(10):
        flight.add(blocks(2, tag=str(i)).cuts, "", i)
    assert len(flight) == 3
    assert flight.held(blocks(2, tag="0").cuts, "") == 0
    assert flight.held(blocks(2, tag="9").cuts, "") == 2
