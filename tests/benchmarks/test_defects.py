"""The generator of planted defects: the same again from the same seed, and true to itself."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from benchmarks.audit_parts.peer_scoring import text_at
from benchmarks.defect_parts.apps import written
from benchmarks.defect_parts.plants import ANTHROPIC_ONLY, PLANTS
from benchmarks.defect_parts.truth import lost, replayed
from benchmarks.defects import make
from tests.benchmarks.made_up import clean, used

DATA = Path("../shared/data")
REAL = ("tau-airline", "agent-sessions/miniswe", "agent-sessions")
needs_data = pytest.mark.skipif(not DATA.exists(), reason="the real sessions are not here")


def written_logs(paths: Sequence[Path], seed: int, out: Path, count: int = 6) -> dict[str, bytes]:
    """Every file that the generator writes, by name."""
    make(paths, seed, count, out)
    return {path.name: path.read_bytes() for path in sorted(out.iterdir())}


def truths_of(files: dict[str, bytes]) -> list[dict[str, Any]]:
    """The lines of the truth file."""
    return [msgspec.json.decode(line) for line in files["truth.jsonl"].splitlines()]


@needs_data
def test_the_same_seed_gives_the_same_files_and_another_does_not(tmp_path: Path) -> None:
    paths = [DATA / "tau-airline"]
    first = written_logs(paths, 5, tmp_path / "a", 3)
    assert first == written_logs(paths, 5, tmp_path / "b", 3)
    other = written_logs(paths, 6, tmp_path / "c", 3)
    assert first.keys() == other.keys()
    assert all(first[name] != other[name] for name in first)


@needs_data
@pytest.mark.parametrize("sessions", REAL)
def test_any_of_the_real_sessions_will_do(sessions: str, tmp_path: Path) -> None:
    if not (DATA / sessions).exists():
        pytest.skip(f"no {sessions} here")
    files = written_logs([DATA / sessions], 2, tmp_path)
    truths = truths_of(files)
    assert len(truths) == len(files) - 1 == 6
    assert [len(truth["defects"]) for truth in truths] == [0, 2, 1, 1, 1, 1]
    for truth in truths:
        rows = [msgspec.json.decode(line) for line in files[truth["log"]].splitlines()]
        times = [row["timestamp"] for row in rows]
        assert times == sorted(times)
        assert truth["input"] == sum(map(used, rows))
        for defect in truth["defects"]:
            assert defect["lost"] >= 1
            if defect["start"] is not None:
                assert len({text_at(row["request"], defect) for row in rows}) > 1


@pytest.mark.parametrize("plant", sorted(PLANTS))
def test_what_is_lost_is_what_the_log_without_the_defect_reads_more(plant: str) -> None:
    model = ("anthropic", "claude-sonnet-4-6") if plant in ANTHROPIC_ONLY else ("openai", "gpt-4.1")
    made = PLANTS[plant](clean(*model), random.Random(3))
    rows, cured = [[written(ask) for ask in some] for some in (made.asks, made.cured)]
    before, after = replayed(rows), replayed(cured, made.knobs)
    assert [one.input for one in after] == pytest.approx([one.input for one in before], rel=0.05)
    tokens, requests = lost(before, after)
    assert 0 < requests < len(rows)
    assert tokens > 0.002 * sum(one.input for one in before)
    again, none = lost(after, replayed(cured, made.knobs))
    assert (again, none) == (0, 0)


@pytest.mark.parametrize("plant", sorted(set(PLANTS) - ANTHROPIC_ONLY))
def test_the_cure_changes_the_place_that_the_truth_names_and_nothing_else(plant: str) -> None:
    made = PLANTS[plant](clean("openai", "gpt-4.1"), random.Random(4))
    parted = 0
    for ask, cured in zip(made.asks, made.cured, strict=True):
        same = {
            "system": ask.system == cured.system,
            "tool": ask.tools == cured.tools and str(ask.tools) == str(cured.tools),
            "message": ask.messages == cured.messages,
        }
        differs = {section for section, equal in same.items() if not equal}
        assert differs <= {made.section}
        assert ask.time == cured.time
        assert ask.model == cured.model
        parted += bool(differs)
        if made.section == "system" and differs and made.start is not None:
            assert ask.system[: made.start] == cured.system[: made.start]
    assert parted


def test_too_few_sessions_are_refused(tmp_path: Path) -> None:
    log = tmp_path / "few.jsonl"
    log.write_bytes(b"")
    with pytest.raises(ValueError, match="too few sessions"):
        make([log], 1, 1, tmp_path / "out")
