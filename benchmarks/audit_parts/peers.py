"""The peers beside the audit: the same planted logs, each in the form that the peer reads."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.audit_parts.peer_forms import FORMS, tokenizer_into
from benchmarks.audit_parts.peer_reports import READERS
from benchmarks.audit_parts.peer_scoring import Verdict, judged, ours, sums
from benchmarks.audit_parts.scoring import Score
from headstart.engine import builtin

MOST = 60
"""Logs at most, evenly out of all: a peer takes seconds for one."""
TIMEOUT = 120.0
"""Seconds a command."""
_KEY = "not a secret: names segments of made-up logs"
_VERSIONS = (
    "import json, sys; from importlib.metadata import version, PackageNotFoundError\n"
    "def of(name):\n try: return version(name)\n except PackageNotFoundError: return None\n"
    "print(json.dumps({name: of(name) for name in sys.argv[1:]}))"
)


def peers(python: Path | None, folder: Path, scores: Sequence[Score]) -> dict[str, Any] | None:
    """Figures by peer, and the audit's own on the same logs, printed as a table too; None
    without an interpreter that has peers. ``folder`` holds logs and ``truth.jsonl``."""
    versions = _versions(python) if python is not None else {}
    if python is None or not any(versions.values()):
        print("peers: not installed (--peers PYTHON names an interpreter that has them)")
        return None
    truths = [json.loads(line) for line in (folder / "truth.jsonl").open("rb")]
    step = max(1.0, len(truths) / MOST)
    truths = [truths[int(i * step)] for i in range(min(MOST, len(truths)))]
    with tempfile.TemporaryDirectory() as work:
        tokenizer = Path(work) / "tokenizer"
        if versions["kvlint"]:
            tokenizer_into(builtin.ensure(), tokenizer)
        found = {"headstart": ours(truths, scores)}
        for name in FORMS:
            if versions[name]:
                run = Run(name, python, folder, tokenizer)
                found[f"{name} {versions[name]}"] = run.all(truths)
    _show(found)
    return found


class Run:
    """One peer over all logs."""

    def __init__(self, name: str, python: Path, folder: Path, tokenizer: Path) -> None:
        # Not resolved: an environment's interpreter is a link to one outside it.
        self.name, self.programs = name, python.absolute().parent
        self.folder, self.tokenizer = folder, tokenizer.absolute()

    def all(self, truths: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        started = time.perf_counter()
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            found = list(track(pool.map(self.one, truths), self.name, len(truths), transient=True))
        read = [one for one in found if isinstance(one, Verdict)]
        failed = [one for one in found if isinstance(one, str)]
        for why in sorted(set(failed)):
            print(f"  {self.name}: {why} ({failed.count(why)} logs)", flush=True)
        seconds = time.perf_counter() - started
        return {**sums(read), "failed": len(failed), "seconds": round(seconds, 1)}

    def one(self, truth: Mapping[str, Any]) -> Verdict | str | None:
        """None: it has no form for such a log. Text: why it could not read it after all."""
        log = self.folder / str(truth["log"])
        rows = [json.loads(line) for line in log.open("rb")]
        with tempfile.TemporaryDirectory() as work:
            commands = FORMS[self.name](rows, Path(work), self.tokenizer)
            if commands is None:
                return None
            try:
                texts = [self._output(command, work) for command in commands]
                answer = READERS[self.name](texts, Path(work))
            except subprocess.TimeoutExpired:
                return "too slow"
            except subprocess.CalledProcessError as error:
                return f"ended with status {error.returncode}"
            except (OSError, ValueError, KeyError) as error:
                return f"{type(error).__name__}: {error}"
        return judged(self.name, truth, rows, answer)

    def _output(self, command: Sequence[str], work: str) -> str:
        program, *arguments = command
        away = {"HOME": work, "CACHEECONOMICS_HMAC_KEY": _KEY, "HF_HUB_OFFLINE": "1"}
        return subprocess.run(
            [str(self.programs / program), *arguments],
            cwd=work,
            env={"PATH": os.environ["PATH"], "NO_COLOR": "1", **away},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=TIMEOUT,
            check=True,
            text=True,
        ).stdout


def _versions(python: Path) -> dict[str, str | None]:
    ran = subprocess.run(
        [str(python), "-c", _VERSIONS, *FORMS], stdout=subprocess.PIPE, check=True, text=True
    )
    found: dict[str, str | None] = json.loads(ran.stdout)
    return found


def _show(found: Mapping[str, Mapping[str, Any]]) -> None:
    """Every share as a count: of which logs is what it depends on."""
    table = Table(title=f"at most {MOST} of the logs, those that each can read")
    table.add_column("", no_wrap=True)
    for title in (
        *("logs", "defects noticed", "kind named", "of own kinds", "place", "lost tokens"),
        *("clean accused", "hit rate right", "failed", "seconds"),
    ):
        table.add_column(title, justify="right")
    for name, one in found.items():
        pairs = [
            *((one[key], one["guilty"]) for key in ("noticed", "kind")),
            (one["own_kind"], one["own"]),
            *((one[key], one["guilty"]) for key in ("place", "lost")),
            (one["accused"], one["clean"]),
            (one["rate"], one["rates"]),
        ]
        shown = [f"{some}/{every}" if every else "-" for some, every in pairs]
        seconds = "" if one["seconds"] is None else f"{one['seconds']:.0f}"
        table.add_row(name, str(one["logs"]), *shown, str(one["failed"]), seconds)
    Console(width=150).print(table)
