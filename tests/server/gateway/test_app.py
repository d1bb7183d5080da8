from __future__ import annotations

import logging
from typing import Any

import pytest

from headstart.server import ConfigError, Settings
from headstart.server.gateway import create_gateway, gateway_of
from headstart.server.gateway.faults import Faults
from headstart.server.upstreams import DEFAULTS
from headstart.usage import RequestRecord
from tests.ledger.samples import sample


def test_the_settings_say_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    table = {"anthropic": {"auth": "inject", "key_env": "NO_SUCH_KEY"}}
    settings = Settings.model_validate({"upstream": table, "api_keys": {"a": "1"}})
    with pytest.raises(ConfigError, match="NO_SUCH_KEY is not set"):
        gateway_of(settings)


def test_a_record_goes_to_the_metrics_and_to_the_sink() -> None:
    kept: list[RequestRecord] = []
    gateway = create_gateway(DEFAULTS, sink=kept.append)
    record = sample()
    gateway.accountant._sink(record)
    assert kept == [record]
    assert gateway.metrics.cost == record.cost
    assert create_gateway(DEFAULTS).metrics.cost == 0


def test_a_fault_is_told_once_for_each_place_and_never_with_its_text(
    caplog: pytest.LogCaptureFixture,
) -> None:
    faults = Faults()

    def failing(text: str) -> None:
        try:
            raise ValueError(text)
        except ValueError as error:
            faults.note("plan", error)

    with caplog.at_level(logging.WARNING, "headstart.server"):
        for _ in range(5):
            failing("the client's words")
    assert faults.counts["plan"] == 5
    assert len(caplog.records) == 1
    shown: dict[str, Any] = caplog.records[0].__dict__
    assert "words" not in repr(shown)
