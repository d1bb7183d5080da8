from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from headstart.planner import Budget

REQUEST = st.tuples(st.floats(0, 1e5), st.floats(0, 2))


@given(st.lists(REQUEST, max_size=80))
def test_who_keeps_to_the_room_stays_within_share_and_credit(
    requests: list[tuple[float, float]],
) -> None:
    """Over all requests by one credit, over any run of them by two."""
    credit = 5_000.0
    budget = Budget(credit)
    excess = []
    for uncached, wish in requests:
        cost = min(wish * uncached, uncached + budget.room(uncached))
        budget.spend(cost, uncached)
        excess.append(cost - 1.01 * uncached)
    for start in range(len(excess)):
        assert sum(excess[start:]) <= (2 if start else 1) * credit + 1e-3
