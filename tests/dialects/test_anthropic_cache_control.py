from __future__ import annotations

from typing import Any

import msgspec
import pytest

from headstart.dialects import AnthropicDialect, DialectError, Request

FIVE: dict[str, Any] = {"cache_control": {"type": "ephemeral"}}
HOUR: dict[str, Any] = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}


def _text(text: str, **extra: Any) -> dict[str, Any]:
    return {"type": "text", "text": text, **extra}


def _tool(**extra: Any) -> dict[str, Any]:
    return {"name": "look", "input_schema": {"type": "object"}, **extra}


def _user(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def _parse(*messages: dict[str, Any], **fields: Any) -> Request:
    body = {"model": "m", "max_tokens": 1, "messages": list(messages), **fields}
    return AnthropicDialect().parse(msgspec.json.encode(body))


def _refusal(*messages: dict[str, Any], **fields: Any) -> str:
    with pytest.raises(DialectError) as caught:
        _parse(*messages, **fields)
    assert caught.value.status == 400
    return caught.value.message


def test_marks_stand_in_prompt_order_on_the_chat_they_cover() -> None:
    request = _parse(
        _user(_text("a"), _text("b", **FIVE)),
        {"role": "assistant", "content": "c"},
        _user(_text("d", **FIVE)),
        tools=[_tool(), _tool(**HOUR)],
        system=[_text("s", **HOUR), _text("t")],
    )
    assert request.marks == ((-1, 1, 3600.0), (0, 0, 3600.0), (1, 1, 300.0), (3, 0, 300.0))
    assert [segment.ttl for segment in request.prompt.segments] == [
        None, 3600.0, 3600.0, None, None, 300.0, None, 300.0,
    ]  # fmt: skip


def test_marks_on_tool_calls_and_results() -> None:
    call = {"type": "tool_use", "id": "t", "name": "look", "input": {}, **FIVE}
    pieces = [_text("r", **FIVE), _text("s")]
    result = {"type": "tool_result", "tool_use_id": "t", "content": pieces, **FIVE}
    request = _parse(
        _user(_text("a")), {"role": "assistant", "content": [_text("b"), call]}, _user(result)
    )
    assert request.marks == ((1, 1, 300.0), (2, 0, 300.0), (2, 1, 300.0))
    bare = {key: value for key, value in result.items() if key != "content"}
    assert _parse(_user(bare)).marks == ((0, 0, 300.0),)


def test_an_automatic_marker_stands_on_the_last_block() -> None:
    request = _parse(_user(_text("a", **HOUR)), _user(_text("b"), _text("c")), **FIVE)
    assert request.marks == ((0, 0, 3600.0), (1, 1, 300.0))
    assert request.prompt.segments[-1].ttl == 300.0
    assert _parse({"role": "user", "content": "short"}, **HOUR).marks == ((0, 0, 3600.0),)


def test_an_automatic_marker_walks_back_to_an_eligible_block() -> None:
    thinking = {"type": "thinking", "thinking": "x", "signature": "y"}
    turn = {"role": "assistant", "content": [_text("b"), thinking]}
    request = _parse(_user(_text("a")), turn, max_tokens=0, **FIVE)
    assert request.marks == ((1, 0, 300.0),)
    only_thinking = {"role": "assistant", "content": [thinking]}
    assert _parse(only_thinking, max_tokens=0, **FIVE).marks == ()


def test_an_automatic_marker_on_a_marked_block() -> None:
    assert _parse(_user(_text("a", **FIVE)), **FIVE).marks == ((0, 0, 300.0),)
    assert "cache_control: the last block, messages.0.content.0" in _refusal(
        _user(_text("a", **HOUR)), **FIVE
    )


def test_four_markers_and_no_more() -> None:
    four = [_text(letter, **FIVE) for letter in "abcd"]
    most = "A maximum of 4 blocks with cache_control may be provided. Found 5."
    assert len(_parse(_user(*four), _user(_text("e"))).marks) == 4
    assert len(_parse(_user(*four), **FIVE).marks) == 4
    assert _refusal(_user(*four), tools=[_tool(**FIVE)]) == most
    assert _refusal(_user(*four), _user(_text("e")), **FIVE) == most


def test_the_longer_lifetime_comes_first() -> None:
    order = (
        "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. "
        "Note that blocks are processed in the following order: `tools`, `system`, `messages`."
    )
    assert _refusal(
        _user(_text("a")), _user(_text("b"), _text("c", **HOUR)), tools=[_tool(**FIVE)]
    ) == (f"messages.1.content.1.cache_control.ttl: {order}")
    assert order in _refusal(_user(_text("a", **FIVE)), _user(_text("b")), **HOUR)


@pytest.mark.parametrize(
    ("directive", "message"),
    [
        ({"type": "ephemeral", "ttl": "2h"}, ".ephemeral.ttl: Input should be '5m' or '1h'"),
        ({"type": "ephemeral", "ttl": 300}, ".ephemeral.ttl: Input should be '5m' or '1h'"),
        ({"type": "ephemeral", "ttl": ["5m"]}, ".ephemeral.ttl: Input should be '5m' or '1h'"),
        ({"type": "ephemeral", "scope": "org"}, ".ephemeral.scope: Extra inputs are not permitted"),
        ({"ttl": "5m"}, ": Unable to extract tag using discriminator 'type'"),
        (
            {"type": "eternal"},
            ": Input tag 'eternal' found using 'type' does not match any of the expected tags: "
            "'ephemeral'",
        ),
    ],
)
def test_bad_directives_are_located(directive: dict[str, Any], message: str) -> None:
    bad = {"cache_control": directive}
    plain = _user(_text("a"))
    assert _refusal(plain, system=[_text("s", **bad)]) == f"system.0.cache_control{message}"
    assert _refusal(_user(_text("a", **bad))) == f"messages.0.content.0.text.cache_control{message}"
    assert _refusal(plain, tools=[_tool(**bad)]) == f"tools.0.custom.cache_control{message}"
    assert _refusal(plain, **bad) == f"cache_control{message}"


def test_a_directive_that_is_no_object_is_located() -> None:
    message = _refusal(_user(_text("a", cache_control="ephemeral")))
    assert message == "messages.0.content.0.cache_control: Input should be a valid dictionary"


def test_null_is_no_directive() -> None:
    request = _parse(_user(_text("a", cache_control=None)), cache_control=None)
    assert request.marks == ()
    five = {"cache_control": {"type": "ephemeral", "ttl": None}}
    assert _parse(_user(_text("a", **five))).marks == ((0, 0, 300.0),)


def test_thinking_and_empty_text_carry_no_marker() -> None:
    thinking = {"type": "thinking", "thinking": "x", **FIVE}
    turn = {"role": "assistant", "content": [thinking]}
    assert _refusal(turn) == (
        "messages.0.content.0.thinking.cache_control: Extra inputs are not permitted"
    )
    empty = "cache_control cannot be set for empty text blocks"
    assert empty in _refusal({"role": "assistant", "content": [_text("", **FIVE)]})
    assert empty in _refusal(_user(_text("a")), system=[_text("", **FIVE)])
