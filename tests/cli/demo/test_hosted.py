"""The hosted demo: its tools are real, its traffic is the same twice, and it tells what missed."""

from __future__ import annotations

import io
import re
from itertools import pairwise

import pytest
from rich.console import Console

from headstart.cli.demo.agent import AGAIN, LOOKUP, MAIN, TOOLS, result
from headstart.cli.demo.hosted_report import bill, cost_of, requests, saving, top_misses, totals
from headstart.cli.demo.hosted_run import Run, run_both
from headstart.cli.demo.hosted_traffic import REQUESTS, Sent
from headstart.usage import Usage
from tests.cli.conftest import Command

BEFORE = (Sent("agent", "1 search", "anthropic", "claude-opus-5-5", Usage(fresh=1_000_000)),)
AFTER = (Sent("agent", "1 search", "anthropic", "claude-opus-5-5", Usage(read=1_000_000)),)


@pytest.fixture(scope="module")
def runs() -> tuple[Run, Run]:
    return run_both(Console(quiet=True))


@pytest.mark.parametrize(
    "step", [s for s in (*MAIN, *LOOKUP, *AGAIN) if s.tool], ids=lambda s: f"{s.tool}{s.arguments}"
)
def test_each_tool_call_finds_something_in_the_library(step: object) -> None:
    found = result(step)  # type: ignore[arg-type]
    assert found != "nothing found"
    assert len(found.splitlines()) <= 120


def test_a_loop_ends_with_an_answer_and_asks_for_tools_that_are_there() -> None:
    names = {tool["name"] for tool in TOOLS}
    for steps in (MAIN, LOOKUP, AGAIN):
        assert [step.tool is None for step in steps] == [False] * (len(steps) - 1) + [True]
        assert {step.tool for step in steps} - {None} <= names
    assert MAIN[2].input == {"path": "json/decoder.py", "first": 1, "last": 70}


def test_the_same_requests_go_out_twice(runs: tuple[Run, Run]) -> None:
    before, after = runs
    assert len(before.sent) == len(after.sent) == REQUESTS
    for one, two in zip(before.sent, after.sent, strict=True):
        assert (one.who, one.label, one.usage.input, one.usage.output) == (
            two.who,
            two.label,
            two.usage.input,
            two.usage.output,
        )


def test_what_the_gateway_does_for_an_agent(runs: tuple[Run, Run]) -> None:
    before, after = runs
    assert not any(sent.usage.read for sent in before.sent if sent.provider == "anthropic")
    agent = [sent for sent in after.sent if sent.who == "agent"]
    # From its second request on, each reads all that the one before it sent.
    for one, two in pairwise(agent):
        assert two.usage.read == one.usage.input
    assert saving(before.sent, after.sent) > 0.5 * bill(before.sent)


def test_openai_is_on_both_sides_what_it_is_by_itself(runs: tuple[Run, Run]) -> None:
    one, two = ([s.usage for s in run.sent if s.provider == "openai"] for run in runs)
    assert one == two
    assert one[-1].read > 1000


def test_the_culprit_is_found(runs: tuple[Run, Run]) -> None:
    before, after = runs
    assert top_misses(before)[0][0] == "no_breakpoint"
    reason, entries = top_misses(after)[0]
    assert reason == "diverged"
    split = after.journal.split(entries[0])
    assert split is not None
    assert split.volatile == "timestamp"
    assert "2026-11-20 09:04:47" in split.render()


def test_money() -> None:
    # USD a million tokens: 4 fresh, 0.20 read.
    assert cost_of(BEFORE[0]) == pytest.approx(4.0)
    assert saving(BEFORE, AFTER) == pytest.approx(3.8)
    assert "$3.8000, 95% of the bill" in totals(BEFORE, AFTER)[-1]


def test_the_table_fits_a_terminal_of_80_columns(runs: tuple[Run, Run]) -> None:
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(requests(runs[0].sent, runs[1].sent))
    shown = console.export_text()
    assert "…" not in shown
    assert len(re.findall(r"\d+\.\d\d +\d", shown)) == REQUESTS


def test_the_command(headstart: Command) -> None:
    status, out, err = headstart("demo", "hosted", COLUMNS="120").end()
    assert status == 0, err
    assert "of the bill" in out
    assert "timestamp" in out
    assert out.strip().splitlines()[-1].strip() == "headstart run -- python your_agent.py"


def test_options_of_the_local_demo_are_not_taken_for_it(headstart: Command) -> None:
    status, _, err = headstart("demo", "--keep", "hosted").end()
    assert status == 2
    assert "local demo" in err
