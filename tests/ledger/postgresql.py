"""Starting, stopping and suspending a PostgreSQL server. It refuses to run as root."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

from tests.kv.tiers.support import free_port

USER = "postgres"


def binaries() -> Path | None:
    """The folder of ``initdb`` and ``pg_ctl``; Debian keeps them off the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    on_path = shutil.which("pg_ctl")
    if on_path is not None:
        return Path(on_path).parent
    return found[-1].parent if found else None


class Server:
    """One cluster. Nobody needs a password; nobody but this machine gets in."""

    def __init__(self, folder: Path, base: Path) -> None:
        self._folder, self._base = folder, base
        self._data = base / "data"
        self.port = free_port()
        self._as: list[str] = []

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://{USER}@127.0.0.1:{self.port}/postgres"

    def create(self) -> None:
        """Make the cluster."""
        if os.geteuid() == 0:
            shutil.chown(self._base, USER, USER)
            self._as = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--init-groups"]
        self._run("initdb", "-D", str(self._data), "-U", USER, "-A", "trust", "--no-sync")

    def start(self) -> None:
        """Start it on the port that it had before."""
        options = f"-p {self.port} -h 127.0.0.1 -k {self._base} -c fsync=off"
        log = str(self._base / "log")
        self._run("pg_ctl", "-D", str(self._data), "-w", "-l", log, "-o", options, "start")

    def stop(self, how: str = "immediate") -> None:
        """Stop it; "immediate" is a crash."""
        self._run("pg_ctl", "-D", str(self._data), "-w", "-m", how, "stop")

    def suspend(self) -> None:
        """Let no process of it run: connections stay open, and nothing is answered."""
        for pid in self._pids():
            os.kill(pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let them run again."""
        for pid in reversed(self._pids()):
            os.kill(pid, signal.SIGCONT)

    def _pids(self) -> list[int]:
        first = int((self._data / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        return [first, *map(int, children)]

    def _run(self, name: str, *arguments: str) -> None:
        subprocess.run(
            [*self._as, str(self._folder / name), *arguments],
            check=True,
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "LC_ALL": "C"},
        )
