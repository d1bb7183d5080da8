"""What objects cost, where a report finds it."""

from __future__ import annotations

from pathlib import Path

import pytest

from headstart.ledger import Ledger, Reader, Which
from tests.server.gateway.explicit.conftest import Make


def test_a_report_counts_their_price_and_no_request(scene: Make, tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "ledger.db")
    shown = scene()
    shown.traffic(6)
    for record in shown.running.kept:
        ledger.record(record)
    ledger.close()
    with Reader.open(tmp_path / "ledger.db") as reader:
        totals = reader.totals(Which())
    assert len(shown.running.kept) > len(shown.requests) == 6
    assert totals.requests == 6
    assert totals.read == 3 * 5391
    assert totals.fresh == sum(record.usage.fresh for record in shown.requests)
    assert totals.cost == pytest.approx(sum(r.cost or 0.0 for r in shown.running.kept))
    assert totals.cost > sum(r.cost or 0.0 for r in shown.requests) + 5391 * 0.75e-6
    assert totals.uncached == pytest.approx(sum(r.cost_uncached or 0.0 for r in shown.requests))
