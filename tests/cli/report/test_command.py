from __future__ import annotations

import json
import subprocess
import sys
import time
from math import inf
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from headstart.cli.report import report
from headstart.cli.report.command import moment
from headstart.ledger import Ledger
from headstart.usage import PING, MissReason, Usage
from tests.ledger.samples import sample

HOUR = 3600.0
app = typer.Typer()
app.command()(report)


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """Two days: hits, then a deploy of a new prefix version with misses; old traffic before."""
    path = tmp_path / "traffic.db"
    now = time.time()
    old = Usage(fresh=1000, read=9000)
    new = Usage(fresh=1000, write_5m=9000)
    writing = Ledger.open(path, retention=None)
    for number in range(40):
        writing.record(
            sample(
                time=now - 40 * HOUR + number * 1800,
                usage=old,
                prefix="before",
                ttft=0.5,
                tenant="acme" if number % 4 else "umbrella",
                cost=0.01,
                cost_uncached=0.03,
                cost_automatic=0.02,
                predicted=Usage(fresh=1500, read=8500),
                predicted_cost=0.011,
            )
        )
    for number in range(10):
        writing.record(
            sample(
                time=now - 10 * HOUR + number * 1800,
                usage=new,
                prefix="after",
                ttft=2.0,
                model="[red]<script>alert(1)</script>\x1b[2J",
                reason=MissReason.TOOLS_CHANGED,
                confirmed=number < 9,
                lost=9000,
                lost_cost=0.02,
                cost=0.04,
                cost_uncached=0.03,
            )
        )
    writing.record(sample(time=now - 30 * 24 * HOUR, tenant="gone", cost=99.0))
    writing.record(sample(tenant=None, time=now - HOUR))
    assert writing.flush()
    writing.close()
    return path


def run(*arguments: object, environment: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(
        app, [*map(str, arguments)], env={"COLUMNS": "140"} | (environment or {})
    )


def as_json(*arguments: object) -> dict[str, object]:
    result = run("--json", *arguments)
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert isinstance(found, dict)
    return found


def test_the_sums_are_right(ledger: Path) -> None:
    found = as_json("--ledger", ledger)
    total = found["total"]
    assert isinstance(total, dict)
    assert total["requests"] == 50
    assert total["hit_rate"] == pytest.approx(40 * 9000 / (50 * 10_000))
    assert total["creation_rate"] == pytest.approx(10 * 9000 / (50 * 10_000))
    assert total["cost"] == pytest.approx(0.8)
    assert total["saved"] == pytest.approx(40 * 0.02 - 10 * 0.01)
    assert total["saving_automatic"] == pytest.approx(0.5)
    assert total["theoretical"] == pytest.approx(0.7 + 10 * 0.02)
    assert total["read_error_share"] == pytest.approx(0.05)
    assert total["cost_error_share"] == pytest.approx(0.1)
    assert found["ttft_seconds"] == {
        "hits": {"requests": 40, "p50": 0.5, "p90": 0.5, "p99": 0.5},
        "misses": {"requests": 10, "p50": 2.0, "p90": 2.0, "p99": 2.0},
    }
    assert [(p["prefix"], p["hit_rate"]) for p in found["by_prefix"]] == [
        ("before", 0.9),
        ("after", 0.0),
    ]
    assert [(r["reason"], r["confirmed"], r["requests"]) for r in found["by_reason"]] == [
        ("tools_changed", True, 9),
        ("tools_changed", False, 1),
    ]
    assert {t["tenant"]: t["requests"] for t in found["by_tenant"]} == {"acme": 40, "umbrella": 10}
    assert sum(h["requests"] for h in found["by_hour_of_day"]) == 50
    assert sum(h["requests"] for h in found["by_hour"]) == 50
    assert found["without_row"]["requests"] == 1


def test_it_can_be_narrowed(ledger: Path) -> None:
    assert as_json("--ledger", ledger, "--since", "all")["total"]["requests"] == 51
    assert as_json("--ledger", ledger, "--tenant", "umbrella")["total"]["requests"] == 10
    assert as_json("--ledger", ledger, "--model", "claude-sonnet-5")["total"]["requests"] == 40
    assert as_json("--ledger", ledger, "--route", "other")["total"]["requests"] == 0
    late = as_json("--ledger", ledger, "--since", "11h")
    assert [p["prefix"] for p in late["by_prefix"]] == ["after"]
    assert as_json("--ledger", ledger, "--until", "11h")["total"]["hit_rate"] == 0.9


def test_pings_are_money_but_nobodys_requests(ledger: Path) -> None:
    before = as_json("--ledger", ledger)["total"]
    writing = Ledger.open(ledger, retention=None)
    ping = {"plan": PING, "usage": Usage(read=9000, fresh=10, output=1), "cost": 0.5}
    for _ in range(3):
        writing.record(sample(time=time.time() - 10, **ping, cost_uncached=0.0, lost=5))
    writing.close()
    after = as_json("--ledger", ledger)["total"]
    for name in ("requests", "hit_rate", "input", "lost"):
        assert after[name] == before[name]
    assert after["cost"] == pytest.approx(before["cost"] + 1.5)
    assert after["saved"] == pytest.approx(before["saved"] - 1.5)
    assert (after["pings"], after["pings_cost"]) == (3, pytest.approx(1.5))
    assert "keep-alive pings 3, $1.50 of the spend" in " ".join(
        run("--ledger", ledger).stdout.split()
    )


def test_people_read_the_same(ledger: Path) -> None:
    result = run("--ledger", ledger)
    assert result.exit_code == 0, result.output
    shown = " ".join(result.stdout.split())
    for part in (
        "requests 50",
        "token hit rate 72.0% of 500.0k input tokens",
        "creation rate 18.0%",
        "spend $0.8000",
        "saved against no caching $0.7000 (46.7%)",
        "saved against automatic caching $0.4000 (50.0%)",
        "theoretical saving $0.9000, 77.8% of it reached",
        "tokens read 5.0% of the input, cost 10.0%",
        "TTFT of hits p50 500 ms",
        "TTFT of misses p50 2.00 s",
        "without a row 1 requests of all tenants",
        "tools_changed the provider 9 81.0k $0.1800",
        "umbrella",
        "By hour of day, UTC",
    ):
        assert part in shown, part
    assert "\x1b" not in result.stdout
    assert "[red]<script>" in result.stdout


def test_a_page_needs_nothing_else_and_escapes_names(ledger: Path, tmp_path: Path) -> None:
    pytest.importorskip("plotly")
    page = tmp_path / "page.html"
    assert run("--ledger", ledger, "--html", page).exit_code == 0
    text = page.read_text("utf-8")
    assert "Plotly.newPlot" in text
    assert "<script src" not in text
    assert "<script>alert(1)" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert "72.0% of 500.0k" in text
    assert text.count("Plotly.newPlot(") >= 3


def test_a_span_without_requests_says_so(ledger: Path, tmp_path: Path) -> None:
    pytest.importorskip("plotly")
    page = tmp_path / "page.html"
    result = run("--ledger", ledger, "--tenant", "nobody", "--html", page)
    assert result.exit_code == 0, result.output
    assert "no requests" in result.stdout
    assert page.stat().st_size > 1000


def test_the_environment_names_the_ledger(ledger: Path) -> None:
    result = run("--json", environment={"HEADSTART_LEDGER": str(ledger)})
    assert json.loads(result.stdout)["total"]["requests"] == 50


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--ledger", "nowhere.db"], "there is no such ledger"),
        (["--since", "yesterday"], "2026-11-20 or all"),
        (["--ledger", "mysql://u:geheim@h/d"], "not in mysql"),
        (["--ledger", __file__], "holds no ledger"),
    ],
)
def test_what_cannot_be_is_one_line_and_status_2(arguments: list[str], complaint: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert complaint in result.stderr
    assert result.stderr.count("\n") == 1
    assert "geheim" not in result.stderr


def test_moments() -> None:
    now = 1_790_000_000.0
    assert moment("30m", now) == now - 1800
    assert moment("1.5h", now) == now - 5400
    assert moment("2w", now) == now - 14 * 86_400
    assert moment("1970-01-02", now) == 86_400
    assert moment("1970-01-01T01:00+01:00", now) == 0
    assert moment("all", now) == -inf
    for bad in ("", "7", "-1d", "d", "1970-13-01", "nan"):
        with pytest.raises(ValueError, match="a time is"):
            moment(bad, now)


def test_help_loads_no_database() -> None:
    code = (
        "import sys; from headstart.cli.report import report;"
        "print([m for m in ('sqlalchemy', 'rich.table', 'plotly', 'headstart.ledger')"
        " if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
