from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.server.gateway.headers import Headers, request_headers, response_headers

HOP = (b"connection", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade")
names = st.sampled_from([b"accept", b"x-a", b"content-type", b"set-cookie"])
values = st.binary(max_size=12)


@settings(deadline=None)
@given(st.lists(st.tuples(names, values)))
def test_all_others_go_on_in_their_order(raw: list[tuple[bytes, bytes]]) -> None:
    found = request_headers(raw)
    assert [name.encode() for name, _ in found.items()] == [name for name, _ in raw]
    for (_, value), sent in zip(raw, found.values(), strict=True):
        assert value in (sent.encode(errors="surrogateescape"), sent.encode("latin-1", "replace"))
    assert response_headers(raw) == raw


def test_what_is_this_hops_own_ends_here() -> None:
    raw = [(name, b"x") for name in HOP]
    assert not request_headers(raw)
    assert response_headers([(name.title(), b"x") for name in HOP]) == []


def test_what_connection_names_ends_here_too() -> None:
    raw = [(b"connection", b"close, X-Private"), (b"x-private", b"1"), (b"x-public", b"2")]
    assert dict(request_headers(raw)) == {"x-public": "2"}
    assert response_headers(raw) == [(b"x-public", b"2")]


def test_lengths_and_hosts_are_the_next_hops_own() -> None:
    raw = [(b"host", b"x"), (b"content-length", b"5"), (b"expect", b"100-continue")]
    assert not request_headers(raw)
    assert response_headers([(b"Date", b"x"), (b"Content-Length", b"5")]) == [
        (b"content-length", b"5")
    ]


def test_our_own_and_those_to_be_dropped_do_not_go_on() -> None:
    raw = [(b"x-headstart-key", b"gw"), (b"x-headstart-x", b"1"), (b"x-api-key", b"sk")]
    assert dict(request_headers(raw)) == {"x-api-key": "sk"}
    assert not request_headers(raw, frozenset({b"x-api-key"}))


def test_a_mapping_of_them() -> None:
    found = Headers([(b"a", b"1"), (b"b", b"\xff"), (b"a", b"2")])
    assert dict(found) == {"a": "2", "b": "\xff"}
    assert len(found) == 2
    assert found.get("c") is None
