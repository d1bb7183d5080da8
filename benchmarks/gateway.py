"""What the gateway costs: CPU and memory of its process, beside a floor that only forwards.

The floor reads a body, parses it, hashes each message, writes it anew and sends it on, with
the same server and client. All get the same load in turn from one client, before one
upstream that answers at once. CPU is that of the whole process tree, ledger included. LiteLLM
stands beside them where the interpreter that ``--litellm`` names has it.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import psutil

from benchmarks.gateway_parts import litellm
from benchmarks.report import finish, parser, target
from benchmarks.servers import free_port

RATIO = 2.5
"""Of the floor's CPU per request, at most."""
RSS = 200 * 2**20
CONNECTIONS = (1, 16, 64)
KILOBYTES = (8, 200)
OURS = ("messages", "chat")


class Process(NamedTuple):
    """A server, and where it is."""

    url: str
    tree: psutil.Process

    def cpu(self) -> float:
        """Seconds of the process and all its children so far."""
        every = (self.tree, *self.tree.children(recursive=True))
        return sum(sum(one.cpu_times()[:2]) for one in every)

    def rss(self) -> int:
        """Bytes of the same."""
        every = (self.tree, *self.tree.children(recursive=True))
        return sum(one.memory_info().rss for one in every)


@contextlib.contextmanager
def serving(app: str, **environment: str) -> Iterator[Process]:
    """``uvicorn APP`` on a free port, until the block ends."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", app, "--port", str(port)]
    command += ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level"]
    with running([*command, "warning"], port, **environment) as process:
        yield process


@contextlib.contextmanager
def running(command: Sequence[str], port: int, **environment: str) -> Iterator[Process]:
    """A server's command, until the block ends."""
    environment = {**os.environ, **environment}
    child = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        _wait(port, child)
        yield Process(f"http://127.0.0.1:{port}", psutil.Process(child.pid))
    finally:
        child.terminate()
        child.wait(20)


def _wait(port: int, child: subprocess.Popen[bytes]) -> None:
    for _ in range(1200):
        if child.poll() is not None:
            raise SystemExit(f"a server ended with status {child.returncode}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.1):
            return
        time.sleep(0.05)
    raise SystemExit("a server did not start")


def load(process: Process, *arguments: str) -> dict[str, Any]:
    """One run of the load client, with milliseconds of CPU per request."""
    before = process.cpu()
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks.gateway_parts.load", process.url, *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(ran.stdout)
    found["cpu_ms"] = 1000 * (process.cpu() - before) / max(1, found["requests"])
    found["rps"] = found["requests"] / found["seconds"]
    return found


def compare(
    servers: Mapping[str, Process], seconds: float, arguments: Sequence[str]
) -> dict[str, Any]:
    """The floor, ours as Messages and as Chat Completions, and whoever else there is, in turn
    and twice; the better run of each, since what else the machine does only ever adds."""
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in servers}
    for _ in range(2):
        for name, found in runs.items():
            more = ["--messages"] if name == "messages" else []
            found.append(load(servers[name], "--seconds", str(seconds), *arguments, *more))
    best = {name: min(found, key=lambda run: run["cpu_ms"]) for name, found in runs.items()}
    errors = sum(run["errors"] for name in OURS for run in runs[name])
    return {**best, "errors": errors}


def show(name: str, found: dict[str, Any]) -> None:
    for who, run in found.items():
        if who == "errors":
            continue
        ratio = run["cpu_ms"] / found["floor"]["cpu_ms"]
        print(
            f"{name:28} {who:9} {run['cpu_ms']:7.3f} ms CPU {ratio:5.2f}x"
            f" {run['rps']:8.0f} RPS  p50 {run['p50']:7.2f}  p99 {run['p99']:7.2f} ms",
            flush=True,
        )


def soak(ours: Process, requests: int, prefixes: int) -> dict[str, Any]:
    """Many prompts of 8 KB through 16 connections."""
    found = load(
        ours, "--messages", "--count", str(requests), "--prefixes", str(prefixes), "--kb", "8"
    )
    return {**found, "rss": ours.rss()}


def main() -> None:
    quick = "0.5 s a run, mostly 16 connections, 5,000 requests for the memory figure"
    options = parser(__doc__, quick)
    options.add_argument("--only", choices=("cpu", "memory"), help="one of both parts")
    options.add_argument(
        "--litellm", metavar="PYTHON", default=sys.executable, help="interpreter with LiteLLM"
    )
    args = options.parse_args()
    seconds, requests = (0.5, 5_000) if args.quick else (4.0, 100_000)
    results: dict[str, Any] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        serving("benchmarks.gateway_parts.upstream:app") as up,
    ):
        settings = {"UPSTREAM": up.url, "LEDGER": f"{folder}/ledger.db", "MODE": "parse"}
        if args.only != "memory":
            with (
                serving("benchmarks.gateway_parts.floor:app", **settings) as floor,
                serving("benchmarks.gateway_parts.app:app", **settings) as ours,
                _litellm(args.litellm, up.url, folder) as others,
            ):
                servers = {"floor": floor, "messages": ours, "chat": ours, **others}
                for name, process in servers.items():
                    more = ["--messages"] if name == "messages" else []
                    load(process, "--count", "1000" if name in OURS else "200", *more)
                for kilobytes, stream, count in _shapes(quick=args.quick):
                    name = f"{kilobytes} KB{' stream' if stream else ''} x{count}"
                    given = ["--kb", str(kilobytes), "--connections", str(count)]
                    given += ["--stream"] if stream else []
                    results[name] = compare(servers, seconds, given)
                    show(name, results[name])
        if args.only != "cpu":
            settings["LEDGER"] = f"{folder}/soak.db"
            with serving("benchmarks.gateway_parts.app:app", **settings) as ours:
                results["soak"] = soak(ours, requests, 10_000)
                print(f"RSS after {requests:,} requests: {results['soak']['rss'] / 2**20:.0f} MiB")
    finish("gateway", results, _targets(results))


@contextlib.contextmanager
def _litellm(python: str, upstream: str, folder: str) -> Iterator[dict[str, Process]]:
    """LiteLLM's proxy; nothing where it is not installed."""
    why = litellm.missing(python)
    if why is not None:
        print(f"LiteLLM is left out: {why}", flush=True)
        yield {}
        return
    port = free_port()
    command, environment = litellm.serving(python, upstream, folder, port)
    with contextlib.ExitStack() as stack:
        try:
            process = stack.enter_context(running(command, port, **environment))
        except SystemExit as error:
            print(f"LiteLLM is left out: {error}", flush=True)
            yield {}
        else:
            yield {"litellm": process}


def _shapes(*, quick: bool) -> list[tuple[int, bool, int]]:
    """Kilobytes, whether streamed, and connections."""
    if quick:
        return [*((kb, stream, 16) for kb in KILOBYTES for stream in (False, True)), (8, False, 64)]
    return [(kb, stream, n) for kb in KILOBYTES for stream in (False, True) for n in CONNECTIONS]


def _targets(results: dict[str, Any]) -> list[Any]:
    found = []
    for name, result in results.items():
        if name == "soak":
            found.append(target("rss", result["rss"], at_most=RSS))
            continue
        for who in OURS:
            ratio = result[who]["cpu_ms"] / result["floor"]["cpu_ms"]
            found.append(target(f"cpu ratio, {name}, {who}", ratio, at_most=RATIO))
        if name.endswith("x64"):
            found.append(target(f"errors, {name}", result["errors"], at_most=0))
    return found


if __name__ == "__main__":
    main()
