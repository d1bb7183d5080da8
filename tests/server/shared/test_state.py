"""Facts from one gateway's part to the other's, through a real Valkey."""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Callable

import pytest
from valkey import Valkey

from headstart.planner import Fact, Key
from headstart.providers import Trace
from headstart.server.shared import Entries, SharedState
from headstart.server.shared.link import checked, space_of
from headstart.server.shared.outbox import Outbox
from tests.kv.tiers.support import free_port, running, valkey_binary
from tests.waiting import HANGS

pytestmark = pytest.mark.anyio
KEY = Key("acme", "anthropic", "claude")
SECRET = b"common"


class Part:
    """One gateway's, with what it was told."""

    def __init__(self, url: str, secret: bytes = SECRET, ahead: float = 0.0) -> None:
        self.facts: list[Fact] = []
        self.entries: list[Entries] = []
        self.faults: list[str] = []
        self.state = SharedState(
            url,
            secret,
            lambda kind, error: self.faults.append(kind),
            self.facts.append,
            self.entries.append,
            clock=lambda: time.time() + ahead,
        )

    @property
    def times(self) -> list[float]:
        return [fact.at for fact in self.facts]

    def tell(self, *times: float) -> None:
        for at in times:
            self.state.tell(Fact(KEY, at))


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(HANGS):
        while not condition():
            await asyncio.sleep(0.005)


async def test_facts_reach_the_others_and_not_oneself(valkey_url: str) -> None:
    parts = [Part(valkey_url) for _ in range(3)]
    for part in parts:
        part.state.start()
    now = time.time()
    for number, part in enumerate(parts):
        part.tell(*[now + number + i / 1000 for i in range(300)])
    await until(lambda: all(len(part.facts) == 600 for part in parts))
    assert sorted(parts[0].times) == sorted(
        now + number + i / 1000 for number in (1, 2) for i in range(300)
    )
    assert [part.state.peers.there(now) for part in parts] == [2, 2, 2]
    assert not any(part.faults for part in parts)
    for part in parts:
        await part.state.close()


async def test_what_requests_left_behind_comes_as_it_was(valkey_url: str) -> None:
    one, two = Part(valkey_url), Part(valkey_url)
    one.state.start()
    trace = Trace(time.time(), [(b"k" * 16, 300.0, 300.0)], [b"g" * 16])
    one.state.traced("anthropic", "claude", trace, None)
    one.state.traced("anthropic", "claude", None, None)
    one.state.traced("anthropic", "m" * 10_000, trace, None)
    await until(lambda: one.state.counts["sent"])
    two.state.start()  # later: it reads what lies there
    await until(lambda: two.entries)
    assert two.entries[0].trace == trace
    assert len(two.entries) == 1
    await one.state.close()
    await two.state.close()


async def test_valkey_sees_no_name_and_no_digest(valkey_url: str, valkey_base: str) -> None:
    one = Part(valkey_url)
    one.state.start()
    one.state.tell(Fact(KEY, time.time(), used=[b"digest-of-prefix"]))
    await until(lambda: one.state.counts["sent"])
    with Valkey.from_url(valkey_base) as client:
        found = client.xrange(space_of(valkey_url) + ":facts")
    assert len(found) == 1
    for secret in (b"acme", b"claude", b"digest-of-prefix"):
        assert secret not in repr(found).encode()
    await one.state.close()


async def test_what_strangers_write_is_counted_and_left(valkey_url: str, valkey_base: str) -> None:
    one, stranger, two = Part(valkey_url), Part(valkey_url, b"another"), Part(valkey_url)
    one.state.start()
    stranger.state.start()
    stranger.tell(1.0)
    key = space_of(valkey_url) + ":facts"
    with Valkey.from_url(valkey_base) as client:
        for fields in ({b"x": b""}, {b"g": b"g" * 16, b"d": b"\xff" * 100}, {b"g": b"", b"d": b""}):
            client.xadd(key, fields)
        await until(lambda: one.state.counts["foreign"] == 4)
        two.state.start()
        two.tell(2.0)
        await until(lambda: one.facts)
        copy = client.xrange(key)[-1][1]  # sent a second time, by whoever could read it
        client.xadd(key, copy)
    await until(lambda: one.state.counts["repeated"])
    assert one.times == [2.0]
    for part in (one, stranger, two):
        await part.state.close()


async def test_clocks_that_differ_are_brought_together(valkey_url: str) -> None:
    one, two = Part(valkey_url), Part(valkey_url, ahead=500.0)
    one.state.start()
    two.state.start()
    await until(lambda: one.state.up and two.state.up)
    now = time.time()
    one.tell(now)
    two.tell(now + 500.0)
    await until(lambda: one.facts and two.facts)
    assert one.times[0] == pytest.approx(now, abs=100.0)
    assert two.times[0] == pytest.approx(now + 500.0, abs=100.0)
    await one.state.close()
    await two.state.close()


async def test_a_valkey_that_stops_delays_facts_and_loses_none() -> None:
    binary, port = valkey_binary(), free_port()
    if binary is None:
        pytest.skip("no valkey-server")
    arguments = [binary, "--port", str(port), "--save", "", "--bind", "127.0.0.1"]
    url = f"valkey://127.0.0.1:{port}/0"
    with running(arguments, port) as server:
        one, two = Part(url), Part(url)
        one.state.start()
        two.state.start()
        one.tell(1.0)
        await until(lambda: two.facts)
        server.send_signal(signal.SIGSTOP)
        try:
            for at in range(2, 50):
                one.tell(float(at))
            await until(lambda: one.state.counts["failures"] and two.state.counts["failures"])
            assert not one.state.up
        finally:
            server.send_signal(signal.SIGCONT)
        await until(lambda: len(two.facts) >= 49)
        assert two.times == [float(at) for at in range(1, 50)]
        server.kill()
        server.wait()
        one.tell(50.0)
    with running(arguments, port):  # empty
        await until(lambda: len(two.facts) == 50)
        two.tell(51.0)
        await until(lambda: one.facts)
        assert one.faults.count("shared_state") <= 3
        await one.state.close()
        await two.state.close()


async def test_a_stream_that_begins_anew_is_read_from_its_start(
    valkey_url: str, valkey_base: str
) -> None:
    one, two = Part(valkey_url), Part(valkey_url)
    one.state.start()
    two.state.start()
    one.tell(1.0)
    await until(lambda: two.facts)
    key = space_of(valkey_url) + ":facts"
    with Valkey.from_url(valkey_base) as client:
        entry = client.xrange(key)[-1][1]
        client.delete(key)
        client.xadd(key, entry, id="5-0")  # the server's clock was set back
    await until(lambda: two.state.counts["resets"])
    await until(lambda: two.state.counts["repeated"])
    assert two.times == [1.0]
    await one.state.close()
    await two.state.close()


async def test_nothing_waits_for_a_valkey_that_is_not_there() -> None:
    one = Part(f"valkey://127.0.0.1:{free_port()}/0")
    one.state.start()
    one.tell(*map(float, range(1000)))
    assert not one.state.counts["failures"]
    await until(lambda: one.state.counts["failures"])
    await one.state.close()


async def test_the_oldest_go_where_too_many_wait() -> None:
    counts: Counter[str] = Counter()
    box = Outbox(counts, limit=3)
    for at in range(5):
        box.put(Fact(KEY, float(at)))
    assert [fact.at for fact in box.take()[0]] == [2.0, 3.0, 4.0]
    assert counts["dropped"] == 2


@pytest.mark.parametrize("url", ["http://x", "valkey://", "localhost:6379", "valkey://h/db"])
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="valkey"):
        checked(url)
