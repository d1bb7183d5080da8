"""A client that leaves when a test says so, and not when its own patience ends."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def leaving(url: str, path: str, body: bytes, **headers: str) -> Iterator[socket.socket]:
    """Its connection, over which it has asked; it leaves at the end. Underscores in the names
    of headers are written as hyphens."""
    host, _, port = url.removeprefix("http://").rstrip("/").partition(":")
    lines = [f"POST {path} HTTP/1.1", f"host: {host}", f"content-length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    with socket.create_connection((host, int(port))) as client:
        client.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        yield client
