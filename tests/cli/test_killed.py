"""The full server, killed with SIGKILL while it writes, and started again on what is left."""

from __future__ import annotations

import json
import random
import signal
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Command, Process

KILLS = 3
"""A hundred kills of the store alone are in tests/kv/tiers/test_killed.py."""
SYSTEM = " ".join(f"Rule {i}: answer question {i} with the number {i * 7}." for i in range(40))
QUESTIONS = [f"What is the answer to question {i}?" for i in range(3)]


def serve(headstart: Command, store: Path | None) -> tuple[Process, str]:
    disk = ("--cache-disk", f"{store}:200MB") if store else ()
    process = headstart(
        *("serve", "--port", "0", "--exact", "--prefill-chunk", "128"),
        *("--cache-memory", "256MiB", "--log-format", "json", *disk),
    )
    url = process.until("Headstart serves").rpartition(" ")[2]
    return process, url


def ask(url: str, question: str) -> dict[str, Any]:
    body = {
        "model": "smollm2-135m",
        "max_tokens": 1,
        "temperature": 0,
        "system": SYSTEM,
        "messages": [{"role": "user", "content": question}],
    }
    request = urllib.request.Request(
        f"{url}/v1/messages", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=120) as response:
        answer: dict[str, Any] = json.load(response)
    return answer


def first_token(answer: dict[str, Any]) -> object:
    return answer["content"]


@pytest.mark.timeout(600)
def test_kills_leave_right_answers_and_no_litter(headstart: Command, tmp_path: Path) -> None:
    process, url = serve(headstart, None)
    expected = {question: first_token(ask(url, question)) for question in QUESTIONS}
    process.interrupt(signal.SIGKILL)

    store = tmp_path / "store"
    rng = random.Random(5)
    for _ in range(KILLS):
        process, url = serve(headstart, store)
        for question in QUESTIONS:
            assert first_token(ask(url, question)) == expected[question]
            # Pages go to disk behind the answer: the kill may fall before, in or after that.
            time.sleep(rng.random() * 0.05)
        process.interrupt(signal.SIGKILL)
        process.popen.wait()

    process, url = serve(headstart, store)
    for question in QUESTIONS:
        answer = ask(url, question)
        assert first_token(answer) == expected[question]
        assert answer["usage"]["cache_read_input_tokens"] > 0
    process.interrupt()
    assert process.end()[0] == 0
    assert not list((store / "tmp").iterdir()), "what killed servers left was not swept up"
    assert not list((store / "quarantine").iterdir())
