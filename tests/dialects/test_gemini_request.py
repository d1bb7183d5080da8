"""A generateContent request as a cache sees it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headstart.dialects import DialectError, Gemini
from headstart.dialects.hosted import Call, Placement, Reply, Unmarkable
from headstart.prompt import Kind
from headstart.usage import Usage

GEMINI = Gemini()
USER = {"role": "user", "parts": [{"text": "Hi"}]}


def read(model: str = "gemini-4", operation: Any = "generate", **fields: Any) -> Call:
    body = json.dumps({"contents": [USER], **fields}).encode()
    return GEMINI.read(body, model=model, operation=operation)


def test_the_order_is_tools_system_contents() -> None:
    tools = [{"functionDeclarations": [{"name": "f"}, {"name": "g"}]}, {"googleSearch": {}}]
    call = read(tools=tools, systemInstruction={"parts": [{"text": "a"}, {"text": "b"}]})
    seen = [(s.kind, s.role, s.message, s.part, s.text) for s in call.prompt.segments]
    assert seen == [
        (Kind.TOOL, "tools", -1, 0, '{"name":"f"}'),
        (Kind.TOOL, "tools", -1, 1, '{"name":"g"}'),
        (Kind.TOOL, "tools", -1, 2, '{"googleSearch":{}}'),
        (Kind.SYSTEM, "system", -1, 0, "a"),
        (Kind.SYSTEM, "system", -1, 1, "b"),
        (Kind.MESSAGE, "user", 0, 0, "Hi"),
    ]
    assert not any(s.markable for s in call.prompt.segments)


def test_every_type_of_part() -> None:
    blob = {"mimeType": "image/png", "data": ""}
    parts = [
        {"text": "a"},
        {"thought": True, "text": "b"},
        {"inlineData": blob},
        {"fileData": {"mimeType": "audio/wav", "fileUri": "gs://x"}},
        {"fileData": {"mimeType": "application/pdf", "fileUri": "gs://x"}},
        {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "s"},
        {"functionResponse": {"name": "f", "response": {}}},
        {"executableCode": {"code": "1"}},
    ]
    segments = read(contents=[{"role": "model", "parts": parts}]).prompt.segments
    assert [(s.type, s.role) for s in segments] == [
        ("text", "assistant"),
        ("thinking", "assistant"),
        ("image", "assistant"),
        ("audio", "assistant"),
        ("document", "assistant"),
        ("tool_use", "assistant"),
        ("tool_result", "tool"),
        ("executableCode", "assistant"),
    ]


def test_both_spellings_are_one_prompt() -> None:
    snake = {
        "system_instruction": {"parts": [{"text": "s"}]},
        "tools": [{"function_declarations": [{"name": "f"}]}],
        "tool_config": {"function_calling_config": {"mode": "NONE"}},
        "generation_config": {"max_output_tokens": 9, "response_mime_type": "text/plain"},
        "contents": [{"parts": [{"inline_data": {"mime_type": "image/png", "data": ""}}]}],
    }
    camel = {
        "systemInstruction": {"parts": [{"text": "s"}]},
        "tools": [{"functionDeclarations": [{"name": "f"}]}],
        "toolConfig": {"function_calling_config": {"mode": "NONE"}},
        "generationConfig": {"maxOutputTokens": 9, "responseMimeType": "text/plain"},
        "contents": [{"parts": [{"inlineData": {"mime_type": "image/png", "data": ""}}]}],
    }
    one, other = read(**snake), read(**camel)
    assert [s.canonical for s in one.prompt.segments] == [
        s.canonical for s in other.prompt.segments
    ]
    assert one.prompt.settings == other.prompt.settings
    assert set(one.prompt.settings) == {"toolConfig", "generationConfig.responseMimeType"}
    assert one.max_tokens == other.max_tokens == 9
    assert one.prompt.segments[-1].type == "image"


@pytest.mark.parametrize(
    "name",
    ["gemini-4", "models/gemini-4", "projects/p/locations/l/publishers/google/models/gemini-4"],
)
def test_model_names(name: str) -> None:
    assert read(name).prompt.model == "gemini-4"


def test_a_count_may_hold_a_whole_request() -> None:
    inner = {"model": "models/gemini-4", "contents": [USER], "systemInstruction": USER}
    body = json.dumps({"generateContentRequest": inner}).encode()
    call = GEMINI.read(body, operation="count")
    assert (call.prompt.model, len(call.prompt.segments)) == ("gemini-4", 2)


def test_a_cache_object() -> None:
    assert read(cachedContent="cachedContents/a").prompt.controls.resource == "cachedContents/a"
    for field in ({"systemInstruction": USER}, {"tools": [{"x": {}}]}, {"toolConfig": {"x": 1}}):
        with pytest.raises(DialectError, match="can not be used with GenerateContent"):
            read(cachedContent="cachedContents/a", **field)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"contents": []}, "contents"),
        ({"contents": {}}, "contents"),
        ({"contents": [{"role": "user"}]}, "contents[0].parts"),
        ({"contents": [{"parts": [{}]}]}, "contents[0].parts[0]"),
        ({"contents": [{"parts": [{"text": 1}]}]}, "contents[0].parts[0].text"),
        ({"contents": [{"role": "wizard", "parts": [{"text": ""}]}]}, "contents.role"),
        ({"tools": [{"functionDeclarations": [{}]}]}, "tools[0].functionDeclarations[0].name"),
        ({"cachedContent": 1}, "cachedContent"),
        ({"toolConfig": {}, "tool_config": {}}, "tool_config"),
    ],
)
def test_what_is_refused_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(DialectError) as caught:
        read(**fields)
    assert (caught.value.status, caught.value.param) == (400, param)


def test_a_model_there_must_be() -> None:
    with pytest.raises(DialectError, match="model is not specified"):
        GEMINI.read(json.dumps({"contents": [USER]}).encode())


def test_there_is_nothing_to_mark() -> None:
    body = json.dumps({"contents": [USER]}).encode()
    assert GEMINI.mark(body, []).original() == GEMINI.strip(body) == body
    with pytest.raises(Unmarkable):
        GEMINI.mark(body, [Placement(0, None)])


@pytest.mark.parametrize("usage", [Usage(fresh=3, read=7, output=2), Usage(fresh=3, output=2)])
def test_usage_there_and_back(usage: Usage) -> None:
    reply = Reply("ab", "length", usage, "gemini-4", "id", 17)
    body = GEMINI.render(reply)
    assert GEMINI.usage(body) == usage
    assert ("cachedContentTokenCount" in json.loads(body)["usageMetadata"]) == bool(usage.read)
    frames = GEMINI.render_stream(reply, ["a", "b"], read())
    assert all(frame.startswith(b"data: {") and frame.endswith(b"\n\n") for frame in frames)
    reader = GEMINI.usage_reader()
    reader.feed(frames[0])
    assert reader.usage is None
    reader.feed(frames[1])
    assert reader.usage == usage
    assert b"MAX_TOKENS" in frames[1]


def test_thoughts_are_output_and_what_tools_add_is_input() -> None:
    counts = {
        "promptTokenCount": 10,
        "cachedContentTokenCount": 4,
        "toolUsePromptTokenCount": 3,
        "candidatesTokenCount": 2,
        "thoughtsTokenCount": 5,
    }
    body = json.dumps({"usageMetadata": counts}).encode()
    assert GEMINI.usage(body) == Usage(fresh=9, read=4, output=7)
    for odd in (b"", b"[]", b"{}", b'{"usageMetadata":1}'):
        assert GEMINI.usage(odd) is None
    assert GEMINI.usage(b'{"usageMetadata":{"promptTokenCount":-1}}') == Usage()


@pytest.mark.parametrize(
    ("err", "status", "name"),
    [
        (DialectError(429, "rate_limit_error", "x"), 429, "RESOURCE_EXHAUSTED"),
        (DialectError(401, "authentication_error", "x"), 400, "INVALID_ARGUMENT"),
        (DialectError(529, "overloaded_error", "x"), 503, "UNAVAILABLE"),
        (DialectError(500, "api_error", "x"), 500, "INTERNAL"),
    ],
)
def test_errors(err: DialectError, status: int, name: str) -> None:
    given, _, body = GEMINI.error(err, "r")
    error = json.loads(body)["error"]
    assert (given, error["code"], error["status"]) == (status, status, name)
    assert ("details" in error) == (err.kind == "authentication_error")
