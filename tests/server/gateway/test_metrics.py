from __future__ import annotations

from headstart.server.gateway.faults import Faults
from headstart.server.gateway.metrics import GatewayMetrics
from headstart.usage import PING, MissReason, RequestRecord, Usage
from tests.ledger.samples import sample


def shown(metrics: GatewayMetrics) -> dict[str, float]:
    lines = metrics.exposition().decode().splitlines()
    found = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in found}


def test_sums_over_records() -> None:
    faults = Faults()
    metrics = GatewayMetrics(faults)
    asked: list[RequestRecord] = [
        sample(cost=0.5, cost_uncached=2.0, reason=MissReason.EXPIRED, waited=0.25),
        sample(cost=None, cost_uncached=None),
        sample(plan=PING, cost=0.125, cost_uncached=0.0, usage=Usage(read=10)),
    ]
    for record in asked:
        metrics.recorded(record)
    metrics.answered("claude", 200)
    metrics.answered("claude", 200)
    metrics.answered("claude", 529)
    faults.note("plan", ValueError("text that nobody is to see"))
    metrics.waits["early"] += 2
    found = shown(metrics)
    head = "headstart_gateway_"
    assert found[f'{head}requests_total{{status="200",upstream="claude"}}'] == 2
    assert found[f'{head}requests_total{{status="529",upstream="claude"}}'] == 1
    assert found[f'{head}pings_total{{status="200",upstream="claude"}}'] == 1
    assert found[f'{head}tokens_total{{kind="read"}}'] == 18_010
    assert found[f"{head}cost_usd_total"] == 0.625
    assert found[f"{head}uncached_usd_total"] == 2.0
    assert found[f"{head}pings_usd_total"] == 0.125
    assert found[f"{head}waited_seconds_total"] == 0.25
    assert found[f'{head}faults_total{{kind="plan"}}'] == 1
    assert found[f'{head}waits_total{{outcome="early"}}'] == 2
    assert metrics.reasons == [("expired", 1)]
    assert "nobody" not in metrics.exposition().decode()
