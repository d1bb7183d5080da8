from __future__ import annotations

import json
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.dialects import COMPATIBLE
from headstart.explain import Undetected, detect, dialect_named, served
from tests.explain.bodies import CASES, Make, anthropic, chat, encoded

TODAY = date(2026, 11, 20)


@pytest.mark.parametrize(("name", "make", "model", "providers"), CASES)
def test_a_body_tells_its_dialect_and_this_reads_it(
    name: str, make: Make, model: str | None, providers: tuple[str, ...]
) -> None:
    body = encoded(make("15:00:00", "May I return it?"))
    hosted = detect(body, model)
    assert hosted.name == name
    assert dialect_named(name) is hosted
    prompt = hosted.read(body, model=model).prompt
    assert "The current time is" in prompt.segments[0].text
    assert prompt.segments[-1].text == "May I return it?"
    assert served(name, prompt.model, TODAY) == providers


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"messages": [{"role": "user", "content": "hi"}], "system": None}, "anthropic"),
        ({"model": "my-model"}, "anthropic"),
        ({"system": None, "model": "gpt-5.4"}, "openai-chat"),
        ({"system": None, "model": "m", "tools": [{"name": "f", "input_schema": {}}]}, "anthropic"),
        (
            {
                "system": None,
                "model": "m",
                "messages": [
                    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t"}]}
                ],
            },
            "anthropic",
        ),
        ({"anthropic_version": "vertex-2023-10-16", "model": None}, "anthropic"),
        # What these two have in common with the Messages API does not make them it.
        ({"system": None, "model": "deepseek-chat", "thinking": {"type": "enabled"}}, "deepseek"),
        ({"system": None, "model": "anthropic/claude-opus-5.5"}, "openrouter"),
    ],
)
def test_messages_are_whose_fields_they_have(change: dict[str, object], name: str) -> None:
    body = {**anthropic("15:00:00", "hi"), **change}
    present = {key: value for key, value in body.items() if value is not None}
    assert detect(encoded(present)).name == name


def test_the_model_that_counts_may_be_another_one() -> None:
    body = encoded(chat("15:00:00", "hi"))
    assert detect(body, "deepseek-chat") is COMPATIBLE["deepseek"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "not a JSON object"),
        (b"[1]", "expected an object"),
        (b'{"messages": [', "not a JSON object"),
        (b'{"a": 1, "a": 2}', "same key twice"),
        (b"[" * 100_000, "not a JSON object"),
        (b'{"model": "gpt-5.4"}', "messages, input or contents"),
    ],
)
def test_what_is_no_request_says_why(body: bytes, says: str) -> None:
    with pytest.raises(Undetected, match=says):
        detect(body)


def test_an_unknown_dialect_is_told_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"'soap' .known: .*openai-chat"):
        dialect_named("soap")


def test_a_model_that_no_rules_name_goes_to_the_first_that_takes_the_dialect() -> None:
    assert served("anthropic", "my-model", TODAY) == ("anthropic",)
    assert served("openai-chat", "my-model", TODAY) == ("openai",)


KEYS = ["model", "messages", "contents", "input", "system", "tools", "anthropic_version", "role"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["user", "text", "m/x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*KEYS, "content", "type"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(KEYS), JSON), st.binary(max_size=20))
def test_any_object_has_a_dialect_or_has_none(body: dict[str, object], noise: bytes) -> None:
    prompts = {"messages", "contents", "input"} & body.keys()
    if prompts:
        detect(json.dumps(body).encode())
    else:
        with pytest.raises(Undetected):
            detect(json.dumps(body).encode())
    if not noise.strip().startswith(b"{"):
        with pytest.raises(Undetected):
            detect(noise)
