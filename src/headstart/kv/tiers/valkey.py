"""Pages in Valkey or Redis (6.2 or later), shared by hosts, with its books beside them.

The books are kept by a script on the server (``valkey.lua``): all hosts see one order, one
limit, one set of leases and pins. Where the server itself evicts keys or loses them, what
is gone is a miss and leaves the books. A lease is no key TTL: a TTL would delete at its end
what may stay until the room is needed.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import asdict
from importlib import resources
from typing import Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from headstart.kv.tiers.books import Books
from headstart.kv.tiers.contract import (
    EVERYTHING,
    RETAIN_SHARE,
    Buffer,
    Counters,
    PageKey,
    PinBudgetExceeded,
    Seen,
    Selection,
    Tier,
    TierEntry,
    TierStats,
    TierUnavailable,
    ignore,
)
from headstart.kv.tiers.memory import scatter
from headstart.kv.tiers.remote import CONNECT_SECONDS, WRITE_SECONDS
from headstart.kv.vault import Vault, VaultError

NAMESPACE = "headstart"


def connect(url: str, seconds: float | None = None) -> Any:
    """``valkey://[USER:PASSWORD@]HOST:PORT/DB``, ``valkeys://`` for TLS, ``redis://`` too. A
    command may take ``seconds`` (``WRITE_SECONDS``). TierUnavailable without the client library."""
    try:
        from valkey import Valkey
        from valkey.backoff import NoBackoff
        from valkey.retry import Retry
    except ImportError:
        raise TierUnavailable(
            "a valkey:// tier needs the extra valkey: headstart[valkey]"
        ) from None
    parts = urlsplit(url)
    scheme = "valkeys" if parts.scheme in ("valkeys", "rediss") else "valkey"
    return Valkey.from_url(
        urlunsplit((scheme, parts.netloc, parts.path, "", "")),
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=seconds or WRITE_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )


def namespace(url: str) -> str:
    """``?namespace=NAME``, in the braces that keep all keys in one cluster slot."""
    options = dict(parse_qsl(urlsplit(url).query))
    return "{" + options.get("namespace", NAMESPACE) + "}"


class ValkeyTier(Tier):
    """Methods raise what the client raises: put a ``Guard`` around it."""

    name = "valkey"
    local = False

    def __init__(
        self,
        client: Any,
        limit: int,
        floor: int | None = None,
        strict: bool = False,
        clock: Callable[[], float] = time.time,
        space: str = "{" + NAMESPACE + "}",
    ) -> None:
        """``limit`` and ``floor`` (of each scope) in bytes. Connects on first use."""
        self.limit = limit
        self.count = Counters()
        self._quota = (limit, -1 if floor is None else floor, int(strict))
        self._client = client
        self._clock = clock
        self._space = space
        script = resources.files(__package__).joinpath("valkey.lua").read_text()
        self._script = client.register_script(script)

    def has(self, keys: Sequence[PageKey]) -> int:
        """How many leading keys are there."""
        with self._client.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.exists(self._data(key))
            found = pipe.execute()
        return next((i for i, there in enumerate(found) if not there), len(keys))

    def get(self, key: PageKey) -> Buffer | None:
        """The whole object."""
        data: bytes | None = self._client.get(self._data(key))
        if data is None:
            self.count.misses += 1
            self._run("strike", key.name)
            return None
        self.count.hits += 1
        return data

    def read(self, key: PageKey, into: Sequence[memoryview], seen: Seen = ignore) -> int | None:
        """Copy the object into buffers."""
        data = self.get(key)
        return None if data is None else scatter(data, into, seen)

    def put(self, key: PageKey, parts: Sequence[Buffer]) -> bool:
        """Send the object if it is not there."""
        if self._client.exists(self._data(key)):
            return True
        data = b"".join(parts)
        model, scope, name, parent, page = key
        done, evicted = self._run(
            "put", name, model, scope, parent, page, *self._quota, self._clock(), data
        )
        self.count.evicted += evicted
        self.count.stored += done == 2
        self.count.dropped += done == 0
        return bool(done)

    def touch(self, keys: Sequence[PageKey], now: float) -> None:
        """Count a use of each key."""
        self._run("touch", now, *(key.name for key in keys))

    def delete(self, key: PageKey, damaged: bool = False) -> None:
        """Remove one object; a damaged one too, for want of a place to set it aside."""
        self.count.damaged += damaged
        self._run("strike", key.name)

    def drop(self, which: Selection) -> int:
        """Remove every object that matches."""
        names = [entry.key.name for entry in self.entries(which)]
        for start in range(0, len(names), 500):
            self._run("strike", *names[start : start + 500])
        return len(names)

    def lease(self, keys: Sequence[PageKey], until: float, now: float) -> int:
        """Keep pages until a time."""
        names = (key.name for key in keys)
        covered, broken = self._run("lease", self.limit, until, now, RETAIN_SHARE, *names)
        self.count.leases_broken += broken
        return int(covered)

    def pin(self, keys: Sequence[PageKey]) -> int:
        """Keep pages until ``unpin``; PinBudgetExceeded."""
        budget = int(self.limit * RETAIN_SHARE)
        pinned, wanted = self._run("pin", budget, *(key.name for key in keys))
        if pinned < 0:
            raise PinBudgetExceeded(wanted, budget)
        return int(pinned)

    def unpin(self, keys: Sequence[PageKey]) -> int:
        """Undo ``pin``."""
        names = [key.name for key in keys]
        return int(self._client.srem(f"{self._space}:pins", *names)) if names else 0

    def entries(self, which: Selection = EVERYTHING) -> Iterator[TierEntry]:
        """Every listed object that matches."""
        rows = self._client.hgetall(f"{self._space}:key")
        hits, used = (self._client.hgetall(f"{self._space}:{hash}") for hash in ("hits", "used"))
        leases = dict(self._client.zrange(f"{self._space}:lease", 0, -1, withscores=True))
        pins = self._client.smembers(f"{self._space}:pins")
        books = Books(self.limit)
        for name, row in rows.items():
            model, scope, parent, page, size = row.decode().split()
            books.add(PageKey(model, scope, name.decode(), parent, int(page)), int(size))
            record = books.pages[name.decode()]
            record.hits = int(hits.get(name, 0))
            record.used = float(used.get(name, 0))
            record.lease = leases.get(name, 0.0)
            record.pinned = name in pins
        return books.entries(which)

    def stats(self) -> TierStats:
        """Gauges of all hosts, counters of this process."""
        held, objects, pinned, leased = self._run("totals", self._clock())
        return TierStats(
            limit_bytes=self.limit,
            stored_bytes=held,
            objects=objects,
            pinned_bytes=pinned,
            leased_bytes=leased,
            **asdict(self.count),
            paused=False,
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _data(self, key: PageKey) -> str:
        return f"{self._space}:d:{key.name}"

    def _run(self, *arguments: Any) -> Any:
        return self._script(keys=[self._space], args=arguments)


class ValkeyVault(Vault):
    """Key records in one hash, and a counter of changes."""

    name = "valkey"
    poll_seconds = 1.0

    def __init__(self, client: Any, space: str = "{" + NAMESPACE + "}") -> None:
        self._client = client
        self._hash = f"{space}:keyring"
        self._epoch = f"{space}:keyring-epoch"

    def version(self) -> Hashable:
        """How many changes there were, and how many records there are."""
        with _vault_errors():
            return self._client.get(self._epoch), self._client.hlen(self._hash)

    def records(self) -> dict[str, bytes]:
        """All records by id."""
        with _vault_errors():
            found = self._client.hgetall(self._hash)
            return {name.decode(): data for name, data in found.items()}

    def create(self, record: str, data: bytes) -> bytes:
        """Write a record unless there is one; returns the one there is."""
        with _vault_errors():
            if self._client.hsetnx(self._hash, record, data):
                self._client.incr(self._epoch)
                return data
            there: bytes = self._client.hget(self._hash, record)
            return there

    def write(self, record: str, data: bytes) -> None:
        """Replace a record."""
        with _vault_errors():
            self._client.hset(self._hash, record, data)
            self._client.incr(self._epoch)


@contextlib.contextmanager
def _vault_errors() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise VaultError(f"valkey: {error}") from error
