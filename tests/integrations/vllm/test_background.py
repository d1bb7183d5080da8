from __future__ import annotations

import logging
import os
import subprocess
import sys

import pytest

from headstart.integrations.vllm.background import FAULTS, survives


def test_a_fault_is_counted_told_and_ends_there(caplog: pytest.LogCaptureFixture) -> None:
    @survives(lambda: (0, False))
    def lookup(broken: bool) -> tuple[int, bool]:
        if broken:
            raise LookupError("gone")
        return 3, True

    before = FAULTS.count
    with caplog.at_level(logging.ERROR):
        assert lookup(broken=True) == (0, False)
    assert lookup(broken=False) == (3, True)
    assert FAULTS.count == before + 1
    assert "lookup failed; vLLM goes on without it" in caplog.text
    assert "LookupError: gone" in caplog.text


BOUND = """
import os, threading
from headstart.integrations.vllm.background import behind, unbind
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
seen = []
def run():
    unbind()
    seen.append(len(os.sched_getaffinity(0)))
    threading.Thread(target=lambda: seen.append(len(os.sched_getaffinity(0)))).start()
thread = threading.Thread(target=run)
thread.start()
thread.join()
polite = threading.Thread(target=lambda: (behind(), seen.append(os.nice(0))))
polite.start()
polite.join()
print(len(os.sched_getaffinity(0)), *seen, os.nice(0))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="threads have cores and priorities there")
def test_threads_leave_the_core_that_their_process_is_bound_to() -> None:
    ran = subprocess.run([sys.executable, "-c", BOUND], capture_output=True, text=True, check=True)
    cores = len(os.sched_getaffinity(0))
    nice = os.nice(0)
    assert [int(word) for word in ran.stdout.split()] == [1, cores, cores, max(10, nice), nice]


NEEDS = """
import sys
from headstart.integrations.vllm import lookup, options, plan, scheduler
import headstart.kv.store
print("\\n".join({name.partition(".")[0] for name in sys.modules}))
"""


def test_the_scheduler_s_end_needs_numpy_xxhash_and_cryptography_alone() -> None:
    ran = subprocess.run([sys.executable, "-c", NEEDS], capture_output=True, text=True, check=True)
    loaded = set(ran.stdout.split())
    assert {"numpy", "xxhash", "cryptography"} <= loaded
    heavy = {"torch", "transformers", "msgspec", "starlette", "pydantic", "prometheus_client"}
    assert not loaded & heavy
