from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

HEADSTART = str(Path(sys.executable).with_name("headstart"))

Command = Callable[..., "Process"]


class Process:
    """A ``headstart`` command that runs, in a folder of its own."""

    def __init__(self, arguments: tuple[str, ...], folder: Path, env: dict[str, str]) -> None:
        clean = {k: v for k, v in os.environ.items() if not k.startswith("HEADSTART_PORT")}
        self.popen = subprocess.Popen(
            [HEADSTART, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=folder,
            env={**clean, **env},
        )

    def until(self, start: str) -> str:
        """The rest of the first line of stdout that begins with ``start``."""
        assert self.popen.stdout is not None
        for line in self.popen.stdout:
            if line.strip().startswith(start):
                return line.strip().removeprefix(start).strip()
        raise AssertionError(f"ended without {start!r}: {self.end()}")

    def interrupt(self, number: int = signal.SIGINT) -> None:
        self.popen.send_signal(number)

    def end(self) -> tuple[int, str, str]:
        """Wait for the end: status, the rest of stdout, stderr."""
        out, err = self.popen.communicate(timeout=200)
        return self.popen.returncode, out, err


@pytest.fixture
def headstart(tmp_path: Path) -> Iterator[Command]:
    """Start ``headstart`` commands; what still runs at the end of the test is killed."""
    started: list[Process] = []

    def start(*arguments: str, **env: str) -> Process:
        started.append(Process(arguments, tmp_path, env))
        return started[-1]

    yield start
    for process in started:
        process.popen.kill()
        process.popen.communicate()
