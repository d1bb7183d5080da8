"""vLLM itself, started once for a module's tests: ``make test-vllm``."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from benchmarks.vllm_peer import VLLMPeer
from benchmarks.vllm_server import VLLMServer
from headstart.integrations.vllm.options import Options
from headstart.kv.fingerprint import Fingerprint
from headstart.kv.layout import KVLayout
from headstart.kv.store import TieredStore
from tests.kv.tiers.support import valkey_server

LIVE = "HEADSTART_LIVE_VLLM"
PAGE = 128
REST_SECONDS = 1.5


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests against vLLM itself take minutes: they run when asked for."""
    why = ""
    if not os.environ.get(LIVE):
        why = "run by make test-vllm"
    elif not VLLMPeer.available():
        why = "needs make venv-vllm"
    for item in items:
        if item.path.name.startswith("test_live_"):
            item.add_marker(pytest.mark.timeout(1500))
            if why:
                item.add_marker(pytest.mark.skip(reason=why))


class Site(NamedTuple):
    """What several vLLM processes share."""

    model: Path
    folder: Path
    disk: Path
    options: dict[str, Any]

    def server(self, name: str, dtype: str = "bfloat16", connected: bool = True) -> VLLMServer:
        """Not started yet. With one computing thread: two wait for each other by spinning,
        which on a busy machine takes for ever."""
        return VLLMServer(
            self.model,
            self.folder / f"{name}.log",
            self.options if connected else None,
            dtype=dtype,
            cache_gib=2,
            VLLM_CPU_OMP_THREADS_BIND="0",
        )

    def store(self, fingerprint: str) -> TieredStore:
        """The same tiers, seen from outside; of another model, so that it names no page."""
        other = Fingerprint(fingerprint, KVLayout(1, 1, 1, "float16", (None,)))
        return Options.parse(self.options).open(other)

    def pages(self) -> list[Path]:
        """Files of the disk tier, in order of their page numbers."""
        files = [path for path in (self.disk / "pages").rglob("*") if path.is_file()]
        return sorted(files, key=lambda path: int(path.name.split(".")[1]))

    def rest(self) -> int:
        """Wait until nothing is written any more; the number of pages on disk then."""
        count, since = len(self.pages()), time.monotonic()
        while time.monotonic() - since < REST_SECONDS:
            time.sleep(0.1)
            if (now := len(self.pages())) != count:
                count, since = now, time.monotonic()
        return count

    def written(self, pages: int, seconds: float = 60) -> None:
        """Wait until so many pages are on disk."""
        deadline = time.monotonic() + seconds
        while (found := len(self.pages())) < pages:
            assert time.monotonic() < deadline, f"{found} pages are stored, not {pages}"
            time.sleep(0.1)


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    """One disk and one Valkey server, sealed."""
    from headstart.engine import builtin

    model = builtin.ensure()
    with valkey_server() as url, tempfile.TemporaryDirectory(prefix="vllm-") as name:
        folder = Path(name)
        key = folder / "master.key"
        key.write_text("5a" * 32)
        disk = folder / "kv"
        options = {"disk": f"{disk}:4G", "remotes": [url], "master_key": f"file:{key}"}
        yield Site(model, folder, disk, options)


@pytest.fixture(scope="module")
def vllm(site: Site, request: pytest.FixtureRequest) -> Iterator[VLLMServer]:
    """With the connector; of the dtype that the module names."""
    server = site.server("cache", request.module.DTYPE)
    try:
        server.start()
        yield server
    finally:
        server.kill()
