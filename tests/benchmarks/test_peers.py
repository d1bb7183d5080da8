"""The peers beside the audit: what is handed to them, what their words count for, and peers
that fail."""

from __future__ import annotations

import json
import os
import random
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.audit_parts import peers as running
from benchmarks.audit_parts.peer_forms import FORMS
from benchmarks.audit_parts.peer_reports import READERS, Answer, Said
from benchmarks.audit_parts.peer_scoring import judged
from benchmarks.audit_parts.peer_words import WORDS
from benchmarks.defect_parts.apps import written
from benchmarks.defect_parts.logs import write
from benchmarks.defect_parts.plants import PLANTS
from benchmarks.defect_parts.truth import replayed
from tests.benchmarks.made_up import clean, used

TRUTH: dict[str, Any] = {
    "log": "0.jsonl",
    "input": 100_000,
    "read": 40_000,
    "defects": [
        {
            "plant": "system:uuid",
            "cause": "uuid",
            "section": "system",
            "segment": 4,
            "start": 100,
            "end": 150,
            "lost": 50_000,
            "requests": 9,
        }
    ],
}
CLEAN = {**TRUTH, "defects": []}
PROVIDERS = [("anthropic", "claude-sonnet-4-6"), ("openai", "gpt-4.1")]


def rows_of(provider: str, model: str, folder: Path, *, named: bool) -> list[dict[str, Any]]:
    """A log with a uuid in its system prompt, as its rows."""
    made = PLANTS["system:uuid"](clean(provider, model), random.Random(1))
    asks = [written(ask) for ask in made.asks]
    rows = list(zip(asks, replayed(asks), strict=True))
    write(folder / "made.jsonl", rows, random.Random(1), named=named)
    return [json.loads(line) for line in (folder / "made.jsonl").open()]


def test_every_peer_has_a_form_a_reader_and_words() -> None:
    assert FORMS.keys() == READERS.keys() == WORDS.keys()


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize(("provider", "model"), PROVIDERS)
@pytest.mark.parametrize("peer", sorted(FORMS))
def test_a_peer_is_given_every_row_and_all_its_tokens(
    peer: str, provider: str, model: str, named: bool, tmp_path: Path
) -> None:
    rows = rows_of(provider, model, tmp_path, named=named)
    given = tmp_path / "given"
    given.mkdir()
    commands = FORMS[peer](rows, given, tmp_path / "tokenizer")
    if commands is None:
        assert (peer, provider) == ("cacheeconomics", "openai")
        return
    files = sorted(given.iterdir())
    lines = [json.loads(line) for file in files for line in file.open()]
    assert len(lines) == len(rows)
    assert len(files) == (4 if peer == "kvleak" and named else 1)
    assert all(("session_id" in line and line["session_id"] is not None) == named for line in lines)
    if "usage" in lines[0]:
        assert sum(map(_tokens, lines)) == sum(map(used, rows))
    if peer == "kvlint":
        system = rows[0]["request"].get("system") or [{"text": ""}]
        text = system[0]["text"] or rows[0]["request"]["messages"][0]["content"]
        assert lines[0]["messages"][0] == {"role": "system", "content": text}


def _tokens(line: dict[str, Any]) -> int:
    if "body" in line:
        return sum(line["usage"][name] for name in ("input_tokens", "cache_read", "cache_write"))
    return used({"response": line})


def right(*said: Said, peer: str = "kvlint", truth: dict[str, Any] = TRUTH) -> set[str]:
    """What counts as right, or as an accusation."""
    system = "x" * 110 + "0aa1" + "x" * 200
    row = {"request": {"tools": [{}] * 4, "system": [{"text": system}], "messages": []}}
    found = judged(peer, truth, [row], Answer(list(said), (0.41,)))
    return {
        name for name in ("noticed", "kind", "place", "lost", "accused") if getattr(found, name)
    }


def test_words_count_for_what_they_name_and_for_what_they_cover() -> None:
    assert right(Said("dynamic_id")) >= {"noticed", "kind"}
    assert right(Said("short_prefix")) & {"noticed", "kind"} == {"noticed"}
    assert "noticed" not in right(Said("dynamic_time"))
    assert "noticed" not in right(Said("a word that nobody knows"))
    assert right() == set()


def test_a_place_is_a_segment_a_character_or_a_value() -> None:
    broken = Said("CL001", section="system", segment=0)
    assert "place" in right(broken, peer="promptcachelint")
    for offset, hit in ((98, False), (99, True), (150, True), (151, False)):
        said = Said("CL001", section="system", segment=0, offset=offset)
        assert ("place" in right(said, peer="promptcachelint")) is hit
    assert "place" not in right(Said("CL001", section="message"), peer="promptcachelint")
    assert "place" in right(Said("VOL-1", position=4), peer="cacheeconomics")
    assert "place" not in right(Said("VOL-1", position=5), peer="cacheeconomics")
    assert "place" in right(Said("dynamic_id", quotes=("0aa1",)))
    assert "place" not in right(Said("dynamic_id", quotes=("elsewhere",)))
    assert "place" not in right(Said("dynamic_id"))


def test_lost_tokens_are_right_within_two_percent_alone_or_summed() -> None:
    for tokens, hit in ((50_000, True), (51_000, True), (51_001, False), (48_999, False)):
        assert ("lost" in right(Said("dynamic_id", lost=tokens))) is hit
    half = Said("CL001", section="system", segment=0, lost=25_000)
    assert "lost" in right(half, half, peer="promptcachelint")
    assert "lost" not in right(half, peer="promptcachelint")
    assert "lost" not in right(Said("dynamic_id"))


def test_a_clean_log_is_accused_by_words_that_are_not_mild_and_weigh_something() -> None:
    assert right(truth=CLEAN) == set()
    assert right(Said("dynamic_id"), truth=CLEAN) == {"accused"}
    assert right(Said("dynamic_id", lost=100), truth=CLEAN) == set()
    assert right(*[Said("dynamic_id", lost=100)] * 6, truth=CLEAN) == {"accused"}
    assert right(Said("block_straddle", lost=90_000), truth=CLEAN) == set()


def test_a_hit_rate_is_that_of_the_usage() -> None:
    for rates, hit in (((0.42,), True), ((0.43,), False), ((0.9, 0.39), True), ((), None)):
        assert judged("kvlint", CLEAN, [], Answer([], rates)).rate is hit


def test_without_peers_there_are_no_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert running.peers(None, tmp_path, []) is None
    assert running.peers(Path(sys.executable), tmp_path, []) is None
    assert capsys.readouterr().out.count("not installed") == 2


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("exit 3", "ended with status 3"),
        ("echo nonsense", "JSONDecodeError"),
        ("echo '{}'", "KeyError"),
        ("sleep 60", "too slow"),
        (None, "FileNotFoundError"),
    ],
)
def test_a_peer_that_fails_is_told_of_and_counted_out(
    script: str | None, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = rows_of("openai", "gpt-4.1", tmp_path, named=False)
    (tmp_path / "made.jsonl").rename(tmp_path / TRUTH["log"])
    assert rows
    if script is not None:
        peer = tmp_path / "pcd"
        peer.write_text(f"#!/bin/sh\n{script}\n")
        os.chmod(peer, 0o755)
    monkeypatch.setattr(running, "TIMEOUT", 0.5)
    run = running.Run("prompt-cache-doctor", tmp_path / "python", tmp_path, tmp_path)
    found = run.one(TRUTH)
    assert isinstance(found, str)
    assert found.startswith(says)
    figures = run.all([TRUTH])
    assert (figures["logs"], figures["failed"]) == (0, 1)
