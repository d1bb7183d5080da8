from __future__ import annotations

from headstart.server.gateway.headers import Headers


def test_headers_are_text_by_name_and_the_last_counts() -> None:
    headers = Headers([(b"x-a", b"1"), (b"x-b", b"\xe9"), (b"x-a", b"2")])
    assert dict(headers) == {"x-a": "2", "x-b": "é"}
    assert len(headers) == 2
    assert headers.get("x-c") is None
