from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.ledger import AlertRules, Totals
from headstart.ledger.alerts import ALL, Alerts, Looked

GOOD = Totals(
    requests=100, fresh=5_000, read=90_000, written=5_000, cost=1.0, uncached=3.0, saved=2.0
)
GROUP = "claude/claude-sonnet-5"


def found(totals: Totals = GOOD, week: Totals = GOOD, new: int = 0, spent: float = 0) -> Looked:
    return Looked({ALL: Totals(requests=100, cost=spent), GROUP: totals}, {GROUP: week}, new)


def rates(read: int, written: int, saved: float = 2.0) -> Totals:
    rest = 100_000 - read - written
    return replace(GOOD, fresh=rest, read=read, written=written, saved=saved, cost=3.0 - saved)


def test_good_traffic_alarms_nobody() -> None:
    alerts = Alerts(AlertRules(spend=10.0))
    assert alerts.look(found(), 0) == []
    assert alerts.standing == []


@pytest.mark.parametrize(
    ("rule", "bad", "value", "threshold", "said"),
    [
        ("break_even", found(rates(85_000, 5_000, saved=-0.3)), -0.1, 0.0, "-10.0%"),
        (
            "break_even",
            found(replace(rates(1_000, 9_000), unpriced=1), week=Totals()),
            0.1,
            0.217,
            "without prices",
        ),
        ("weekly_level", found(rates(60_000, 5_000)), 0.6, 0.72, "60.0%, 90.0% the week before"),
        ("creation_rate", found(rates(80_000, 15_000)), 0.15, 0.1, "15.0%"),
        ("prefix_churn", found(new=6), 6, 5, "6 new"),
        ("spend", found(spent=12.5), 12.5, 10.0, "$12.50"),
    ],
)
def test_each_rule_raises_one_alarm_and_ends_it_once(
    rule: str, bad: Looked, value: float, threshold: float, said: str
) -> None:
    alerts = Alerts(AlertRules(spend=10.0))
    (raised,) = alerts.look(bad, 0)
    assert (raised.rule, raised.raised) == (rule, True)
    assert raised.group == (ALL if rule in ("prefix_churn", "spend") else GROUP)
    assert (raised.value, raised.threshold) == pytest.approx((value, threshold))
    assert said in raised.text
    for look in range(1, 10):
        assert alerts.look(bad, 60 * look) == []
    assert alerts.standing == [raised]
    (ended,) = alerts.look(found(), 600)
    assert (ended.rule, ended.group, ended.raised) == (rule, raised.group, False)
    assert alerts.look(found(), 660) == []
    assert alerts.standing == []


def test_an_alarm_ends_only_beyond_its_slack() -> None:
    alerts = Alerts(AlertRules())
    assert [a.raised for a in alerts.look(found(rates(80_000, 10_100)), 0)] == [True]
    assert alerts.look(found(rates(80_000, 9_900)), 60) == []
    assert alerts.look(found(rates(80_000, 10_100)), 120) == []
    assert [a.raised for a in alerts.look(found(rates(80_000, 9_000)), 180)] == [False]


@given(st.lists(st.integers(0, 20_000), max_size=60))
def test_begins_and_ends_take_turns_and_none_ends_within_its_slack(written: list[int]) -> None:
    alerts = Alerts(AlertRules(weekly_level=None))
    turn = True
    for look, tokens in enumerate(written):
        for alert in alerts.look(found(rates(70_000, tokens)), 60 * look):
            assert alert.raised is turn
            assert tokens > 10_000 if turn else tokens <= 9_000
            turn = not turn
        assert len(alerts.standing) == (not turn)
        assert turn or tokens > 9_000
        assert not turn or tokens <= 10_000


def test_too_few_requests_say_nothing_and_end_nothing() -> None:
    alerts = Alerts(AlertRules())
    few = replace(rates(0, 50_000), requests=49)
    assert alerts.look(found(few), 0) == []
    alerts.look(found(rates(80_000, 15_000)), 60)
    assert alerts.look(found(replace(GOOD, requests=49)), 120) == []
    assert len(alerts.standing) == 1


def test_an_alarm_of_traffic_that_is_no_more_ends_after_a_day() -> None:
    alerts = Alerts(AlertRules())
    alerts.look(found(rates(80_000, 15_000)), 0)
    nothing = Looked({ALL: Totals()}, {}, 0)
    assert alerts.look(nothing, 86_400) == []
    (ended,) = alerts.look(nothing, 86_401)
    assert (ended.raised, ended.rule) == (False, "creation_rate")
    assert alerts.standing == []


def test_rules_can_be_switched_off() -> None:
    off = AlertRules(break_even=None, weekly_level=None, creation_rate=None, prefix_churn=None)
    bad = found(rates(0, 90_000, saved=-1.0), new=100, spent=1e6)
    assert Alerts(off).look(bad, 0) == []


@pytest.mark.parametrize("bad", [{"window": 0}, {"every": 0}, {"slack": 1.0}, {"slack": -0.1}])
def test_rules_that_make_no_sense_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="alert"):
        AlertRules(**bad)
