"""Pages as objects of an S3-compatible bucket that hosts share.

::

    PREFIX/pages/MODEL/SCOPE/NAME.PAGE.PARENT   one page
    PREFIX/keep/NAME/UNTIL, PREFIX/keep/NAME/pin  a lease's, a pin's last page; empty
    PREFIX/keyring/ID.json                      see ``S3Vault``

S3 knows no recency and no limit: each process keeps books of what it listed, wrote and
read, and evicts by them. They are listed anew every ``LIST_SECONDS``, so that several
writers together may exceed the limit by what they write in between.

``obstore`` rather than ``boto3``, measured against one local server: a HEAD in 2.1 ms rather
than 6.0 (0.4 ms of our own processor rather than 2.2), a page of 5.9 MB in 10 rather than
13 ms; it is imported in 9 rather than 109 ms and keeps the interpreter lock free meanwhile.
"""

from __future__ import annotations

import contextlib
import math
import re
import threading
import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from headstart.kv.tiers.books import Books
from headstart.kv.tiers.contract import (
    EVERYTHING,
    ROOT,
    Buffer,
    PageKey,
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

if TYPE_CHECKING:
    from obstore.store import S3Store

LIST_SECONDS = 600.0
RENEW_SECONDS = 60.0
"""A lease that grows by less is not written down anew."""
_PAGE = re.compile(
    r"pages/([0-9a-f]{32})/([0-9a-f]{32})/([0-9a-f]{40})\.(\d{1,9})\.((?!\3)[0-9a-f]{40})"
)
_KEEP = re.compile(r"keep/([0-9a-f]{40})/(pin|\d+)")


def connect(url: str, seconds: float | None = None) -> S3Store:
    """``s3://BUCKET/PREFIX?endpoint=URL&region=NAME&anonymous=1``; credentials from the
    ``AWS_*`` variables or the instance. A request may take ``seconds`` (``WRITE_SECONDS``).
    TierUnavailable without ``obstore``."""
    try:
        from obstore.store import S3Store
    except ImportError:
        raise TierUnavailable("an s3:// tier needs the extra s3: headstart[s3]") from None
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    config: Any = {"region": options.get("region", "us-east-1")}
    if endpoint := options.get("endpoint"):
        config |= {"endpoint": endpoint, "virtual_hosted_style_request": False}
    if options.get("anonymous") == "1":
        config["skip_signature"] = True
    return S3Store(
        parts.netloc,
        prefix=parts.path.strip("/") or None,
        config=config,
        client_options={
            "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
            "timeout": timedelta(seconds=seconds or WRITE_SECONDS),
            "allow_http": (endpoint or "").startswith("http:"),
        },
        retry_config={"max_retries": 1, "retry_timeout": timedelta(seconds=CONNECT_SECONDS)},
    )


class S3Tier(Tier):
    """Methods raise what ``obstore`` raises: put a ``Guard`` around it."""

    name = "s3"
    local = False

    def __init__(
        self,
        store: S3Store,
        limit: int,
        floor: int | None = None,
        strict: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``limit`` and ``floor`` (of each scope) in bytes. Lists the bucket on a thread of
        its own, now and every ``LIST_SECONDS``."""
        import obstore
        from obstore.exceptions import NotFoundError

        self._api = obstore
        self._absent: tuple[type[Exception], ...] = (NotFoundError, FileNotFoundError)
        self._store = store
        self._books = Books(limit, floor, strict)
        self._count = self._books.count
        self._clock = clock
        self._kept: dict[str, float] = {}
        """Expiry of each marker; infinity for a pin."""
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._lister = threading.Thread(target=self._follow, name="s3-list", daemon=True)
        self._lister.start()

    def has(self, keys: Sequence[PageKey]) -> int:
        """How many leading keys are there. What the books lack is looked for by bisection,
        for others write prefixes in order."""
        with self._lock:
            known = self._books.has(keys)
        low, high = known, len(keys)
        if low == high or not self._exists(keys[low]):
            return low
        low += 1
        while low < high:
            middle = (low + high) // 2
            if self._exists(keys[middle]):
                low = middle + 1
            else:
                high = middle
        return low

    def get(self, key: PageKey) -> Buffer | None:
        """The whole object."""
        try:
            data = memoryview(self._api.get(self._store, _path(key)).bytes())
        except self._absent:
            with self._lock:
                self._books.remove(key.name)
                self._count.misses += 1
            return None
        with self._lock:
            if key.name not in self._books.pages:
                self._books.add(key, len(data), self._clock())
            self._count.hits += 1
        return data

    def read(self, key: PageKey, into: Sequence[memoryview], seen: Seen = ignore) -> int | None:
        """Copy the object into buffers."""
        data = self.get(key)
        return None if data is None else scatter(data, into, seen)

    def put(self, key: PageKey, parts: Sequence[Buffer]) -> bool:
        """Upload."""
        size = sum(len(part) for part in parts)
        with self._lock:
            if key.name in self._books.pages:
                return True
            gone = self._books.make_room(key, size, self._clock())
            if gone is None:
                self._count.dropped += 1
                return False
        self._remove(gone)
        if not self._exists(key):
            self._api.put(self._store, _path(key), b"".join(parts), use_multipart=False)
            self._count.stored += 1
        with self._lock:
            if key.name not in self._books.pages:
                self._books.add(key, size, self._clock())
        return True

    def touch(self, keys: Sequence[PageKey], now: float) -> None:
        """Count a use of each key."""
        with self._lock:
            self._books.touch(keys, now)

    def delete(self, key: PageKey, damaged: bool = False) -> None:
        """Remove one object; a damaged one too, for want of a place to set it aside."""
        self._count.damaged += damaged
        with self._lock:
            self._books.remove(key.name)
        self._remove([key])

    def drop(self, which: Selection) -> int:
        """Remove every object that matches, those that others wrote too."""
        self.refresh()
        with self._lock:
            found = [record.key for record in self._books.select(which)]
            for key in found:
                self._books.remove(key.name)
        self._remove(found)
        return len(found)

    def lease(self, keys: Sequence[PageKey], until: float, now: float) -> int:
        """Keep pages until a time."""
        with self._lock:
            covered = self._books.lease(keys, until, now)
        if covered and until > self._kept.get(keys[covered - 1].name, 0.0) + RENEW_SECONDS:
            self._keep(keys[covered - 1].name, math.ceil(until))
        return covered

    def pin(self, keys: Sequence[PageKey]) -> int:
        """Keep pages until ``unpin``; PinBudgetExceeded."""
        with self._lock:
            pinned = self._books.pin(keys)
        if pinned:
            self._keep(keys[pinned - 1].name, math.inf)
        return pinned

    def unpin(self, keys: Sequence[PageKey]) -> int:
        """Undo ``pin``."""
        with self._lock:
            unpinned = self._books.unpin(keys)
        marks = [key.name for key in keys if self._kept.get(key.name) == math.inf]
        self._unkeep([(name, math.inf) for name in marks])
        return unpinned

    def entries(self, which: Selection = EVERYTHING) -> Iterator[TierEntry]:
        """Every object in the books that matches."""
        with self._lock:
            return iter(list(self._books.entries(which)))

    def stats(self) -> TierStats:
        """Gauges and counters."""
        with self._lock:
            return self._books.stats(self._clock())

    def refresh(self) -> None:
        """List the bucket and correct the books."""
        with self._lock:
            before = set(self._books.pages)
        listed = {}
        for path, size, changed in self._list("pages/"):
            if match := _PAGE.fullmatch(path):
                model, scope, name, page, parent = match.groups()
                key = PageKey(model, scope, name, parent, int(page))
                listed[name] = (changed, -key.page, key, size)
        with self._lock:
            for name in before - listed.keys():
                self._books.remove(name)
            for changed, _, key, size in sorted(listed.values()):
                if key.name not in self._books.pages:
                    self._books.add(key, size, changed)
        self._refresh_kept()

    def close(self) -> None:
        """Stop listing."""
        self._closed.set()
        self._lister.join(WRITE_SECONDS)

    def _follow(self) -> None:
        while True:
            try:
                self.refresh()
            except Exception:
                self._count.errors += 1
            if self._closed.wait(LIST_SECONDS):
                return

    def _list(self, prefix: str) -> Iterator[tuple[str, int, float]]:
        for chunk in self._api.list(self._store, prefix):
            for meta in chunk:
                yield meta["path"], meta["size"], meta["last_modified"].timestamp()

    def _exists(self, key: PageKey) -> bool:
        try:
            self._api.head(self._store, _path(key))
        except self._absent:
            return False
        return True

    def _remove(self, keys: Sequence[PageKey]) -> None:
        if keys:
            with contextlib.suppress(*self._absent):
                self._api.delete(self._store, [_path(key) for key in keys])

    def _keep(self, name: str, until: float) -> None:
        old = self._kept.get(name)
        self._kept[name] = max(until, old or 0.0)
        self._api.put(self._store, _marker(name, until), b"")
        if old is not None and old != until and old != math.inf:
            self._unkeep([(name, old)])

    def _unkeep(self, marks: Iterable[tuple[str, float]]) -> None:
        for name, until in marks:
            if self._kept.get(name) == until:
                del self._kept[name]
            with contextlib.suppress(*self._absent):
                self._api.delete(self._store, _marker(name, until))

    def _refresh_kept(self) -> None:
        now = self._clock()
        expired = []
        for path, _, _ in self._list("keep/"):
            if not (match := _KEEP.fullmatch(path)):
                continue
            name, text = match.groups()
            until = math.inf if text == "pin" else float(text)
            if until <= now:
                expired.append((name, until))
                continue
            with self._lock:
                self._kept[name] = max(until, self._kept.get(name, 0.0))
                self._retain(name, until)
        self._unkeep(expired)

    def _retain(self, name: str, until: float) -> None:
        """Apply a marker to its page and all before it."""
        seen = {ROOT}
        while name not in seen and (record := self._books.pages.get(name)):
            seen.add(name)
            if until == math.inf and not record.pinned:
                record.pinned = True
                self._books.pinned_bytes += record.size
            elif until != math.inf:
                record.lease = max(record.lease, until)
            name = record.key.parent


class S3Vault(Vault):
    """Key records beside the pages. A bucket with versioning keeps old ones: see the
    operations manual on forgetting."""

    name = "s3"
    poll_seconds = 10.0

    def __init__(self, store: S3Store) -> None:
        import obstore
        from obstore.exceptions import AlreadyExistsError

        self._api = obstore
        self._exists = AlreadyExistsError
        self._store = store

    def version(self) -> Hashable:
        """Path and entity tag of every record."""
        with _vault_errors():
            return frozenset((meta["path"], meta["e_tag"]) for meta in self._list())

    def records(self) -> dict[str, bytes]:
        """All records by id."""
        with _vault_errors():
            return {
                meta["path"].removeprefix("keyring/").removesuffix(".json"): bytes(
                    self._api.get(self._store, meta["path"]).bytes()
                )
                for meta in self._list()
            }

    def create(self, record: str, data: bytes) -> bytes:
        """Write a record unless there is one; returns the one there is."""
        path = f"keyring/{record}.json"
        with _vault_errors():
            try:
                self._api.put(self._store, path, data, mode="create")
            except self._exists:
                return bytes(self._api.get(self._store, path).bytes())
        return data

    def write(self, record: str, data: bytes) -> None:
        """Replace a record."""
        with _vault_errors():
            self._api.put(self._store, f"keyring/{record}.json", data)

    def _list(self) -> Iterator[Any]:
        for chunk in self._api.list(self._store, "keyring/"):
            yield from chunk


@contextlib.contextmanager
def _vault_errors() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise VaultError(f"s3: {error}") from error


def _path(key: PageKey) -> str:
    return f"pages/{key.model}/{key.scope}/{key.name}.{key.page}.{key.parent}"


def _marker(name: str, until: float) -> str:
    return f"keep/{name}/{'pin' if until == math.inf else int(until)}"
