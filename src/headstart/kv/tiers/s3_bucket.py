"""A bucket of an S3-compatible store: how to reach it, and what its objects are called.

``obstore`` rather than ``boto3``, measured against one local server: a HEAD in 2.1 ms rather
than 6.0 (0.4 ms of our own processor rather than 2.2), a page of 5.9 MB in 10 rather than
13 ms; it is imported in 9 rather than 109 ms and keeps the interpreter lock free meanwhile.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from headstart.kv.tiers.contract import Buffer, PageKey, TierUnavailable
from headstart.kv.tiers.remote import CONNECT_SECONDS, WRITE_SECONDS

if TYPE_CHECKING:
    from obstore.store import S3Store

_PAGE = re.compile(
    r"pages/([0-9a-f]{32})/([0-9a-f]{32})/([0-9a-f]{40})\.(\d{1,9})\.((?!\3)[0-9a-f]{40})"
)


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


class Listed(NamedTuple):
    """An object as a listing has it. ``changed`` in Unix seconds."""

    path: str
    size: int
    changed: float


class Bucket:
    """Objects by path. Methods raise what ``obstore`` raises."""

    def __init__(self, store: S3Store) -> None:
        import obstore
        from obstore.exceptions import NotFoundError

        self._api = obstore
        self._absent: tuple[type[Exception], ...] = (NotFoundError, FileNotFoundError)
        self._store = store

    def has(self, path: str) -> bool:
        """Whether there is such an object."""
        try:
            self._api.head(self._store, path)
        except self._absent:
            return False
        return True

    def get(self, path: str) -> memoryview | None:
        """The whole object; None if it is absent."""
        try:
            return memoryview(self._api.get(self._store, path).bytes())
        except self._absent:
            return None

    def put(self, path: str, parts: Sequence[Buffer] = ()) -> None:
        """Write an object, in one request."""
        self._api.put(self._store, path, b"".join(parts), use_multipart=False)

    def remove(self, paths: Sequence[str]) -> None:
        """Remove objects; one that is absent is no error."""
        if paths:
            with contextlib.suppress(*self._absent):
                self._api.delete(self._store, paths)

    def list(self, prefix: str) -> Iterator[Listed]:
        """Every object below a path."""
        for chunk in self._api.list(self._store, prefix):
            for meta in chunk:
                yield Listed(meta["path"], meta["size"], meta["last_modified"].timestamp())


def path_of(key: PageKey) -> str:
    """``pages/MODEL/SCOPE/NAME.PAGE.PARENT``."""
    return f"pages/{key.model}/{key.scope}/{key.name}.{key.page}.{key.parent}"


def key_of(path: str) -> PageKey | None:
    """The page that a path names; None for any other object."""
    match = _PAGE.fullmatch(path)
    if not match:
        return None
    model, scope, name, page, parent = match.groups()
    return PageKey(model, scope, name, parent, int(page))
