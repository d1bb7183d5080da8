"""What each provider that speaks Chat Completions does differently."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headstart.dialects import COMPATIBLE, DialectError
from headstart.dialects.hosted import Call, Reply
from headstart.usage import Usage

USER = {"role": "user", "content": "Hi"}
REPLY = Reply("Hi", "stop", Usage(fresh=10, read=20, write_5m=30, output=4), "m", "id_1", 17)


def read(provider: str, headers: dict[str, str] | None = None, **fields: Any) -> Call:
    body = {"model": "m", "messages": [USER], **fields}
    return COMPATIBLE[provider].read(json.dumps(body).encode(), headers=headers)


def test_the_names() -> None:
    assert sorted(COMPATIBLE) == [
        "azure", "deepseek", "groq", "kimi", "mistral", "openrouter", "qwen", "sglang", "vllm",
        "xai",
    ]  # fmt: skip
    assert all(dialect.name == name for name, dialect in COMPATIBLE.items())


_SHOWN: dict[str, dict[str, Any]] = {
    "azure": {"prompt_tokens_details": {"cached_tokens": 20, "cache_write_tokens": 30}},
    "deepseek": {
        "prompt_cache_hit_tokens": 20,
        "prompt_cache_miss_tokens": 40,
        "prompt_tokens_details": {"cached_tokens": 20},
    },
    "groq": {"prompt_tokens_details": {"cached_tokens": 20}},
    "kimi": {"cached_tokens": 20, "prompt_tokens_details": {"cached_tokens": 20}},
    "mistral": {"prompt_tokens_details": {"cached_tokens": 20}},
    "openrouter": {"prompt_tokens_details": {"cached_tokens": 20, "cache_write_tokens": 30}},
    "qwen": {
        "prompt_tokens_details": {
            "cached_tokens": 20,
            "cache_creation_input_tokens": 30,
            "cache_creation": {"ephemeral_5m_input_tokens": 30},
        }
    },
    "sglang": {"prompt_tokens_details": {"cached_tokens": 20}},
    "vllm": {"prompt_tokens_details": {"cached_tokens": 20}},
    "xai": {"prompt_tokens_details": {"cached_tokens": 20}},
}
_WRITTEN = {"azure": "write_30m", "openrouter": "write_other", "qwen": "write_5m"}


@pytest.mark.parametrize("provider", COMPATIBLE)
def test_usage_stands_where_the_provider_puts_it(provider: str) -> None:
    body = COMPATIBLE[provider].render(REPLY)
    shown = json.loads(body)["usage"]
    for key, value in _SHOWN[provider].items():
        assert shown[key] == value or value.items() <= shown[key].items()
    assert (shown["prompt_tokens"], shown["completion_tokens"], shown["total_tokens"]) == (
        60, 4, 64,
    )  # fmt: skip
    bucket = _WRITTEN.get(provider)
    expected = Usage(fresh=10, read=20, output=4, **({bucket: 30} if bucket else {}))
    assert COMPATIBLE[provider].usage(body) == (
        expected if bucket else Usage(fresh=40, read=20, output=4)
    )


@pytest.mark.parametrize("provider", COMPATIBLE)
@pytest.mark.parametrize("asked", [False, True])
def test_usage_in_a_stream(provider: str, asked: bool) -> None:
    dialect = COMPATIBLE[provider]
    call = read(provider, stream=True, stream_options={"include_usage": asked})
    frames = dialect.render_stream(REPLY, ["Hi"], call)
    reader = dialect.usage_reader()
    reader.feed(b"".join(frames))
    always = provider in ("kimi", "openrouter")
    assert reader.usage == (dialect.usage(dialect.render(REPLY)) if asked or always else None)
    finish = json.loads(frames[2].removeprefix(b"data: "))
    assert ("usage" in finish["choices"][0]) == (provider == "kimi")


def test_groq_has_usage_of_its_own_in_streams() -> None:
    usage = {"prompt_tokens": 9, "prompt_tokens_details": {"cached_tokens": 4}}
    reader = COMPATIBLE["groq"].usage_reader()
    reader.feed(b"data: " + json.dumps({"x_groq": {"usage": usage}}).encode() + b"\n\n")
    assert reader.usage == Usage(fresh=5, read=4)


@pytest.mark.parametrize(
    ("provider", "fields", "headers", "control", "value"),
    [
        ("azure", {"prompt_cache_key": "k"}, {}, "key", "k"),
        ("mistral", {"prompt_cache_key": "k"}, {}, "key", "k"),
        ("vllm", {"prompt_cache_key": "k"}, {}, "key", None),
        ("deepseek", {"user_id": "u"}, {}, "user", "u"),
        ("groq", {"user_id": "u"}, {}, "user", None),
        ("xai", {}, {"x-grok-conv-id": "c"}, "session", "c"),
        ("openrouter", {}, {"x-session-id": "h"}, "session", "h"),
        ("openrouter", {"session_id": "b"}, {"x-session-id": "h"}, "session", "b"),
        ("openrouter", {"prompt_cache_options": {"mode": "explicit"}}, {}, "mode", "explicit"),
        ("sglang", {"session_id": "b"}, {}, "session", "b"),
        ("vllm", {"cache_salt": "s"}, {}, "salt", "s"),
        ("sglang", {"extra_key": "s"}, {}, "salt", "s"),
        ("sglang", {"cache_salt": "a", "extra_key": "s"}, {}, "salt", "a\0s"),
        ("groq", {"cache_salt": "s"}, {}, "salt", None),
        ("kimi", {"prompt_cache_options": {"ttl": "1h"}}, {}, "ttl", 3600),
        ("kimi", {}, {}, "ttl", None),
        ("azure", {"prompt_cache_retention": "in_memory"}, {}, "retention", "in_memory"),
        ("groq", {"prompt_cache_retention": "in_memory"}, {}, "retention", None),
    ],
)
def test_controls(
    provider: str, fields: dict[str, Any], headers: dict[str, str], control: str, value: Any
) -> None:
    assert getattr(read(provider, headers, **fields).prompt.controls, control) == value


_CONTROL = {"cache_control": {"type": "ephemeral"}}
_POINT = {"prompt_cache_breakpoint": {"mode": "explicit"}}


@pytest.mark.parametrize(
    ("provider", "directive", "ttl"),
    [
        ("qwen", _CONTROL, 300),
        ("qwen", _POINT, 300),
        ("qwen", {"cache_control": {"type": "ephemeral", "ttl": "1h"}}, 3600),
        ("openrouter", {"cache_control": {"type": "ephemeral", "ttl": "1h"}}, 3600),
        ("openrouter", _POINT, 1800),
        ("azure", _POINT, 1800),
        ("azure", _CONTROL, None),
        ("deepseek", {**_CONTROL, **_POINT}, None),
    ],
)
def test_directives(provider: str, directive: dict[str, Any], ttl: float | None) -> None:
    part = {"type": "text", "text": "Hi", **directive}
    (segment,) = read(provider, messages=[{"role": "user", "content": [part]}]).prompt.segments
    assert segment.ttl == ttl
    assert segment.markable == (provider in ("qwen", "openrouter", "azure"))


def test_a_request_lends_its_ttl_only_to_directives_that_know_it() -> None:
    part = {"type": "text", "text": "Hi", **_CONTROL}
    messages = [{"role": "user", "content": [part]}]
    call = read("openrouter", messages=messages, prompt_cache_options={"ttl": "30m"})
    assert call.prompt.segments[0].ttl == 300


def test_an_automatic_directive_stands_on_the_last_part() -> None:
    answer = {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]}
    prompt = read("openrouter", messages=[USER, USER, answer], **_CONTROL).prompt
    assert [s.ttl for s in prompt.segments] == [None, 300, None]
    assert prompt.controls.automatic
    own = {"role": "user", "content": [{"type": "text", "text": "Hi", **_POINT}]}
    assert read("openrouter", messages=[own], **_CONTROL).prompt.segments[0].ttl == 1800
    assert not read("qwen", **_CONTROL).prompt.controls.automatic


@pytest.mark.parametrize(
    ("provider", "fields"),
    [
        ("azure", {"prompt_cache_options": {"ttl": "12h"}}),
        ("kimi", {"prompt_cache_options": {"ttl": "30m"}}),
        ("kimi", {"prompt_cache_options": {"mode": "explicit"}}),
        ("deepseek", {"user_id": 1}),
        ("openrouter", {"cache_control": {"type": "permanent"}}),
    ],
)
def test_what_is_refused(provider: str, fields: dict[str, Any]) -> None:
    with pytest.raises(DialectError):
        read(provider, **fields)


def test_errors() -> None:
    err = DialectError(400, "invalid_request_error", "No", "model", "bad")
    shown = {name: json.loads(COMPATIBLE[name].error(err, "r")[2]) for name in COMPATIBLE}
    four = {"message": "No", "type": "invalid_request_error", "param": "model", "code": "bad"}
    assert shown["deepseek"] == {"error": four}
    assert shown["mistral"] == {"object": "error", **four, "code": 400}
    assert shown["vllm"] == {"error": {**four, "code": 400}}
    assert shown["openrouter"] == {"error": {"code": 400, "message": "No"}}
