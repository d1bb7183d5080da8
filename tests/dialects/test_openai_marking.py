"""Directives go in and come out without a trace, in whatever JSON a client writes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from headstart.dialects import COMPATIBLE, DialectError, OpenAIChat, OpenAIResponses
from headstart.dialects.hosted import Placement, Unmarkable
from headstart.dialects.openai.family import OpenAIFamily
from tests.dialects import raw_json

CHAT, RESPONSES = OpenAIChat(), OpenAIResponses()
QWEN = COMPATIBLE["qwen"]
_MARK = '"prompt_cache_breakpoint":{"mode":"explicit"}'


def marked(dialect: OpenAIFamily, body: str, *placements: tuple[int, float | None]) -> str:
    result = dialect.mark(body.encode(), [Placement(*placement) for placement in placements])
    assert result.original() == body.encode()
    return result.body.decode()


def test_into_a_part() -> None:
    body = '{"model":"m","messages":[{"role":"user","content":[ {"type":"text","text":"a" } ]}]}'
    assert marked(CHAT, body, (0, None)) == body.replace('"a" ', f'"a" ,{_MARK}')
    longer = _MARK.replace("}", ',"ttl":"12h"}')
    assert marked(CHAT, body, (0, 43200.0)) == body.replace('"a" ', f'"a" ,{longer}')


def test_a_string_is_wrapped_byte_for_byte() -> None:
    literal = r'"A\u00e9\/\ud83d\ude00é"'
    body = f'{{"model":"m","messages":[{{"content" : {literal} ,"role":"user"}}]}}'
    wrapped = f'[{{"type":"text","text":{literal},{_MARK}}}]'
    assert marked(CHAT, body, (0, None)) == body.replace(literal, wrapped)


def test_every_kind_of_input() -> None:
    part = f'[{{"type":"input_text","text":"Hi",{_MARK}}}]'
    assert marked(RESPONSES, '{"model":"m","input":"Hi"}', (0, None)) == (
        f'{{"model":"m","input":[{{"type":"message","role":"user","content":{part}}}]}}'
    )
    item = '{"model":"m","input":[{"role":"user","content":"Hi"}]}'
    assert marked(RESPONSES, item, (0, None)) == item.replace('"Hi"', part)


def test_an_own_directive_for_each_provider() -> None:
    body = '{"model":"m","messages":[{"role":"user","content":"Hi"}]}'
    assert '"cache_control":{"type":"ephemeral","ttl":"5m"}' in marked(QWEN, body, (0, 300.0))
    assert '"cache_control":{"type":"ephemeral"}' in marked(
        COMPATIBLE["openrouter"], body, (0, None)
    )
    with pytest.raises(Unmarkable, match="no ttl of 43200"):
        COMPATIBLE["azure"].mark(body.encode(), [Placement(0, 43200.0)])
    with pytest.raises(Unmarkable, match="no cache directive"):
        COMPATIBLE["groq"].mark(body.encode(), [Placement(0, None)])
    assert COMPATIBLE["groq"].mark(body.encode(), []).body == body.encode()


@pytest.mark.parametrize(
    ("message", "segment"),
    [
        (f'{{"role":"user","content":[{{"type":"text","text":"a",{_MARK}}}]}}', 1),
        ('{"role":"user","content":"a"}', 0),
        ('{"role":"user","content":"a"}', 2),
        ('{"role":"user","content":""}', 1),
        ('{"role":"assistant","content":[{"type":"refusal","refusal":"a"}]}', 1),
    ],
)
def test_where_none_may_stand(message: str, segment: int) -> None:
    tool = '{"type":"custom","custom":{}}'
    body = f'{{"model":"m","tools":[{tool}],"messages":[{message}]}}'
    with pytest.raises(Unmarkable):
        CHAT.mark(body.encode(), [Placement(segment, None)])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"model":"m","messages":[]}',
        b'{"model":"m","messages":[{"role":"user","content":"a"}],"messages":[]}',
        b'{"model":"m","messages":[{"role":"user","content":"\\ud800"}]}',
        b'{"model":"m","messages":[{"role":"user","content":"\xff"}]}',
        b'\xef\xbb\xbf{"model":"m","messages":[{"role":"user","content":"a"}]}',
        b'{"model":"m","messages":[{"role":"user","content":"a"}]} {}',
    ],
)
def test_what_leaves_a_doubt(body: bytes) -> None:
    with pytest.raises(Unmarkable):
        CHAT.mark(body, [Placement(0, None)])


def test_two_for_one() -> None:
    body = b'{"model":"m","messages":[{"role":"user","content":"a"}]}'
    with pytest.raises(Unmarkable, match="two directives"):
        CHAT.mark(body, [Placement(0, None), Placement(0, 1800.0)])


def test_strip_takes_the_clients_own_directives_and_nothing_else() -> None:
    kept = '{"model":"m" , "messages":[{"role":"user","content":[{"type":"text", "text":"a"}]}]}'
    body = kept.replace(', "text":"a"', f', "text":"a" , {_MARK}')
    assert CHAT.strip(body.encode()).decode() == kept
    assert CHAT.strip(kept.encode()).decode() == kept
    top = f'{{"cache_control":{{"type":"ephemeral"}},{kept[1:]}'
    assert COMPATIBLE["openrouter"].strip(top.encode()).decode() == kept
    assert CHAT.strip(top.encode()).decode() == top
    escaped = body.replace("prompt_cache", r"\u0070rompt_cache")
    assert CHAT.strip(escaped.encode()).decode() == kept
    output = '{"model":"m","input":[{"type":"function_call_output","output":[{"type":"x",%s}]}]}'
    assert _MARK not in RESPONSES.strip((output % _MARK).encode()).decode()


def _body(list_name: str, text_type: str) -> st.SearchStrategy[str]:
    """Requests of every shape, mostly valid, written in any way."""
    part = raw_json.fields(
        {"type": st.just(f'"{text_type}"'), "text": raw_json.string()}
    ) | raw_json.fields({"type": st.just('"input_image"'), "image_url": raw_json.anything})
    content = raw_json.string() | raw_json.array(part, least=1)
    role = st.sampled_from(['"user"', '"developer"', '"assistant"'])
    message = raw_json.fields({"role": role, "content": content})
    tools = raw_json.array(st.just('{"type":"x"}'))
    messages = raw_json.array(message, least=1)
    return raw_json.fields({"model": st.just('"m"'), "tools": tools, list_name: messages})


_BODIES: Mapping[str, tuple[OpenAIFamily, st.SearchStrategy[str]]] = {
    "chat": (CHAT, _body("messages", "text")),
    "responses": (RESPONSES, _body("input", "input_text")),
    "qwen": (QWEN, _body("messages", "text")),
}


@pytest.mark.parametrize("name", _BODIES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_what_goes_in_comes_out(name: str, data: st.DataObject) -> None:
    dialect, bodies = _BODIES[name]
    body = data.draw(bodies).encode()
    try:
        prompt = dialect.read(body).prompt
    except DialectError:
        assume(False)
        raise AssertionError from None
    able = [index for index, segment in enumerate(prompt.segments) if segment.markable]
    assume(able)
    chosen = data.draw(st.lists(st.sampled_from(able), unique=True, max_size=4))
    result = dialect.mark(body, [Placement(index, None) for index in chosen])
    assert result.original() == body
    after = dialect.read(result.body).prompt
    assert [s.canonical for s in after.segments] == [s.canonical for s in prompt.segments]
    assert {i for i, s in enumerate(after.segments) if s.ttl is not None} == set(chosen)
    assert _plain(dialect.strip(result.body)) == _plain(body)


def _plain(body: bytes) -> Any:
    """The request with every string in its one-part form."""
    value = json.loads(body)
    for name in ("messages", "input"):
        for message in value.get(name, []):
            if isinstance(message["content"], str):
                kind = "text" if name == "messages" else "input_text"
                message["content"] = [{"type": kind, "text": message["content"]}]
    return value
