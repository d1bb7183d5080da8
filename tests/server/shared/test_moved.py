"""Two gateway processes on one clock that is moved, before one emulating server, with a real
Valkey: what not sharing costs, and who pings while one is suspended or was killed."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from starlette.types import ASGIApp, Receive, Scope, Send
from valkey import Valkey

from headstart.server import EmbeddedServer
from headstart.server.emulate import State, create_emulator, emulated_accounts
from headstart.server.shared.link import space_of
from tests.kv.tiers.support import free_port, running
from tests.server.shared.child import PERIOD, Asked, Moved
from tests.server.shared.test_gateways import CLIENT, HEADERS, Talk, figure
from tests.waiting import wait_until

ROOT = Path(__file__).parents[3]
PAUSE = 200.0
"""Seconds between a conversation's turns: within five minutes, and twice it is not."""
LEASE = 3.0
"""Seconds: the clock goes on at once, and Valkey's does not."""


class Provider:
    """The emulating server, and who asked it, as a header says; it keeps who asks waiting
    where told to."""

    def __init__(self, app: ASGIApp) -> None:
        self.asked: list[int] = []
        self.hold = False
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/v1/messages":
            self.asked.append(int(dict(scope["headers"])[b"x-who"]))
            while self.hold:
                await asyncio.sleep(0.01)
        await self._app(scope, receive, send)


class Stage:
    """Gateways before a provider whose clock is theirs, and stands until it is moved."""

    def __init__(self, folder: Path, valkey: str | None) -> None:
        self.state = State(emulated_accounts())
        self.state.clock.stop()
        self.provider = Provider(create_emulator(self.state))
        self.processes: list[subprocess.Popen[bytes]] = []
        self.urls: list[str] = []
        self._folder, self._valkey = folder, valkey
        self._clock = Moved(folder / "clock")
        self.move(0.0)

    def move(self, seconds: float) -> None:
        self.state.clock.advance(seconds)
        self._clock.show(self.state.clock.now())

    def asked(self, url: str, always: bool) -> Asked:
        port, clock = free_port(), str(self._folder / "clock")
        ledger = str(self._folder / f"{len(self.urls)}.db")
        self.urls.append(f"http://127.0.0.1:{port}")
        return Asked(port, url, clock, ledger, self._valkey, always, LEASE / PERIOD)

    def ask(self, number: int, body: dict[str, object]) -> None:
        """A gateway, which sends the header on, in pings too."""
        url, headers = self.urls[number], {**HEADERS, "x-who": str(number)}
        got = CLIENT.post(url + "/v1/messages", json=body, headers=headers)
        assert got.status_code == 200, got.text

    def told(self, number: int) -> None:
        """Wait until it knows what the others answered."""
        items = 2 * sum(each != number for each in self.provider.asked) if self._valkey else 0
        applied = 'headstart_shared_facts_total{event="applied"}'
        wait_until(lambda: not items or figure(self.urls[number], applied) >= items)

    def recorded(self, what: str) -> int:
        """In all ledgers."""
        total = 0
        for path in self._folder.glob("*.db"):
            with contextlib.closing(sqlite3.connect(path)) as ledger:
                tables = ledger.execute("select name from sqlite_master").fetchall()
                if ("headstart_requests",) in tables:
                    (number,) = ledger.execute(f"select {what} from headstart_requests").fetchone()
                    total += number or 0
        return total

    def refused(self, number: int) -> float:
        """Pings that it left to the other one."""
        return figure(self.urls[number], 'headstart_gateway_faults_total{kind="lease_elsewhere"}')


@contextmanager
def stage(
    folder: Path, count: int, valkey: str | None = None, always: bool = False
) -> Iterator[Stage]:
    """So many gateways, which are killed at the end."""
    folder.mkdir()
    made = Stage(folder, valkey)
    with EmbeddedServer(made.provider, grace=0.1) as server, ExitStack() as stack:
        for _ in range(count):
            asked = made.asked(server.url, always)
            process = running(asked.command, asked.port, cwd=ROOT)
            made.processes.append(stack.enter_context(process))
        yield made


def bill(on: Stage) -> tuple[float, int]:
    """USD of conversations whose turns alternate between gateways, and the tokens of which
    no gateway knew whether they would be read."""
    talks, count = [Talk(f"talk {number}") for number in range(3)], len(on.urls)
    for turn in range(6):
        for number, talk in enumerate(talks):
            on.told(at := (turn + number) % count)
            on.ask(at, talk.body())
            talk.answered()
        on.move(PAUSE)
    wait_until(lambda: on.recorded("count(*)") == 18)
    cost = sum(entry.lookup.cost or 0.0 for entry in on.state.journal)
    return cost, on.recorded("sum(abs(read - predicted_read))")


def test_sharing_costs_what_one_gateway_does_and_not_sharing_twice_as_much(
    tmp_path: Path, valkey_url: str
) -> None:
    bills = []
    for name, count, valkey in (("one", 1, None), ("apart", 2, None), ("two", 2, valkey_url)):
        with stage(tmp_path / name, count, valkey) as on:
            bills.append(bill(on))
    (one, _), (apart, _), (two, unknown) = bills
    assert two <= 1.02 * one
    assert apart > 2 * one
    assert unknown == 0


def test_no_ping_is_doubled_whoever_is_suspended_or_killed(
    tmp_path: Path, valkey_url: str, valkey_base: str
) -> None:
    with (
        stage(tmp_path / "both", 2, valkey_url, always=True) as on,
        Valkey.from_url(valkey_base) as valkey,
    ):
        body, asked = Talk("talk").body(), on.provider.asked
        leases = space_of(valkey_url) + ":lease:*"
        on.ask(0, body)
        on.ask(1, body)
        on.move(PERIOD)
        wait_until(lambda: len(asked) == 3 and on.refused(0) + on.refused(1) == 1)
        first = asked[-1]
        # It is suspended, and its lease ends: the other one pings. It goes on, and does not.
        wait_until(lambda: not valkey.keys(leases))
        on.processes[first].send_signal(signal.SIGSTOP)
        on.move(PERIOD)
        wait_until(lambda: len(asked) == 4)
        assert asked[-1] != first
        on.processes[first].send_signal(signal.SIGCONT)
        wait_until(lambda: on.refused(first) == 1 and on.recorded("count(*)") == 4)
        # Whoever pings next is killed with its ping under way: that counts as sent.
        on.provider.hold = True
        on.move(PERIOD)
        wait_until(lambda: len(asked) == 5 and on.refused(0) + on.refused(1) == 3)
        killed = asked[-1]
        survivor = 1 - killed
        on.processes[killed].kill()
        on.processes[killed].wait()
        on.provider.hold = False
        # Nobody told the survivor that it was answered: it lets the entry lapse, and pings it
        # again once it has seen it itself.
        wait_until(lambda: not valkey.keys(leases))
        on.move(PERIOD)
        wait_until(lambda: valkey.keys(leases))
        on.ask(survivor, body)
        on.move(PERIOD)
        wait_until(lambda: len(asked) == 7)
        assert asked == [0, 1, first, 1 - first, killed, survivor, survivor]
        wait_until(lambda: on.recorded("count(*)") == 6)
        assert on.recorded("sum(plan = 'ping')") == 3
