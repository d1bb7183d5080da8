from __future__ import annotations

import re

import pytest

from headstart.cli.demo.report import seconds_saved, totals
from headstart.cli.demo.traffic import QUESTIONS, TURNS, Asked
from headstart.usage import Usage
from tests.cli.conftest import Command

ASKED = [
    Asked("anthropic", "cold", Usage(fresh=100, write_5m=900, output=10), 10.0),
    Asked("anthropic", "hit", Usage(fresh=100, read=900, output=10), 0.5),
    Asked("openai", "cold", Usage(fresh=200, output=10), 1.0),
    Asked("openai", "hit", Usage(fresh=100, read=200, output=10), 0.5),
]


def test_seconds_saved_go_by_each_sdks_first_request() -> None:
    # 900 tokens at 10 s / 1000, and 200 tokens at 1 s / 200.
    assert seconds_saved(ASKED) == pytest.approx(9.0 + 1.0)


def test_totals() -> None:
    shown = dict(totals(ASKED))
    assert shown["token hit rate"].startswith("44.0%: 1,100 of 2,500 input tokens")
    assert shown["time saved"].startswith("about 10.0 s")
    # USD a million tokens: 500 at 4, 900 at 5, 1,100 at 0.20, 40 out at 20; without: 2,500 at 4.
    assert shown["money"].startswith("$0.0075 instead of $0.0108 (30% less)")
    assert "claude-opus-5-5" in shown["money"]


def test_the_demo_reads_from_the_cache(headstart: Command) -> None:
    status, out, err = headstart("demo", COLUMNS="120").end()
    assert status == 0, err
    rows = [
        [int(cell.replace(",", "")) for cell in found.groups()]
        for found in re.finditer(r"│\s+([\d,]+)\s+│\s+([\d,]+)\s+│\s+([\d,]+)\s+│\s+[\d.]+ s", out)
    ]
    assert len(rows) == len(QUESTIONS) + len(TURNS)
    (_, _, document), *_ = rows
    assert document > 5000
    assert all(read >= document for _, read, _ in rows[1 : len(QUESTIONS)])
    assert all(read > 500 for _, read, _ in rows[len(QUESTIONS) + 1 :])
    assert "token hit rate" in out
