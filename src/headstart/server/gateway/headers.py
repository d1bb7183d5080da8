"""Which headers go on, and which end here (RFC 9110, 7.6.1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from multidict import CIMultiDict

Raw = Iterable[tuple[bytes, bytes]]

_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
_REQUEST = _HOP | {b"host", b"content-length", b"expect"}
_RESPONSE = _HOP | {b"date"}
"""The server that answers the client writes a date of its own."""
KEY = b"x-headstart-key"
OWN = b"x-headstart-"


class Headers(Mapping[str, str]):
    """A request's headers as text, of which few are ever asked for."""

    __slots__ = ("_raw",)

    def __init__(self, raw: Raw) -> None:
        """Names in lower case; the last of a name counts."""
        self._raw = dict(raw)

    def __getitem__(self, name: str) -> str:
        return self._raw[name.encode("latin-1")].decode("latin-1")

    def __iter__(self) -> Iterator[str]:
        return (name.decode("latin-1") for name in self._raw)

    def __len__(self) -> int:
        return len(self._raw)


def request_headers(raw: Raw, dropped: frozenset[bytes] = frozenset()) -> CIMultiDict[str]:
    """The client's headers for the upstream, in their order; ``raw`` names are lower case."""
    found: CIMultiDict[str] = CIMultiDict()
    named = _named(raw)
    for name, value in raw:
        if name in _REQUEST or name in dropped or name in named or name.startswith(OWN):
            continue
        found.add(name.decode("latin-1"), _text(value))
    return found


def response_headers(raw: Raw) -> list[tuple[bytes, bytes]]:
    """The upstream's headers for the client, as ASGI has them."""
    lowered = [(name.lower(), value) for name, value in raw]
    named = _named(lowered)
    return [pair for pair in lowered if pair[0] not in _RESPONSE and pair[0] not in named]


def _named(raw: Raw) -> frozenset[bytes]:
    """Headers that ``Connection`` names as this hop's own."""
    for name, value in raw:
        if name == b"connection" and value.lower() not in (b"keep-alive", b"close"):
            return frozenset(part.strip().lower() for part in value.split(b","))
    return frozenset()


def _text(value: bytes) -> str:
    """A value that the client writes back in the same bytes, being UTF-8."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
