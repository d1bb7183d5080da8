"""The choice of places beside a twin that tries every pair and adds up anew each time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from headstart.planner.choice import Choice, Place, Prices, _gains, choose
from headstart.planner.gaps import BINS


def naive(places: list[Place], read: int, total: int, prices: Prices, room: float) -> Choice:
    gains = _gains(places, prices)
    written = [max(0, place.tokens - read) for place in places]
    base = prices.read * read + total - read
    best = Choice(-1, -1, base, sum(gain[0] for gain in gains))
    for long in range(-1, len(places) if prices.long else 0):
        for short in range(max(long, 0), len(places)):
            if (long >= 0 and not written[long]) or (short > long and not written[short]):
                continue
            kept = written[long] if long >= 0 else 0
            cost = base + kept * ((prices.long[1] if prices.long else 0) - 1)
            cost += (written[short] - kept) * (prices.short[1] - 1)
            if cost > total + room:
                break
            gain = sum(gains[i][2] for i in range(long + 1))
            gain += sum(gains[i][1] for i in range(long + 1, short + 1))
            gain += sum(gains[i][0] for i in range(short + 1, len(places)))
            if cost - gain < best.cost - best.gain:
                best = Choice(long, short, cost, gain)
    return best


_HAZARDS = st.lists(st.floats(0, 0.9), min_size=BINS, max_size=BINS)
_STEPS = st.lists(
    st.tuples(st.integers(0, 5000), _HAZARDS, st.sampled_from([0.0, 200.0, 4000.0])), max_size=5
)


@given(
    _STEPS,
    st.integers(0, 8000),
    st.booleans(),
    st.floats(0, 1e5),
)
def test_as_the_twin(
    steps: list[tuple[int, list[float], float]], read: int, long: bool, room: float
) -> None:
    places, tokens = [], 0
    for number, (more, hazards, held) in enumerate(steps):
        tokens += more
        places.append(Place(number, tokens, hazards, held))
    read = min(read, tokens)
    prices = Prices(0.1, (300.0, 1.25), (3600.0, 2.0) if long else None)
    assert choose(places, read, tokens + 10, prices, room) == naive(
        places, read, tokens + 10, prices, room
    )
