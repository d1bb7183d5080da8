from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from headstart.ledger import Ledger, Reader, Totals, Which, report_of
from headstart.usage import PING, MissReason, RequestRecord, Usage
from tests.ledger.samples import NOW, sample

counts = st.integers(0, 100_000)
usages = st.builds(Usage, *[counts] * 8)
money = st.none() | st.floats(0, 100)
records = st.lists(
    st.builds(
        sample,
        time=st.floats(NOW - 40 * 3600, NOW),
        tenant=st.sampled_from(["a", "b", "\u00e9"]),
        route=st.sampled_from(["r", "s"]),
        model=st.sampled_from(["m", "n"]),
        prefix=st.sampled_from([None, "p", "q"]),
        usage=usages,
        predicted=st.none() | usages,
        status=st.sampled_from([200, 200, 429, 499]),
        estimated=st.booleans(),
        cost=money,
        cost_uncached=money,
        cost_automatic=money,
        predicted_cost=money,
        reason=st.none() | st.sampled_from(MissReason),
        confirmed=st.booleans(),
        lost=counts,
        lost_cost=money,
        waited=st.floats(0, 2),
        ttft=st.none() | st.floats(0, 60),
        plan=st.sampled_from(["short;0:300", "short;0:300", "client", PING]),
    ),
    max_size=40,
)


def ledger_of(path: Path, rows: Iterable[RequestRecord]) -> Path:
    ledger = Ledger.open(path, delay=0.0, retention=None)
    for row in rows:
        ledger.record(row)
    assert ledger.flush()
    ledger.close()
    return path


def add(rows: Iterable[RequestRecord]) -> dict[str, Any]:
    """``Totals`` the slow way, from the records themselves."""
    sums: dict[str, Any] = defaultdict(int, first=math.inf, last=-math.inf)
    for row in rows:
        usage, priced = row.usage, row.cost is not None
        sums["cost"] += row.cost or 0
        sums["unpriced"] += not priced
        if priced and row.cost_uncached is not None:
            sums["saved"] += row.saved
            sums["uncached"] += row.cost_uncached
        if priced and row.cost_automatic is not None:
            sums["saved_automatic"] += row.cost_automatic - row.cost
            sums["automatic"] += row.cost_automatic
        sums["waited"] += row.waited
        sums["first"] = min(sums["first"], row.time)
        sums["last"] = max(sums["last"], row.time)
        if row.plan == PING:
            sums["pings"] += 1
            sums["pings_cost"] += row.cost or 0
            continue
        sums["requests"] += 1
        sums["failed"] += row.status >= 400
        sums["estimated"] += row.estimated
        for name in ("fresh", "read", "written", "output"):
            sums[name] += getattr(usage, name)
        sums["lost"] += row.lost
        sums["lost_cost"] += row.lost_cost or 0
        if row.predicted is None or row.estimated or row.status >= 400:
            continue
        sums["predicted"] += 1
        sums["predicted_read"] += row.predicted.read
        sums["predicted_input"] += usage.input
        sums["read_error"] += abs(usage.read - row.predicted.read)
        sums["write_error"] += abs(usage.written - row.predicted.written)
        if priced and row.predicted_cost is not None:
            sums["cost_error"] += abs(row.cost - row.predicted_cost)
            sums["cost_compared"] += row.cost
    return sums


def check(found: Totals, rows: Iterable[RequestRecord]) -> None:
    expected = add(rows)
    for name in Totals.__slots__:
        assert getattr(found, name) == pytest.approx(expected[name], abs=1e-9), name


def grouped(
    rows: Iterable[RequestRecord], key: Callable[[RequestRecord], Any]
) -> dict[Any, list[RequestRecord]]:
    groups = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return groups


@settings(max_examples=25, deadline=None, phases=[Phase.generate])
@given(rows=records)
def test_sums_are_those_of_the_rows(rows: list[RequestRecord]) -> None:
    which = Which(since=NOW - 20 * 3600, until=NOW - 3600, tenant="a")
    inside = [r for r in rows if which.since <= r.time < which.until and r.tenant == "a"]
    with TemporaryDirectory() as folder:
        path = ledger_of(Path(folder) / "l.db", rows)
        with Reader.open(path) as reader:
            check(reader.totals(Which()), rows)
            check(reader.totals(which), inside)
            for column in ("tenant", "route", "provider", "model", "prefix", "reason"):
                groups = grouped(inside, lambda r, column=column: getattr(r, column))
                found = reader.by(column, which)
                assert set(found) == set(groups)
                for key, totals in found.items():
                    check(totals, groups[key])
            check_report(reader, rows)


def check_report(reader: Reader, rows: list[RequestRecord]) -> None:
    found = report_of(reader, Which())
    check(found.total, rows)
    for by, key in (
        (found.hours, lambda r: int(r.time // 3600)),
        (found.hours_of_day, lambda r: int(r.time // 3600) % 24),
        (found.models, lambda r: r.model),
        (found.routes, lambda r: r.route),
        (found.tenants, lambda r: r.tenant),
    ):
        groups = grouped(rows, key)
        assert set(by) == set(groups)
        for name, totals in by.items():
            check(totals, groups[name])
    asked = [r for r in rows if r.plan != PING]
    missed = grouped((r for r in rows if r.reason), lambda r: (r.reason, r.confirmed))
    missed = {k: group for k, group in missed.items() if any(r.plan != PING for r in group)}
    assert {(r.reason, r.confirmed) for r in found.reasons} == set(missed)
    for reason in found.reasons:
        check(reason.totals, missed[reason.reason, reason.confirmed])
    spent = [r.totals.lost_cost for r in found.reasons]
    assert spent == sorted(spent, reverse=True)
    for hit in (True, False):
        times = sorted(
            r.ttft
            for r in asked
            if r.ttft is not None and r.status < 400 and bool(r.usage.read) == hit
        )
        assert found.ttft[hit].requests == len(times)
        if times:
            at_most = sum(t <= found.ttft[hit].p90 for t in times)
            below = sum(t < found.ttft[hit].p90 for t in times)
            assert below < 0.9 * len(times) <= at_most


def test_a_prefix_version_is_new_until_the_week_knows_it(tmp_path: Path) -> None:
    day = 86_400.0
    rows = [
        sample(prefix=prefix, time=NOW - age)
        for prefix, age in (
            ("always", 10),
            ("always", day),
            ("new", 20),
            ("new", 10),
            ("forgotten", 10),
            ("forgotten", 9 * day),
            ("gone", day),
            (None, 10),
        )
    ]
    path = ledger_of(tmp_path / "l.db", rows)
    with Reader.open(path) as reader:
        assert reader.new_prefixes(NOW - 3600, NOW, 7 * day) == 2
        found = report_of(reader, Which(since=NOW - 7 * day))
    assert list(found.prefixes) == ["always", "gone", "new", "forgotten"]
    assert found.prefixes["new"].first == NOW - 20


def test_the_latest_requests_come_first(tmp_path: Path) -> None:
    rows = [sample(time=NOW + n, outline=bytes([n]) if n % 2 else None) for n in range(5)]
    path = ledger_of(tmp_path / "l.db", rows)
    with Reader.open(path) as reader:
        assert list(reader.records(Which(until=NOW + 4), 3)) == rows[3:0:-1]


def test_an_empty_ledger_has_an_empty_report(tmp_path: Path) -> None:
    path = ledger_of(tmp_path / "l.db", [])
    with Reader.open(path) as reader:
        found = report_of(reader, Which())
    assert found.total == Totals()
    assert found.as_json()["by_hour"] == []
    assert found.total.hit_rate == found.total.saving == 0.0
