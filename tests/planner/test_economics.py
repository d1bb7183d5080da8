"""The worked numbers and break-even points of the economics of prompt caching."""

from __future__ import annotations

from math import inf

import pytest

from headstart.planner import Features, Outcome
from headstart.planner.bill import units
from headstart.planner.choice import Place, Prices, choose
from headstart.planner.gaps import BINS, Classes, within
from headstart.planner.keepalive import KeepAlive, Kept
from headstart.prompt import Chain
from headstart.usage import Usage
from tests.planner.conftest import KEY, RATES, World

PRICES = Prices.of(RATES)
INPUT = 3e-6
"""USD a token."""


def hazards(soon: float, later: float = 0.0) -> list[float]:
    """P(gap < 5 minutes), and P(5 minutes < gap < 1 hour)."""
    bins = [0.0] * BINS
    bins[0] = soon
    bins[5] = later / (1 - soon) if soon < 1 else 0.0
    return bins


@pytest.fixture
def price(world: World):  # noqa: ANN201
    """Units of exclusive buckets."""
    request = world.request(Chain.of_blocks("m", [b"a"], 512), 0.0)
    return lambda usage: units(usage, request)


def test_a_prefix_of_8000_tokens_and_a_tail_of_500(price) -> None:  # noqa: ANN001
    first, hit = price(Usage(500, 0, write_5m=8000)), price(Usage(500, 8000))
    assert (first, hit) == (10_500, 1_300)
    assert first > 8_500
    assert first + hit < 2 * 8_500


def test_4500_tokens_of_system_text_100000_times_a_day(price) -> None:  # noqa: ANN001
    calls, output = 100_000, 400 * 15e-6
    uncached = calls * (price(Usage(4650)) * INPUT + output)
    read = calls * (price(Usage(150, 4500)) * INPUT + output)
    premium = (price(Usage(write_5m=4500)) - price(Usage(0, 4500))) * INPUT
    assert uncached == pytest.approx(1995)
    assert read == pytest.approx(780)
    assert read + premium == pytest.approx(780.02, abs=0.005)
    assert read + 288 * premium == pytest.approx(784.47, abs=0.005)


def test_1000_requests_of_50000_tokens(price) -> None:  # noqa: ANN001
    reads = 999 * price(Usage(0, 50_000))
    assert price(Usage(50_000)) * 1000 * INPUT == pytest.approx(150)
    assert (price(Usage(write_5m=50_000)) + reads) * INPUT == pytest.approx(15.1725)
    assert (price(Usage(write_1h=50_000)) + reads) * INPUT == pytest.approx(15.285)
    assert (price(Usage(50_000)) + reads) * INPUT == pytest.approx(15.135)


@pytest.mark.parametrize(("chance", "writes"), [(0.217, False), (0.278, True), (0.9, True)])
def test_writes_where_the_next_use_is_likely_enough(chance: float, writes: bool) -> None:
    """21.7% would do if the chain surely went on, 27.8% does even for a single use more."""
    choice = choose([Place(9, 10_000, hazards(chance))], 0, 10_000, PRICES, inf)
    assert (choice.short == 0) is writes
    assert choice.long == -1


def test_one_hour_costs_only_on_new_tokens() -> None:
    """(w5 - r) L P(5 min < gap < 1 h) against (w1 - w5) times the new tokens."""
    chance = hazards(0.8, 0.05)
    old = [Place(9, 99_000, chance, held=300.0), Place(10, 100_000, chance)]
    assert choose(old, 99_000, 100_000, PRICES, inf).long == 1
    new = [Place(10, 100_000, chance)]
    assert choose(new, 0, 100_000, PRICES, inf).long == -1


def test_a_few_tokens_for_an_hour_protect_the_whole_prefix() -> None:
    chance = hazards(0.9, 0.04)
    places = [
        Place(8, 90_000, chance, held=300.0),
        Place(9, 90_200, chance),
        Place(10, 100_000, chance),
    ]
    choice = choose(places, 90_000, 100_000, PRICES, inf)
    assert (choice.long, choice.short) == (1, 2)
    assert choice.cost == pytest.approx(0.1 * 90_000 + 2 * 200 + 1.25 * 9_800)


def test_no_choice_costs_more_than_there_is_room_for() -> None:
    places = [Place(1, 50_000, hazards(0.9, 0.05)), Place(2, 100_000, hazards(0.9, 0.05))]
    for room in (0.0, 12_500.0, 20_000.0, 25_000.0, 1e6):
        choice = choose(places, 0, 100_000, PRICES, room)
        assert choice.cost <= 100_000 + room
    assert choose(places, 0, 100_000, PRICES, 12_499.0).short == -1


def test_within_is_a_distribution() -> None:
    chance = hazards(0.6, 0.2)
    assert within(chance, 0, 300) == pytest.approx(0.6)
    assert within(chance, 0, 3600) == pytest.approx(0.8)
    assert within(chance, 300, 3300) == pytest.approx(0.5)
    assert within(chance, 0, 0) == 0


def kept(output: int | None, long: int = 0) -> Kept:
    features = Features(("text",), 1, 1)
    return Kept(KEY, features, RATES, b"p", 100_000, 100_000, long, 3600.0, 0.0, output)


def learned(gap: float) -> KeepAlive:
    """Pings of one who has seen 300 pauses of that length."""
    classes = Classes()
    pings = KeepAlive(classes)
    for number in range(300):
        start = number * 10_000.0
        one = kept(None)._replace(digest=b"%d" % number, used=start)
        pings.answered(number, one, Outcome(None, "end_turn", start, start + 1))
        pings._pauses.use(one.digest, start + gap)
    return pings


ENDED = Outcome(None, "end_turn", 0.0, 1.0)


@pytest.mark.parametrize(
    ("gap", "pings"), [(400.0, True), (20.0, False), (3000.0, True), (100_000.0, False)]
)
def test_pings_where_the_pause_ends_while_they_last(gap: float, pings: bool) -> None:
    wake = learned(gap).answered(1000, kept(1), ENDED)
    assert (wake is not None) is pings
    if wake is not None:
        assert 270 <= wake.at < 300


def test_no_ping_without_a_legal_one_or_for_what_is_protected_anyway() -> None:
    assert learned(400.0).answered(1000, kept(None), ENDED) is None
    assert learned(400.0).answered(1000, kept(1, long=99_000), ENDED) is None


def test_a_pings_price_counts_its_output_and_its_tail() -> None:
    one = kept(20)._replace(tokens=101_000)
    assert one.price == pytest.approx(0.1 * 100_000 + 1_000 + 5 * 20)
