"""What responses say of themselves beside usage: stop reasons and diagnostics."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headstart.dialects import (
    COMPATIBLE,
    AnthropicHosted,
    BedrockConverse,
    BedrockInvoke,
    Diagnosis,
    Facts,
    Gemini,
    Hosted,
    OpenAIChat,
    OpenAIResponses,
    Reply,
)
from headstart.usage import MissReason, Usage

MESSAGE = b'{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"u"}]}'
CHAT = b'{"model":"m","messages":[{"role":"user","content":"u"}],"stream":true,'
CHAT += b'"stream_options":{"include_usage":true}}'
CONVERSE = b'{"messages":[{"role":"user","content":[{"text":"u"}]}]}'
CLAUDE = b'{"anthropic_version":"bedrock-2023-05-31",' + MESSAGE[1:].replace(b'"model":"m",', b"")
USAGE = Usage(fresh=3, read=5, output=2)
DIALECTS: dict[str, tuple[Hosted, bytes, str, str]] = {
    "anthropic": (AnthropicHosted(), MESSAGE, "m", "max_tokens"),
    "chat": (OpenAIChat(), CHAT, "m", "length"),
    "kimi": (COMPATIBLE["kimi"], CHAT, "m", "length"),
    "responses": (OpenAIResponses(), b'{"model":"m","input":"u"}', "m", "max_output_tokens"),
    "gemini": (Gemini(), b'{"contents":[{"parts":[{"text":"u"}]}]}', "m", "MAX_TOKENS"),
    "converse": (BedrockConverse(), CONVERSE, "anthropic.claude-opus-5", "max_tokens"),
    "invoke": (BedrockInvoke(), CLAUDE, "anthropic.claude-opus-5", "max_tokens"),
    "nova": (BedrockInvoke(), CONVERSE, "amazon.nova-pro-v1:0", "max_tokens"),
}


@pytest.mark.parametrize("name", DIALECTS)
def test_usage_and_stop_reason_whole_and_streamed(name: str) -> None:
    hosted, body, model, stop = DIALECTS[name]
    text = 'a "finish_reason": "x", "stop_reason":"y"'
    reply = Reply(text, "length", USAGE, model, "id_1", 17)
    assert hosted.facts(hosted.render(reply)) == Facts(USAGE, stop, None)
    call = hosted.read(body, model=model, stream=True)
    sent = b"".join(hosted.render_stream(reply, [text[:9], text[9:]], call))
    for size in (1, 7, len(sent)):
        reader = hosted.usage_reader()
        for at in range(0, len(sent), size):
            reader.feed(sent[at : at + size])
        assert reader.facts == Facts(USAGE, stop, None)


def _claude(diagnostics: Any) -> Facts:
    hosted, call = AnthropicHosted(), AnthropicHosted().read(MESSAGE)
    reply = Reply("t", "stop", USAGE, "m", "id_1", 17, extra={"diagnostics": diagnostics})
    whole = hosted.facts(hosted.render(reply))
    reader = hosted.usage_reader()
    reader.feed(b"".join(hosted.render_stream(reply, ["t"], call)))
    assert reader.facts == whole
    assert (whole.usage, whole.stop) == (USAGE, "end_turn")
    return whole


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("model_changed", MissReason.MODEL_CHANGED),
        ("system_changed", MissReason.DIVERGED),
        ("tools_changed", MissReason.TOOLS_CHANGED),
        ("messages_changed", MissReason.DIVERGED),
    ],
)
def test_anthropics_diagnostics(kind: str, reason: MissReason) -> None:
    told = {"cache_miss_reason": {"type": kind, "cache_missed_input_tokens": 7}}
    assert _claude(told).diagnosis == Diagnosis(reason, 7)


@pytest.mark.parametrize(
    "said",
    [
        None,
        [],
        "x",
        {"cache_miss_reason": None},
        {"cache_miss_reason": {"type": "previous_message_not_found"}},
        {"cache_miss_reason": {"type": "unavailable"}},
        {"cache_miss_reason": {"type": ["model_changed"]}},
        {"cache_miss_reason": {"type": "something_new", "cache_missed_input_tokens": 7}},
    ],
)
def test_anthropic_says_nothing(said: Any) -> None:
    assert _claude(said).diagnosis is None


@pytest.mark.parametrize("count", [None, -1, "7", 1.5, True])
def test_a_count_that_is_none_is_left_out(count: Any) -> None:
    told = {"cache_miss_reason": {"type": "model_changed", "cache_missed_input_tokens": count}}
    assert _claude(told).diagnosis == Diagnosis(MissReason.MODEL_CHANGED, None)


def _openai(diagnostics: Any) -> Facts:
    hosted = OpenAIResponses()
    call = hosted.read(b'{"model":"m","input":"u"}', stream=True)
    extra = {"prompt_cache_diagnostics": diagnostics}
    reply = Reply("t", "stop", USAGE, "m", "id_1", 17, extra=extra)
    whole = hosted.facts(hosted.render(reply))
    reader = hosted.usage_reader()
    reader.feed(b"".join(hosted.render_stream(reply, ["t"], call)))
    assert reader.facts == whole
    assert (whole.usage, whole.stop) == (USAGE, "completed")
    return whole


@pytest.mark.parametrize(
    ("why", "reason"),
    [
        ("model_changed", MissReason.MODEL_CHANGED),
        ("prompt_cache_key_changed", MissReason.SCOPE_CHANGED),
        ("tools_changed", MissReason.TOOLS_CHANGED),
        ("text_format_changed", MissReason.SETTINGS_CHANGED),
        ("reasoning_effort_changed", MissReason.SETTINGS_CHANGED),
        ("verbosity_changed", MissReason.SETTINGS_CHANGED),
        ("service_tier_changed", MissReason.SETTINGS_CHANGED),
        ("context_compacted", MissReason.DIVERGED),
        ("input_changed", MissReason.DIVERGED),
    ],
)
def test_openais_diagnostics(why: str, reason: MissReason) -> None:
    told = {"type": "cache_miss", "reason": why, "cache_missed_tokens": 9}
    assert _openai(told).diagnosis == Diagnosis(reason, 9)


def test_openai_says_that_it_was_a_hit() -> None:
    assert _openai({"type": "cache_hit"}).diagnosis == Diagnosis(None, 0)


@pytest.mark.parametrize(
    "said",
    [
        None,
        "x",
        {"type": "unavailable"},
        {"type": "comparison_response_not_found"},
        {"type": "cache_miss", "reason": "something_new"},
        {"type": "cache_miss", "reason": {}},
        {"type": {}},
    ],
)
def test_openai_says_nothing(said: Any) -> None:
    assert _openai(said).diagnosis is None


def test_a_function_to_be_called_is_a_stop_of_its_own() -> None:
    told = {"status": "completed", "output": [{"type": "reasoning"}, {"type": "function_call"}]}
    assert OpenAIResponses().facts(json.dumps(told).encode()).stop == "tool"


@pytest.mark.parametrize("name", DIALECTS)
@pytest.mark.parametrize(
    "body", [b"", b"[", b"[]", b"1", b'{"stop_reason":{}}', b'{"choices":{}}', b"[" * 100_000]
)
def test_garbage_says_nothing(name: str, body: bytes) -> None:
    assert DIALECTS[name][0].facts(body) == Facts()
