from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.dialects import BedrockInvoke, DialectError
from headstart.dialects.bedrock import invoke_headers
from headstart.dialects.hosted import Placement, Reply
from headstart.usage import Usage

HOSTED = BedrockInvoke()
CLAUDE = "us.anthropic.claude-opus-5-v1:0"
NOVA = "amazon.nova-pro-v1:0"
REPLY = Reply("Hello", "stop", Usage(1, 2, 3, 4, 0, 5), CLAUDE, "msg_bdrk_1", 0)
FIVE = {"cache_control": {"type": "ephemeral"}}
POINT = {"cachePoint": {"type": "default"}}


def _claude(**fields: Any) -> bytes:
    turn = {"role": "user", "content": "u"}
    body = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 1, "messages": [turn]}
    return json.dumps({**body, **fields}).encode()


def _nova(*blocks: dict[str, Any], **fields: Any) -> bytes:
    turn = {"role": "user", "content": list(blocks) or [{"text": "u"}]}
    return json.dumps({"schemaVersion": "messages-v1", "messages": [turn], **fields}).encode()


def test_a_claude_body_is_a_messages_body_but_for_model_and_stream() -> None:
    call = HOSTED.read(_claude(temperature=1, **FIVE), model=CLAUDE, stream=True)
    assert (call.prompt.model, call.stream, call.max_tokens) == (CLAUDE, True, 1)
    assert [(s.text, s.ttl) for s in call.prompt.segments] == [("u", 300.0)]
    marked = HOSTED.mark(_claude(), [Placement(0, 3600.0)])
    assert b'"cache_control":{"type":"ephemeral","ttl":"1h"}' in marked.body
    assert HOSTED.read(marked.body, model=CLAUDE).prompt.segments[0].ttl == 3600.0
    assert b"cache_control" not in HOSTED.strip(marked.body)


@pytest.mark.parametrize(
    ("body", "model", "message"),
    [
        (b'{"messages":[]}', CLAUDE, "anthropic_version: Field required"),
        (
            _claude(temperature=1, anthropic_version="bedrock-2026-10-21"),
            CLAUDE,
            "temperature: Extra inputs are not permitted",
        ),
        *[
            (_claude(**FIVE), model, "cache_control: Extra inputs are not permitted")
            for model in (
                "anthropic.claude-3-7-sonnet-20250219-v1:0",
                "anthropic.claude-opus-4-20250514-v1:0",
                "us.anthropic.claude-opus-4-6-v1",
                "global.anthropic.claude-haiku-4-5-20251001-v1:0",
            )
        ],
        (
            _nova({"text": "a"}, *[{"text": "a", **POINT}] * 5),
            NOVA,
            "The model returned the following errors: "
            "A maximum of 4 blocks with cache_control may be provided. Found 5.",
        ),
    ],
)
def test_what_is_refused(body: bytes, model: str, message: str) -> None:
    with pytest.raises(DialectError) as caught:
        HOSTED.read(body, model=model)
    assert caught.value.message == message
    assert HOSTED.error(caught.value, "r")[0] == 400


@pytest.mark.parametrize("model", ["anthropic.claude-opus-4-7-v1", "anthropic.claude-opus-4-8"])
def test_later_models_take_an_automatic_marker(model: str) -> None:
    assert HOSTED.read(_claude(**FIVE), model=model).prompt.controls.automatic


def test_a_nova_body_has_points_on_blocks_or_between_them() -> None:
    body = _nova({"text": "a", **POINT}, {"text": "b"}, POINT, {"text": "c"},
                 inferenceConfig={"maxTokens": 3})  # fmt: skip
    call = HOSTED.read(body, model=NOVA)
    assert [(s.text, s.ttl, s.part) for s in call.prompt.segments] == [
        ("a", 300.0, 0),
        ("b", 300.0, 1),
        ("c", None, 2),
    ]
    assert call.prompt.segments[0].canonical == b'{"text":"a"}'
    assert call.max_tokens == 3


_count = st.integers(0, 2**40)
_usages = st.builds(
    Usage, fresh=_count, read=_count, write_5m=_count, write_1h=_count, output=_count
)


@given(_usages, st.sampled_from([CLAUDE, NOVA]), st.lists(st.integers(0, 1500)))
def test_usage_whole_and_in_any_cut(usage: Usage, model: str, cuts: list[int]) -> None:
    if model == NOVA:  # which splits nothing
        usage = replace(usage, write_5m=usage.written, write_1h=0)
    reply = replace(REPLY, usage=usage, model=model)
    assert HOSTED.usage(HOSTED.render(reply)) == usage
    call = HOSTED.read(_claude() if model == CLAUDE else _nova(), model=model)
    sent = b"".join(HOSTED.render_stream(reply, ['"metadata"', "\n\n"], call))
    reader = HOSTED.usage_reader()
    at = 0
    for cut in [*sorted(cuts), len(sent)]:
        reader.feed(sent[at:cut])
        at = max(at, cut)
    assert reader.usage == usage


def test_counts_in_headers() -> None:
    assert invoke_headers(REPLY.usage) == {
        "x-amzn-bedrock-input-token-count": "1",
        "x-amzn-bedrock-output-token-count": "5",
        "x-amzn-bedrock-cache-read-input-token-count": "2",
        "x-amzn-bedrock-cache-write-input-token-count": "7",
    }
    assert HOSTED.render_count(REPLY.usage) == b'{"inputTokens":10}'
