"""When to raise an alarm, decided from sums: no clock, no database, nothing sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from headstart.ledger.totals import Totals

Rule = Literal["break_even", "weekly_level", "creation_rate", "prefix_churn", "spend"]
ALL = "all"
"""The group of all traffic."""
_FORGOTTEN_AFTER = 86_400.0


@dataclass(frozen=True, slots=True)
class AlertRules:
    """Thresholds; None switches a rule off. An alarm ends only beyond a second threshold,
    so that a rate that hovers does not raise it again and again."""

    window: float = 3600.0
    """Seconds that are looked at."""
    every: float = 60.0
    """Seconds between two looks."""
    least_requests: int = 50
    """With fewer in the window, rates say nothing and alarms stay as they are."""
    break_even: float | None = 0.217
    """Read / (read + written): below it, 5-minute writes at 1.25 and reads at 0.1 of the input
    price lose. Used where a price is missing; otherwise caching loses when it saves nothing."""
    weekly_level: float | None = 0.8
    """Token hit rate as a share of that of the week before."""
    creation_rate: float | None = 0.1
    prefix_churn: int | None = 5
    """Prefix versions in the window that the week before did not have."""
    spend: float | None = None
    """USD in the window."""
    slack: float = 0.1
    """How far beyond its threshold, as a share of it, a value must be for an alarm to end."""

    def __post_init__(self) -> None:
        if self.window <= 0 or self.every <= 0 or self.least_requests < 1:
            raise ValueError("an alert's window, interval and least requests are above 0")
        if not 0 <= self.slack < 1:
            raise ValueError("an alert's slack is a share from 0 to below 1")


class Alert(NamedTuple):
    """An alarm that begins or ends."""

    rule: Rule
    group: str
    """``route/model``, or "all"."""
    raised: bool
    """False: it is over."""
    value: float
    threshold: float
    text: str
    """For people, in one line."""


class Looked(NamedTuple):
    """What one look at the ledger found, by group."""

    window: Mapping[str, Totals]
    week: Mapping[str, Totals]
    """Of the seven days before the window."""
    new_prefixes: int


class _Reading(NamedTuple):
    rule: Rule
    value: float
    threshold: float
    below: bool
    """It is an alarm to be below the threshold."""
    text: str


class Alerts:
    """What is alarming now. Holds one entry for each alarm that stands."""

    def __init__(self, rules: AlertRules) -> None:
        self._rules = rules
        self._standing: dict[tuple[str, str], tuple[Alert, float]] = {}

    @property
    def standing(self) -> list[Alert]:
        """Alarms that were raised and are not over."""
        return [alert for alert, _ in self._standing.values()]

    def look(self, found: Looked, now: float) -> list[Alert]:
        """Alarms that begin or end with this look, at ``now`` seconds."""
        changed = []
        for group, totals in found.window.items():
            for reading in self._readings(group, totals, found):
                alert = self._judge(group, reading, now)
                if alert is not None:
                    changed.append(alert)
        return changed + self._forget(now)

    def _readings(self, group: str, totals: Totals, found: Looked) -> list[_Reading]:
        rules = self._rules
        readings = []
        if group == ALL:
            if rules.spend is not None:
                text = f"spend ${totals.cost:.2f}"
                readings.append(_Reading("spend", totals.cost, rules.spend, False, text))
            if rules.prefix_churn is not None:
                new = found.new_prefixes
                text = f"{new} new prefix versions"
                readings.append(_Reading("prefix_churn", new, rules.prefix_churn, False, text))
            return readings
        if totals.requests < rules.least_requests or not totals.input:
            return readings
        if rules.break_even is not None:
            readings.append(_break_even(totals, rules.break_even))
        before = found.week.get(group)
        if rules.weekly_level is not None and before and before.requests >= rules.least_requests:
            least = rules.weekly_level * before.hit_rate
            text = f"token hit rate {totals.hit_rate:.1%}, {before.hit_rate:.1%} the week before"
            readings.append(_Reading("weekly_level", totals.hit_rate, least, True, text))
        if rules.creation_rate is not None:
            rate = totals.creation_rate
            text = f"creation rate {rate:.1%}"
            readings.append(_Reading("creation_rate", rate, rules.creation_rate, False, text))
        return readings

    def _judge(self, group: str, reading: _Reading, now: float) -> Alert | None:
        """Begin, end, or neither."""
        key = (reading.rule, group)
        beyond = reading.value - reading.threshold
        if reading.below:
            beyond = -beyond
        # A threshold of 0 is a saving's, which is a share of the cost.
        room = self._rules.slack * (abs(reading.threshold) or 0.5)
        standing = self._standing.get(key)
        if standing is not None and beyond > -room:
            self._standing[key] = (standing[0], now)
            return None
        if standing is None and beyond <= 0:
            return None
        alert = Alert(
            reading.rule,
            group,
            standing is None,
            reading.value,
            reading.threshold,
            f"{group}: {reading.text}",
        )
        if alert.raised:
            self._standing[key] = (alert, now)
        else:
            del self._standing[key]
        return alert

    def _forget(self, now: float) -> list[Alert]:
        """End alarms of traffic that is no more."""
        old = [k for k, (_, seen) in self._standing.items() if now - seen > _FORGOTTEN_AFTER]
        gone = [self._standing.pop(key)[0] for key in old]
        return [a._replace(raised=False, text=f"{a.group}: no traffic for a day") for a in gone]


def _break_even(totals: Totals, reuse: float) -> _Reading:
    """By money where all of it is known, else by tokens."""
    if not totals.written:
        return _Reading("break_even", 1.0, 0.0, True, "nothing is written")
    shown = f"token hit rate {totals.hit_rate:.1%} is"
    if totals.unpriced == 0 and totals.uncached:
        text = f"{shown} worth {totals.saving:+.1%} of the uncached cost"
        return _Reading("break_even", totals.saving, 0.0, True, text)
    rate = totals.read / (totals.read + totals.written)
    text = f"{shown} {rate:.1%} reads to writes, without prices"
    return _Reading("break_even", rate, reuse, True, text)
