from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

from tests.cli.audit.samples import support, write


def test_a_watcher_sees_bytes_and_steps_and_a_pipe_sees_neither(tmp_path: Path) -> None:
    log = write(tmp_path / "log.jsonl", support(2))
    command = [sys.executable, "-m", "headstart", "audit", str(log), "--json", "-"]
    master, slave = pty.openpty()
    try:
        with subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=slave,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
        ) as child:
            os.close(slave)
            assert child.stdout is not None
            stdout = child.stdout.read()
        shown = os.read(master, 1 << 20).decode()
    finally:
        os.close(master)
    assert "reading" in shown
    assert "replaying" in shown
    assert "kB" in shown
    assert stdout.startswith(b"{")
    assert b"reading" not in stdout.splitlines()[0]
    piped = subprocess.run(command, capture_output=True, check=True)
    assert piped.stderr == b""
    assert piped.stdout == stdout
