"""What the upstream gets is what the client sent, and the client gets what it answered."""

from __future__ import annotations

import gzip
import json
import re
import threading
import zlib

import brotli
import httpx
import pytest
import zstandard

from headstart.dialects import AnthropicHosted
from tests.server.gateway.conftest import Start, upstreams
from tests.server.gateway.raw import RawUpstream, response, sending, stream

TEXT = "The mill of Kalmar grinds rye. " * 400
USAGE = {"input_tokens": 5, "output_tokens": 2, "cache_read_input_tokens": 1000}
ANSWER = json.dumps({"type": "message", "usage": USAGE, "x": "ä" * 500}).encode()
MODEL = "claude-sonnet-4-6"
DIRECTIVE = re.compile(rb',"cache_control":\{[^}]*\}')
"""As the gateway writes it: no client's JSON library does."""


def body(text: str = TEXT, **more: object) -> bytes:
    """A request whose bytes no JSON library would write so, with fields nobody knows."""
    asked = {
        "model": MODEL,
        "max_tokens": 16,
        "system": [{"type": "text", "text": text}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "é\n"}]}],
        "from_the_future": {"a": [1.50, None]},
        **more,
    }
    return json.dumps(asked, indent=1).replace("1.5,", "1.50 ,").encode()


def post(url: str, content: bytes, **headers: str) -> httpx.Response:
    given = {"x-api-key": "sk-ant-1", "anthropic-version": "2023-06-01", **headers}
    return httpx.post(f"{url}/v1/messages", content=content, headers=given)


def test_observing_changes_no_byte(start: Start, raw: RawUpstream) -> None:
    running = start(upstreams(raw.url, mode="observe"))
    raw.answer = sending(response(ANSWER, "200 OK", b"x-odd:  v \xc3\xa4", b"set-cookie: a=1"))
    sent = body()
    got = post(running.url, sent, **{"X-Odd": "1", "accept-encoding": "gzip, x-odd"})
    assert raw.bodies == [sent]
    assert got.content == ANSWER
    assert got.headers["set-cookie"] == "a=1"
    head = raw.heads[0].lower()
    assert b"\r\nx-odd: 1\r\n" in head + b"\r\n"
    assert b"accept-encoding: gzip, x-odd" in head
    assert f"host: {raw.url[7:]}".encode() in head
    assert b"headstart" not in head
    record = running.records(1)[0]
    assert record.usage.read == 1000
    assert record.plan


def test_planning_adds_what_can_be_cut_out_again(start: Start, raw: RawUpstream) -> None:
    running = start(upstreams(raw.url))
    raw.answer = sending(response(ANSWER))
    sent = body()
    assert post(running.url, sent).headers["x-headstart-plan"].startswith("short;")
    arrived = raw.bodies[0]
    assert b"cache_control" in arrived
    assert DIRECTIVE.sub(b"", arrived) == sent


def test_a_clients_own_directives_stay_unless_owned(start: Start, raw: RawUpstream) -> None:
    mine = [{"type": "text", "text": TEXT, "cache_control": {"type": "ephemeral", "ttl": "1h"}}]
    sent = body(system=mine)
    planned = start(upstreams(raw.url))
    assert post(planned.url, sent).headers["x-headstart-plan"] == "client"
    assert raw.bodies == [sent]
    owned = start(upstreams(raw.url, mode="own"))
    post(owned.url, sent)
    assert b'"1h"' not in raw.bodies[1]
    assert DIRECTIVE.sub(b"", raw.bodies[1]) == AnthropicHosted().strip(sent)


def test_off_does_nothing(start: Start, raw: RawUpstream) -> None:
    running = start(upstreams(raw.url, mode="off"))
    sent = body()
    assert "x-headstart-plan" not in post(running.url, sent).headers
    assert raw.bodies == [sent]
    assert running.kept == []


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"{",
        b"[" * 50_000,
        b'{"model":' * 50_000,
        b'{"model":"m","model":"n","max_tokens":1,"messages":[{"role":"user","content":"x"}]}',
        b'{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"\\ud800"}]}',
        b"\xff\xfe\x00",
        b'{"model":"m","max_tokens":' + b"9" * 5000 + b',"messages":[]}',
    ],
    ids=["empty", "cut", "deep", "deep objects", "twice", "surrogate", "binary", "number"],
)
def test_bodies_that_cannot_be_read_go_on_as_they_are(
    start: Start, raw: RawUpstream, sent: bytes
) -> None:
    running = start(upstreams(raw.url))
    raw.answer = sending(response(b'{"type":"error"}', "400 Bad Request"))
    assert post(running.url, sent).status_code == 400
    assert raw.bodies == [sent]


def test_paths_and_queries_nobody_knows(start: Start, raw: RawUpstream) -> None:
    running = start(upstreams(raw.url))
    headers = {"anthropic-version": "2023-06-01"}
    httpx.get(f"{running.url}/v1/files/a%2Fb?x=%20y&z", headers=headers)
    httpx.put(f"{running.url}/deepseek/beta/odd", content=b"\x00\x01")
    assert raw.heads[0].startswith(b"GET /v1/files/a%2Fb?x=%20y&z HTTP/1.1")
    assert raw.heads[1].startswith(b"PUT /beta/odd HTTP/1.1")
    assert raw.bodies[1] == b"\x00\x01"


ENCODINGS = {
    "identity": lambda data: data,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.compress,
}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_what_comes_compressed_goes_on_compressed(
    start: Start, raw: RawUpstream, encoding: str
) -> None:
    running = start(upstreams(raw.url))
    packed = ENCODINGS[encoding](ANSWER)
    raw.answer = sending(response(packed, "200 OK", b"content-encoding: " + encoding.encode()))
    with httpx.stream(
        "POST", f"{running.url}/v1/messages", content=body(), headers={"x-api-key": "k"}
    ) as got:
        assert b"".join(got.iter_raw()) == packed
        assert got.headers["content-encoding"] == encoding
    assert running.records(1)[0].usage.read == 1000


def test_an_encoding_nobody_knows_leaves_the_row_estimated(start: Start, raw: RawUpstream) -> None:
    running = start(upstreams(raw.url))
    raw.answer = sending(response(b"\x01\x02", "200 OK", b"content-encoding: x-odd"))
    assert post(running.url, body()).content == b"\x01\x02"
    record = running.records(1)[0]
    assert record.estimated
    assert record.usage == record.predicted


def test_events_arrive_as_they_come(start: Start, raw: RawUpstream) -> None:
    running = start(upstreams(raw.url))
    first = b'event: message_start\ndata: {"type":"message_start","message":{"usage":{}}}\n\n'
    usage = json.dumps({"type": "message_delta", "usage": USAGE}).encode()
    last = b"event: message_delta\ndata: " + usage + b"\n\n"
    whole = stream(first, last)
    at = whole.index(b"\r\n", whole.index(first)) + 2
    go = threading.Event()

    def answer(connection: object) -> None:
        connection.sendall(whole[:at])  # type: ignore[attr-defined]
        assert go.wait(10)
        connection.sendall(whole[at:])  # type: ignore[attr-defined]

    raw.answer = answer
    with httpx.stream(
        "POST", f"{running.url}/v1/messages", content=body(stream=True), headers={"x-api-key": "k"}
    ) as got:
        pieces = got.iter_raw()
        assert next(pieces) == first
        go.set()
        assert b"".join(pieces) == last
    assert running.records(1)[0].usage.output == 2


def test_large_bodies(start: Start, raw: RawUpstream) -> None:
    running = start(upstreams(raw.url))
    sent = body("x" * 50_000_000)
    assert post(running.url, sent).status_code == 200
    assert raw.bodies == [sent]
    assert running.kept == []


def test_a_large_answer(start: Start, raw: RawUpstream) -> None:
    running = start(upstreams(raw.url))
    answer = b"y" * 50_000_000
    raw.answer = sending(response(answer))
    assert post(running.url, body()).content == answer
