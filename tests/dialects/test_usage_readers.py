"""Usage is found in a stream however its bytes are cut, and no bytes make a reader raise."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.dialects import COMPATIBLE, Gemini, OpenAIChat, OpenAIResponses
from headstart.dialects.hosted import Hosted, Reply
from headstart.usage import Usage
from tests.dialects.test_events import cut

_CHAT = b'{"model":"m","messages":[{"role":"user","content":"Hi"}],"stream":true,'
_CHAT += b'"stream_options":{"include_usage":true}}'
_GEMINI = b'{"contents":[{"parts":[{"text":"Hi"}]}]}'
_BODIES: dict[str, tuple[Hosted, bytes]] = {
    "chat": (OpenAIChat(), _CHAT),
    "kimi": (COMPATIBLE["kimi"], _CHAT),
    "responses": (OpenAIResponses(), b'{"model":"m","input":"Hi","stream":true}'),
    "gemini": (Gemini(), _GEMINI),
}
PIECES = ["Grüße, 世界", '"usage":{"prompt_tokens":9}', "\u2028\n\n", "data: x\n\n"]
REPLY = Reply("".join(PIECES), "stop", Usage(fresh=3, read=5, output=2), "m", "resp_1", 17)


def streamed(name: str) -> tuple[Hosted, bytes]:
    dialect, body = _BODIES[name]
    call = dialect.read(body, model="m", stream=True)
    return dialect, b"".join(dialect.render_stream(REPLY, PIECES, call))


@pytest.mark.parametrize("name", _BODIES)
@settings(deadline=None)
@given(data=st.data())
def test_any_cut(name: str, data: st.DataObject) -> None:
    dialect, whole = streamed(name)
    places = data.draw(st.lists(st.integers(0, len(whole)), max_size=8))
    reader = dialect.usage_reader()
    for chunk in cut(whole, places):
        reader.feed(chunk)
    assert reader.usage == REPLY.usage


@pytest.mark.parametrize("name", _BODIES)
def test_byte_by_byte(name: str) -> None:
    dialect, whole = streamed(name)
    reader = dialect.usage_reader()
    for index in range(len(whole)):
        reader.feed(whole[index : index + 1])
    assert reader.usage == REPLY.usage


@pytest.mark.parametrize("name", _BODIES)
@settings(deadline=None)
@given(data=st.data())
def test_damage_never_raises(name: str, data: st.DataObject) -> None:
    dialect, whole = streamed(name)
    start = data.draw(st.integers(0, len(whole)))
    damaged = whole[:start] + data.draw(st.binary(max_size=20)) + whole[start:]
    reader = dialect.usage_reader()
    reader.feed(damaged)
    found: Any = reader.usage
    assert found is None or isinstance(found, Usage)


@pytest.mark.parametrize("name", _BODIES)
@given(body=st.binary(max_size=60))
def test_a_whole_answer_of_any_bytes(name: str, body: bytes) -> None:
    found: Any = _BODIES[name][0].usage(body)
    assert found is None or isinstance(found, Usage)
