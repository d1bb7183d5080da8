"""Several vLLM processes: a restart, a shared disk, a shared Valkey, the built-in engine.

In bfloat16: answers are compared by their log-probabilities.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.engine_client import ask
from benchmarks.vllm_server import Answer, VLLMServer
from headstart.engine import TierOptions, load
from headstart.kv.tiers.contract import Selection
from tests.integrations.vllm.conftest import PAGE, Site
from tests.integrations.vllm.prompts import close, prompt

SIZE = 6 * PAGE + 77


@pytest.fixture(scope="module")
def cold(site: Site) -> Answer:
    """What a process that is gone since has computed, and stored when it was stopped."""
    server = site.server("before")
    try:
        server.start()
        answer = server.ask(prompt("restart", SIZE), 1, logprobs=5)
        server.stop()
        return answer
    finally:
        server.kill()


@pytest.fixture(scope="module")
def vllm(site: Site, cold: Answer) -> Iterator[VLLMServer]:
    """Started after the process before it has ended."""
    server = site.server("after")
    try:
        server.start()
        yield server
    finally:
        server.kill()


def test_a_new_process_reads_what_the_last_one_stored(vllm: VLLMServer, cold: Answer) -> None:
    again = vllm.ask(prompt("restart", SIZE), 1, logprobs=5)
    assert again.cached == 6 * PAGE
    assert close(again, cold)


def test_processes_share_a_disk_and_a_valkey(vllm: VLLMServer, site: Site) -> None:
    here, there = prompt("here", SIZE), prompt("there", SIZE)
    other = site.server("other")
    try:
        other.start()
        before = site.rest()
        one = vllm.ask(here, 1, logprobs=5)
        site.written(before + 6)
        assert other.ask(here, 1).cached == 6 * PAGE
        two = other.ask(there, 1, logprobs=5)
        site.written(before + 12)
        assert vllm.ask(there, 1).cached == 6 * PAGE
        # Without the disk's copies both find them in Valkey.
        with_disk = site.store("ff")
        assert with_disk.tiers[0].drop(Selection()) >= 12
        with_disk.close()
        for server in (vllm, other):
            server.reset()
            for tokens, first in ((here, one), (there, two)):
                answer = server.ask(tokens, 1, logprobs=5)
                assert answer.cached == 6 * PAGE
                assert close(answer, first)
            assert server.metric("headstart_connector_failed_pages_total") == 0
    finally:
        other.kill()


def test_pages_of_the_built_in_engine_are_read(vllm: VLLMServer, site: Site) -> None:
    tokens = prompt("built in", SIZE)
    expected = vllm.ask(tokens, 1, salt="apart", logprobs=5)
    tiers = TierOptions(disk=site.options["disk"], master_key=site.options["master_key"])
    engine = load(None, tiers=tiers)
    try:
        assert ask(engine, tokens).read == 0
    finally:
        engine.close()
    shared = vllm.ask(tokens, 1, logprobs=5)
    assert shared.cached == 6 * PAGE
    assert close(shared, expected)
