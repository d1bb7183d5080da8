"""What ``write`` makes of a built prompt, ``read`` finds in it again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.dialects import (
    COMPATIBLE,
    AnthropicHosted,
    BedrockConverse,
    BedrockInvoke,
    Gemini,
    Hosted,
    OpenAIChat,
    OpenAIResponses,
)
from headstart.dialects.neutral import lifetime
from headstart.prompt import Controls, Conversation, Kind, Prompt, PromptBuilder, Segment, Tier

FIVE, THIRTY, HOUR, TWELVE = 300.0, 1800.0, 3600.0, 43200.0


@dataclass(frozen=True)
class Case:
    """A dialect, a model of its own, and what directives it has, as told by the facts."""

    hosted: Hosted
    model: str
    lifetimes: tuple[float, ...] = ()
    takes: str = "all"
    """Which segments: "all", "parts" (neither tools nor calls), "texts" (and no answers)."""


CASES = {
    "anthropic": Case(AnthropicHosted(), "claude-opus-5", (FIVE, HOUR)),
    "converse": Case(BedrockConverse(), "us.anthropic.claude-opus-5-v1:0", (FIVE, HOUR)),
    "converse-nova": Case(BedrockConverse(), "amazon.nova-pro-v1:0", (FIVE,)),
    "converse-llama": Case(BedrockConverse(), "meta.llama3-70b-instruct-v1:0"),
    "invoke": Case(BedrockInvoke(), "us.anthropic.claude-opus-5-v1:0", (FIVE, HOUR)),
    "invoke-nova": Case(BedrockInvoke(), "amazon.nova-pro-v1:0", (FIVE,)),
    "gemini": Case(Gemini(), "gemini-3.5-flash"),
    "chat": Case(OpenAIChat(), "gpt-6.1-sol", (THIRTY, TWELVE), "parts"),
    "chat-automatic": Case(OpenAIChat(), "gpt-5.5"),
    "responses": Case(OpenAIResponses(), "gpt-6.1-sol", (THIRTY, TWELVE), "texts"),
    "responses-automatic": Case(OpenAIResponses(), "gpt-4o-mini"),
    **{name: Case(hosted, "m") for name, hosted in COMPATIBLE.items()},
    "azure": Case(COMPATIBLE["azure"], "my-deployment", (THIRTY,), "parts"),
    "openrouter": Case(COMPATIBLE["openrouter"], "anthropic/claude-opus-5", (FIVE, HOUR), "parts"),
    "qwen": Case(COMPATIBLE["qwen"], "qwen3.8-max", (FIVE, HOUR), "parts"),
}

texts = st.text(min_size=1, max_size=12)
names = st.from_regex(r"[a-z][a-z0-9_]{0,9}", fullmatch=True)
# No floats that need an exponent: Python and msgspec write these differently.
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.integers(-(10**6), 10**6).map(lambda n: n / 8)
    | st.text(max_size=8)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
objects = st.dictionaries(st.text(max_size=5), values, max_size=3)
lifetimes = st.sampled_from([60.0, FIVE, 301.0, THIRTY, HOUR, 7200.0, TWELVE, 1e6])


@st.composite
def builders(draw: st.DrawFn, tiers: tuple[Tier, ...]) -> PromptBuilder:
    ttl = draw(lifetimes)
    longer = draw(st.none() | lifetimes.filter(lambda found: found >= ttl))
    builder = PromptBuilder("", ttl=ttl, always_ttl=longer)
    tier = st.sampled_from(tiers)
    for name in draw(st.lists(names, unique=True, max_size=3)):
        schema = draw(objects)
        kept = draw(st.sampled_from([Tier.ALWAYS, Tier.SEGMENT]))
        builder = builder.tool(name, draw(st.text(max_size=9)), schema, tier=kept)
    written = texts.filter(lambda text: text.strip() != "").map(lambda text: f"x{text}")
    for text in draw(st.lists(written, max_size=3)):
        builder = builder.system(text, tier=draw(tier))
    for text, spoken in draw(st.lists(st.tuples(written, st.booleans()), max_size=4)):
        add = builder.assistant if spoken else builder.user
        builder = add(text, tier=draw(tier))
    return builder


@st.composite
def built(draw: st.DrawFn) -> Prompt:
    builder = draw(builders(tuple(Tier))).user("the question")
    return builder.build(breakpoints=draw(st.integers(0, 4)))


@st.composite
def conversations(draw: st.DrawFn) -> Prompt:
    conversation = Conversation(draw(builders((Tier.ALWAYS, Tier.SEGMENT))))
    results = st.text(max_size=9) | st.lists(texts.map(text_block), min_size=1, max_size=3)
    for turn in range(draw(st.integers(1, 6))):
        said = draw(st.lists(texts, min_size=1, max_size=3))
        conversation.user([text_block(text) for text in said])
        calls = [
            {"type": "tool_use", "id": f"call_{turn}_{at}", "name": name, "input": draw(objects)}
            for at, name in enumerate(draw(st.lists(names, max_size=12)))
        ]
        answer = [text_block(text) for text in draw(st.lists(texts, min_size=not calls))]
        conversation.assistant([*answer, *calls])
        if calls:
            conversation.tool_results({str(call["id"]): draw(results) for call in calls})
    if draw(st.booleans()):
        conversation.user("and now?")
    return conversation.prompt()


def text_block(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def sent(hosted: Hosted, prompt: Prompt) -> bytes:
    """The body that the SDK would send, after a trip through JSON."""
    written = hosted.write(prompt)
    if "body" in written:
        return bytes(written["body"])
    body = {**written, **written.pop("config", {}), **written.pop("extra_body", {})}
    if isinstance(hosted, AnthropicHosted):
        body["max_tokens"] = 1
    if isinstance(hosted, Gemini):
        body.pop("config", None)
    return json.dumps(body).encode()


def read_back(hosted: Hosted, prompt: Prompt) -> Prompt:
    return hosted.read(sent(hosted, prompt), model=prompt.model).prompt


Seen = tuple[Kind, str, str, Any, float | None]


def seen(prompt: Prompt) -> Iterator[Seen]:
    """Each segment as any dialect should show it; a result's parts as one."""
    before: tuple[int, object] | None = None
    held: Seen | None = None
    for segment in prompt.segments:
        of = (segment.message, segment.type)
        apart = segment.type != "tool_result" or segment.part == 0 or of != before
        shown = (segment.kind, segment.role, segment.type, shown_text(segment), segment.ttl)
        if held is not None and apart:
            yield held
            held = None
        held = shown if held is None else (*held[:3], held[3] + shown[3], shown[4])
        before = of
        if not isinstance(segment.content, str) and segment.content.get("type") != "text":
            yield held
            held = None
    if held is not None:
        yield held


def shown_text(segment: Segment) -> Any:
    content = segment.content
    if segment.type == "tool":
        tool = content.get("toolSpec") or content.get("function") or content
        schemas = ("input_schema", "inputSchema", "parameters", "parameters_json_schema")
        schema = next(tool[name] for name in schemas if name in tool)
        nested = schema["json"] if "inputSchema" in tool else schema
        return tool["name"], tool.get("description", ""), nested
    if segment.type == "tool_use":
        call = content.get("function_call") or content.get("toolUse") or content.get("function")
        call = call or content
        held = next(call[name] for name in ("input", "args", "arguments") if name in call)
        return call["name"], json.loads(held) if isinstance(held, str) else held
    if segment.type == "tool_result" and "function_response" in content:
        return content["function_response"]["response"]["output"]
    return segment.text


def expected(case: Case, prompt: Prompt) -> Iterator[Seen]:
    for kind, role, name, text, ttl in seen(prompt):
        bare = case.takes != "all" and (name in ("tool", "tool_use") or not text)
        bare = bare or (case.takes == "texts" and (name != "text" or role == "assistant"))
        offered = ttl is not None and bool(case.lifetimes) and not bare
        yield kind, role, name, text, lifetime(ttl or 0, case.lifetimes) if offered else None


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=12, deadline=None)
@given(prompt=st.one_of(built(), conversations()))
def test_what_is_written_is_read_again(name: str, prompt: Prompt) -> None:
    case = CASES[name]
    prompt = replace(prompt, model=case.model)
    found = read_back(case.hosted, prompt)
    assert found.model == case.model
    assert list(seen(found)) == list(expected(case, prompt))


@settings(max_examples=40, deadline=None)
@given(prompt=st.one_of(built(), conversations()))
def test_anthropic_keys_are_those_of_the_builder(prompt: Prompt) -> None:
    prompt = replace(prompt, model="claude-opus-5")
    for hosted in (AnthropicHosted(), BedrockInvoke()):
        found = read_back(hosted, prompt)
        assert [s.canonical for s in found.segments] == [s.canonical for s in prompt.segments]


@settings(max_examples=20, deadline=None)
@given(prompt=conversations())
def test_anthropic_writes_again_what_it_read(prompt: Prompt) -> None:
    hosted = AnthropicHosted()
    body = sent(hosted, replace(prompt, model="claude-opus-5"))
    assert sent(hosted, hosted.read(body).prompt) == body


def test_lifetimes() -> None:
    assert lifetime(1, (FIVE, HOUR)) == FIVE
    assert lifetime(FIVE, (FIVE, HOUR)) == FIVE
    assert lifetime(301, (FIVE, HOUR)) == HOUR
    assert lifetime(TWELVE, (FIVE, HOUR)) == HOUR


BUILDER = PromptBuilder("claude-opus-5", always_ttl=HOUR).tool("f", "d").system("S")


def test_anthropic_in_full() -> None:
    prompt = BUILDER.user("D", tier=Tier.SEGMENT).user("Q").build()
    hour = {"type": "ephemeral", "ttl": "1h"}
    schema = {"properties": {}, "type": "object"}
    tool = {"description": "d", "input_schema": schema, "name": "f", "cache_control": hour}
    document = {"type": "text", "text": "D", "cache_control": {"type": "ephemeral"}}
    assert AnthropicHosted().write(prompt) == {
        "model": "claude-opus-5",
        "tools": [tool],
        "system": [{"type": "text", "text": "S", "cache_control": hour}],
        "messages": [
            {"role": "user", "content": [document]},
            {"role": "user", "content": [text_block("Q")]},
        ],
    }


def options(hosted: Hosted, prompt: Prompt) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] | None = hosted.write(prompt).get("prompt_cache_options")
    return found


def test_a_prompt_that_places_its_breakpoints_has_no_implicit_one() -> None:
    prompt = replace(BUILDER.user("Q").build(), model="gpt-6.1-sol")
    for hosted in (OpenAIChat(), OpenAIResponses(), COMPATIBLE["azure"]):
        assert options(hosted, prompt) == {"mode": "explicit"}
        asked = replace(prompt, controls=Controls(mode="implicit"))
        assert options(hosted, asked) == {"mode": "implicit"}
        assert options(hosted, replace(prompt, model="gpt-5.5-2026-04-01")) is None
    assert options(OpenAIChat(), BUILDER.user("Q").build(breakpoints=0)) is None


def test_where_a_directive_has_no_place_the_implicit_breakpoint_stays() -> None:
    alone = PromptBuilder("gpt-6.1-sol").tool("f").user("Q").build()
    assert alone.marked
    assert options(OpenAIChat(), alone) is None
    conversation = Conversation(replace(BUILDER, model="gpt-6.1-sol"))
    conversation.user("Q")
    conversation.assistant({"type": "tool_use", "id": "c", "name": "f", "input": {}})
    conversation.tool_results({"c": "42"})
    assert options(OpenAIResponses(), conversation.prompt()) is None
    assert options(OpenAIChat(), conversation.prompt()) == {"mode": "explicit"}
    conversation.assistant("A")
    conversation.user("R")  # must read what the implicit breakpoint wrote
    assert options(OpenAIResponses(), conversation.prompt()) is None
    conversation.assistant("A")
    conversation.user("S")
    assert options(OpenAIResponses(), conversation.prompt()) == {"mode": "explicit"}


def test_controls() -> None:
    controls = Controls(key="k", ttl=TWELVE, user="u", session="s", salt="x", retention="24h")
    prompt = replace(BUILDER.user("Q").build(breakpoints=0), model="m", controls=controls)
    kept = {"prompt_cache_key": "k", "prompt_cache_retention": "24h"}
    found = {
        name: {k: v for k, v in hosted.write(prompt).items() if k not in ("messages", "tools")}
        for name, hosted in COMPATIBLE.items()
    }
    assert found["azure"] == {"model": "m", **kept}
    assert found["deepseek"] == {"model": "m", "extra_body": {"user_id": "u"}}
    assert found["groq"] == {"model": "m"}
    assert found["kimi"] == {"model": "m", "prompt_cache_options": {"ttl": "1h"}}
    assert found["xai"]["extra_headers"] == {"x-grok-conv-id": "s"}
    assert found["sglang"]["extra_body"] == {"session_id": "s", "cache_salt": "x"}
    assert found["vllm"]["extra_body"] == {"session_id": "s", "cache_salt": "x"}
    responses = OpenAIResponses()
    assert options(responses, prompt) == {"ttl": "12h"}
    back = read_back(responses, prompt).controls
    assert (back.key, back.ttl, back.retention) == ("k", TWELVE, "24h")


def test_a_part_does_not_inherit_what_it_did_not_ask_for() -> None:
    prompt = replace(BUILDER.user("Q").build(), controls=Controls(ttl=TWELVE))
    prompt = replace(prompt, model="gpt-6.1-sol")
    short = replace(prompt, segments=tuple(_short(s) for s in prompt.segments))
    for ttl, asking in ((THIRTY, short), (TWELVE, prompt)):
        (marked,) = read_back(OpenAIResponses(), asking).marked
        assert marked.ttl == ttl


def _short(segment: Segment) -> Segment:
    return segment if segment.ttl is None else replace(segment, ttl=THIRTY)


def test_kimi_is_asked_once_for_all() -> None:
    lasting = PromptBuilder("kimi-k3", ttl=HOUR).system("S").user("Q").build()
    assert options(COMPATIBLE["kimi"], lasting) == {"ttl": "1h"}
    mixed = BUILDER.user("D", tier=Tier.SEGMENT).user("Q").build()
    assert {segment.ttl for segment in mixed.marked} == {FIVE, HOUR}
    assert options(COMPATIBLE["kimi"], mixed) is None


def test_a_cached_resource_is_the_callers() -> None:
    prompt = PromptBuilder("gemini-3.5-flash").user("Q").build()
    held = replace(prompt, controls=Controls(resource="cachedContents/a"))
    assert Gemini().write(held)["config"] == {"cached_content": "cachedContents/a"}
    assert "config" not in Gemini().write(prompt)


def test_a_failed_call_says_so_where_there_is_a_way() -> None:
    conversation = Conversation(PromptBuilder("m"))
    conversation.user("Q")
    conversation.assistant({"type": "tool_use", "id": "c", "name": "f", "input": {}})
    failed = {"type": "tool_result", "tool_use_id": "c", "content": "no", "is_error": True}
    conversation.user(failed)
    prompt = conversation.prompt()
    assert AnthropicHosted().write(prompt)["messages"][-1]["content"][0]["is_error"] is True
    result = BedrockConverse().write(prompt)["messages"][-1]["content"][0]["toolResult"]
    assert result["status"] == "error"
    response = Gemini().write(prompt)["contents"][-1]["parts"][0]["function_response"]
    assert response == {"id": "c", "name": "f", "response": {"error": "no"}}


def test_roles_alternate_at_bedrock() -> None:
    prompt = replace(BUILDER, model="amazon.nova-pro-v1:0").user("a").user("b").assistant("c")
    for written in (
        BedrockConverse().write(prompt.build()),
        json.loads(BedrockInvoke().write(prompt.build())["body"]),
    ):
        assert [message["role"] for message in written["messages"]] == ["user", "assistant"]


def test_an_answer_of_text_and_calls_is_one_message_in_chat() -> None:
    conversation = Conversation(PromptBuilder("m"))
    conversation.user("Q")
    call = {"type": "tool_use", "id": "c", "name": "f", "input": {"é": 1}}
    conversation.assistant([text_block("so"), call])
    conversation.tool_results({"c": "42"})
    function = {"name": "f", "arguments": '{"é":1}'}
    assert COMPATIBLE["deepseek"].write(conversation.prompt())["messages"] == [
        {"role": "user", "content": "Q"},
        {
            "role": "assistant",
            "content": "so",
            "tool_calls": [{"id": "c", "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": "c", "content": "42"},
    ]


IMAGE = {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}


@pytest.mark.parametrize("name", sorted(set(CASES) - {"anthropic", "invoke"}))
@pytest.mark.parametrize(
    ("block", "kind"),
    [
        (IMAGE, "image"),
        ({"type": "thinking", "thinking": "hm", "signature": "s"}, "thinking"),
        ({"type": "tool_result", "tool_use_id": "c", "content": [IMAGE]}, "tool_result"),
        ({"type": "text", "text": 7}, "text"),
        ({"type": "tool_use", "id": "c"}, "tool_use"),
    ],
)
def test_a_block_without_a_form_is_named(name: str, block: dict[str, Any], kind: str) -> None:
    case = CASES[name]
    conversation = Conversation(PromptBuilder(case.model).system("S"))
    conversation.user("Q")
    conversation.assistant([text_block("A"), block])
    told = rf"segment 3 \(assistant, message 1, part 1\): {case.hosted.name} .* type '{kind}'"
    with pytest.raises(ValueError, match=told):
        case.hosted.write(conversation.prompt())


def test_anthropic_takes_every_block_of_its_own() -> None:
    conversation = Conversation(PromptBuilder("claude-opus-5"))
    conversation.user([IMAGE, text_block("Q")])
    content = AnthropicHosted().write(conversation.prompt())["messages"][0]["content"]
    assert content[0] == IMAGE


@pytest.mark.parametrize(
    ("of", "body", "place"),
    [
        (OpenAIChat(), {"messages": [{"role": "tool", "content": "x", "tool_call_id": "c"}]}, 0),
        (
            OpenAIChat(),
            {
                "messages": [{"role": "user", "content": "x"}],
                "tools": [{"type": "function", "function": {"name": "f"}}],
            },
            0,
        ),
        (OpenAIResponses(), {"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, 0),
        (Gemini(), {"contents": [{"parts": [{"text": "x"}]}]}, 0),
        (BedrockConverse(), {"messages": [{"role": "user", "content": [{"text": "x"}]}]}, 0),
    ],
)
def test_blocks_of_another_dialect_are_refused(
    of: Hosted, body: dict[str, Any], place: int
) -> None:
    prompt = of.read(json.dumps({"model": "m", **body}).encode(), model="m").prompt
    for hosted in (AnthropicHosted(), OpenAIChat(), Gemini(), BedrockConverse()):
        with pytest.raises(ValueError, match=rf"segment {place} .*{hosted.name} has no form"):
            hosted.write(prompt)


def test_gemini_needs_the_name_of_the_function() -> None:
    conversation = Conversation(PromptBuilder("gemini-3.5-flash"))
    conversation.user("Q")
    conversation.tool_results({"c": "42"})
    with pytest.raises(ValueError, match="the result of 'c' has no call before it"):
        Gemini().write(conversation.prompt())


def test_gemini_has_no_later_system_messages() -> None:
    body = {
        "model": "claude-opus-5",
        "max_tokens": 1,
        "messages": [{"role": "user", "content": "Q"}, {"role": "system", "content": "S"}],
    }
    prompt = AnthropicHosted().read(json.dumps(body).encode()).prompt
    with pytest.raises(ValueError, match="no system messages"):
        Gemini().write(prompt)


def test_invoke_must_know_the_body() -> None:
    prompt = PromptBuilder("meta.llama3-70b-instruct-v1:0").user("Q").build()
    with pytest.raises(ValueError, match=r"no form of body for the model 'meta\.llama3"):
        BedrockInvoke().write(prompt)
    claude = replace(prompt, model="anthropic.claude-opus-5-v1:0")
    assert json.loads(BedrockInvoke().write(claude, max_tokens=7)["body"])["max_tokens"] == 7
