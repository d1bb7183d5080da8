from __future__ import annotations

from dataclasses import FrozenInstanceError, fields

import pytest

from headstart.usage import RequestRecord, Usage


def record(**changes: float | None) -> RequestRecord:
    given = {"cost": 1.0, "cost_uncached": 3.0} | changes
    return RequestRecord(
        "req_1",
        0.0,
        "acme",
        "claude",
        "anthropic",
        "m",
        Usage(),
        200,
        **given,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("cost", "uncached", "saved"),
    [(1.0, 3.0, 2.0), (3.0, 1.0, -2.0), (None, 1.0, None), (1.0, None, None)],
)
def test_what_was_saved_is_known_where_both_costs_are(
    cost: float | None, uncached: float | None, saved: float | None
) -> None:
    assert record(cost=cost, cost_uncached=uncached).saved == saved


def test_a_record_does_not_change_and_knows_nothing_it_was_not_told() -> None:
    made = RequestRecord("req_1", 0.0, "acme", "claude", "anthropic", "m", Usage(), 200)
    with pytest.raises(FrozenInstanceError):
        made.cost = 1.0  # type: ignore[misc]
    unknown = {f.name for f in fields(made) if getattr(made, f.name) is None}
    assert {"cost", "ttft", "reason", "predicted", "prompt", "prefix", "lost_cost"} <= unknown
