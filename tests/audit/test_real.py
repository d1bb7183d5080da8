"""The audit on real logs: what docs/examples.md says of them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pytest

from headstart.audit.audit import audit
from headstart.audit.options import Options
from tests.prefix.workloads import SHARED

QUICK = Options(planner=False, compare=(), workers=1)
STAMP = "2024-05-15 15:00:00 EST"
CONVERSATIONS = 12


@pytest.fixture(scope="module")
def airline() -> list[list[dict[str, str]]]:
    """Messages of the airline agent's first conversations."""
    file = SHARED / "data" / "tau-airline" / "conversations.jsonl.gz"
    if not file.is_file():
        pytest.skip(f"no real conversations at {file}: set HEADSTART_SHARED to where data/ is")
    with gzip.open(file, "rt") as lines:
        return [json.loads(line)["messages"] for line in islice(lines, CONVERSATIONS)]


def requests(airline: list[list[dict[str, str]]], *, running: bool) -> Iterator[dict[str, object]]:
    """20 seconds apart within a conversation; its clock stands still, or runs."""
    for number, messages in enumerate(airline):
        turns = [i for i, message in enumerate(messages) if message["role"] == "assistant"]
        for turn, end in enumerate(turns):
            now = datetime.fromtimestamp(1_793_600_000 + 6000 * number + 20 * turn, UTC)
            said = [dict(message) for message in messages[:end]]
            assert STAMP in said[0]["content"]
            if running:
                live = f"{now:%Y-%m-%d %H:%M:%S} EST"
                said[0]["content"] = said[0]["content"].replace(STAMP, live)
            body = {"model": "gpt-6.1-sol", "messages": said}
            yield {"timestamp": now.isoformat(), "conversation_id": str(number), "request": body}


def written(rows: Iterator[dict[str, object]], path: Path) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_the_airline_agents_time_is_found_before_it_runs(
    airline: list[list[dict[str, str]]], tmp_path: Path
) -> None:
    found = audit([written(requests(airline, running=False), tmp_path / "still.jsonl")], QUICK)
    assert found.culprits == ()
    assert found.now.total.hit_rate > 0.8
    [latent] = [one for one in found.latent if one.cause == "timestamp"]
    assert latent.spot.text[latent.spot.start : latent.spot.end] == STAMP
    assert "The current time is" in latent.spot.text
    assert latent.requests == found.now.total.requests


def test_and_once_it_runs_it_is_to_blame_for_all_of_it(
    airline: list[list[dict[str, str]]], tmp_path: Path
) -> None:
    still = audit([written(requests(airline, running=False), tmp_path / "still.jsonl")], QUICK)
    found = audit([written(requests(airline, running=True), tmp_path / "live.jsonl")], QUICK)
    assert found.now.total.read == 0
    [culprit] = found.culprits
    assert (culprit.cause, culprit.where) == ("timestamp", "messages.0.content.0")
    # Each conversation's first request has nothing of its own to read.
    assert culprit.requests == found.now.total.requests - CONVERSATIONS
    assert culprit.lost == pytest.approx(still.now.total.read, rel=0.1)
    assert culprit.a is not None
    assert "The current time is 2026-" in culprit.a.text
