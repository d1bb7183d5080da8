"""Leases for pings, on a real Valkey."""

from __future__ import annotations

import asyncio

import pytest
from valkey import Valkey
from valkey.exceptions import ValkeyError

from headstart.server.shared import Leases
from headstart.server.shared.leases import SHARE
from tests.kv.tiers.support import free_port
from tests.waiting import wait_until

pytestmark = pytest.mark.anyio
NAMES = ("acme", "anthropic", "claude")


def leases(url: str, gateway: bytes, secret: bytes = b"common") -> Leases:
    return Leases(url, secret, gateway * 16)


async def test_one_of_many_gets_it(valkey_url: str) -> None:
    many = [leases(valkey_url, b"%d" % number) for number in range(8)]
    got = await asyncio.gather(*(each.take(NAMES, b"p", 100.0) for each in many))
    assert sum(lease is not None for lease in got) == 1
    (winner,) = (n for n, lease in enumerate(got) if lease is not None)
    lease = got[winner]
    assert lease is not None
    assert await many[winner].holds(lease)
    for each in many:
        await each.close()


async def test_its_holder_takes_it_again_with_a_higher_token(valkey_url: str) -> None:
    one = leases(valkey_url, b"1")
    first, second = await one.take(NAMES, b"p", 100.0), await one.take(NAMES, b"p", 100.0)
    assert first is not None
    assert second is not None
    assert second.token > first.token
    assert not await one.holds(first)
    assert await one.holds(second)
    await one.close()


async def test_it_ends_with_its_holder_and_an_old_token_is_worth_nothing(
    valkey_url: str, valkey_base: str
) -> None:
    one, two = leases(valkey_url, b"1"), leases(valkey_url, b"2")
    first = await one.take(NAMES, b"p", 100.0)
    assert first is not None
    assert await two.take(NAMES, b"p", 100.0) is None
    with Valkey.from_url(valkey_base) as valkey:
        assert 0 < valkey.pttl(first.key) <= 100_000 * SHARE
        valkey.pexpire(first.key, 1)
        wait_until(lambda: not valkey.exists(first.key))
    second = await two.take(NAMES, b"p", 100.0)
    assert second is not None
    assert second.token > first.token
    assert not await one.holds(first)
    assert await one.take(NAMES, b"p", 100.0) is None
    await one.close()
    await two.close()


async def test_prefixes_tenants_and_secrets_have_leases_of_their_own(valkey_url: str) -> None:
    parts = [leases(valkey_url, b"1"), leases(valkey_url, b"2"), leases(valkey_url, b"3", b"x")]
    one, two, other = parts
    assert await one.take(NAMES, b"p", 100.0)
    assert await two.take(NAMES, b"q", 100.0)
    assert await two.take(("bob", *NAMES[1:]), b"p", 100.0)
    assert await other.take(NAMES, b"p", 100.0)
    assert not await two.take(NAMES, b"p", 100.0)
    for each in parts:
        await each.close()


async def test_without_valkey_there_is_none() -> None:
    one = leases(f"valkey://127.0.0.1:{free_port()}/0", b"1")
    with pytest.raises((ValkeyError, OSError)):
        await one.take(NAMES, b"p", 100.0)
    await one.close()
