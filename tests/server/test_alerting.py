"""The ``[alerts]`` table: what it may say, and what becomes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from pydantic import ValidationError

from headstart.ledger import AlertRules
from headstart.server import ConfigError, load_settings
from headstart.server.alerting import Alerting, watch_of


def test_what_is_not_said_is_at_its_default() -> None:
    assert Alerting().rules() == AlertRules()


def test_thresholds_and_those_that_are_off() -> None:
    table = {"spend": 5, "creation_rate": False, "prefix_churn": 9, "window": 60, "every": 1}
    found = Alerting.model_validate(table).rules()
    assert found == AlertRules(spend=5, creation_rate=None, prefix_churn=9, window=60, every=1)


@pytest.mark.parametrize("table", [{"spend": "much"}, {"window": 0}, {"slack": 1}, {"creation": 1}])
def test_nonsense_is_refused(table: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Alerting.model_validate(table)


def test_nobody_looks_unless_asked_to(tmp_path: Path) -> None:
    assert watch_of(Alerting(enabled=False), str(tmp_path / "l.db"), CollectorRegistry()) is None


def test_a_webhook_without_a_host_is_refused(tmp_path: Path) -> None:
    alerting = Alerting.model_validate({"webhook": "nowhere"})
    with pytest.raises(ValueError, match="webhook"):
        watch_of(alerting, str(tmp_path / "l.db"), CollectorRegistry())


def test_a_file_says_it_and_its_secret_is_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "h.toml"
    file.write_text('[alerts]\nspend = 3.5\nwebhook = "https://x.example/geheim"\n')
    settings = load_settings({}, file)
    assert settings.alerts.rules().spend == 3.5
    assert "geheim" not in repr(settings)
    file.write_text("[alerts]\nspent = 3.5\n")
    with pytest.raises(ConfigError, match="alerts"):
        load_settings({}, file)
