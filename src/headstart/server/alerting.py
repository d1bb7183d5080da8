"""Alarms about a ledger, as the ``[alerts]`` table asks for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from headstart.ledger import AlertRules, Watch

Off = Literal[False]


class Alerting(BaseModel):
    """Thresholds as ``AlertRules`` has them, false for none, and who is told."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = True
    """False: nobody looks."""
    log: bool = True
    """A line for each alarm that begins or ends."""
    webhook: SecretStr | None = None
    """Where alarms are posted to; the address may be a secret."""
    window: float | None = Field(default=None, gt=0)
    every: float | None = Field(default=None, gt=0)
    least_requests: int | None = Field(default=None, ge=1)
    break_even: float | Off | None = None
    weekly_level: float | Off | None = None
    creation_rate: float | Off | None = None
    prefix_churn: int | Off | None = None
    spend: Annotated[float, Field(ge=0)] | Off | None = None
    slack: float | None = Field(default=None, ge=0, lt=1)

    def rules(self) -> AlertRules:
        """What is not given is at its default; ValueError."""
        from headstart.ledger import AlertRules

        told: set[str] = {"enabled", "log", "webhook"}
        given: dict[str, Any] = self.model_dump(exclude=told, exclude_none=True)
        rules: dict[str, Any] = {k: None if v is False else v for k, v in given.items()}
        return AlertRules(**rules)


def watch_of(alerting: Alerting, ledger: str, registry: CollectorRegistry) -> Watch | None:
    """A thread, not started yet, that looks at a ledger and tells the log, the webhook and
    ``registry``; None where nobody is to look. ValueError."""
    if not alerting.enabled:
        return None
    from headstart.ledger import GaugeSink, LogSink, Sink, Watch, WebhookSink

    rules = alerting.rules()
    sinks: list[Sink] = [GaugeSink(registry)]
    if alerting.log:
        sinks.append(LogSink())
    if alerting.webhook is not None:
        sinks.append(WebhookSink(alerting.webhook.get_secret_value()))
    return Watch(ledger, rules, sinks)
