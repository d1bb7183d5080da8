"""The real openai SDK against the built-in model, over a real socket."""

from __future__ import annotations

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

MODEL = "smollm2-135m-instruct"
HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Say hello."}]


def test_a_completion(gpt: openai.OpenAI) -> None:
    answer = gpt.chat.completions.create(model=MODEL, max_tokens=12, messages=HELLO)
    assert answer.model == MODEL
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason in ("stop", "length")
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert 1 <= answer.usage.completion_tokens <= 12


def test_a_stream_says_what_the_whole_says(gpt: openai.OpenAI) -> None:
    whole = gpt.chat.completions.create(model=MODEL, max_tokens=16, messages=HELLO, temperature=0)
    chunks = list(
        gpt.chat.completions.create(
            model=MODEL,
            max_tokens=16,
            messages=HELLO,
            temperature=0,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    texts = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(texts) == whole.choices[0].message.content
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert whole.usage is not None
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens


def test_a_stream_without_usage_has_none(gpt: openai.OpenAI) -> None:
    chunks = list(
        gpt.chat.completions.create(model=MODEL, max_tokens=4, messages=HELLO, stream=True)
    )
    assert all(chunk.usage is None for chunk in chunks)
    assert chunks[-1].choices[0].finish_reason in ("stop", "length")


def test_every_turn_of_a_chat_reads_the_turns_before_it(gpt: openai.OpenAI) -> None:
    messages: list[ChatCompletionMessageParam] = [
        {"role": "system", "content": "You are the gardener of Ghent. " * 20}
    ]
    before = 0
    for turn in ("What grows in spring?", "And in summer?", "And in winter?"):
        messages.append({"role": "user", "content": turn})
        answer = gpt.chat.completions.create(
            model=MODEL, max_tokens=12, messages=messages, temperature=0
        )
        messages.append({"role": "assistant", "content": answer.choices[0].message.content})
        assert answer.usage is not None
        assert answer.usage.prompt_tokens_details is not None
        cached = answer.usage.prompt_tokens_details.cached_tokens
        assert cached is not None
        # All of the last prompt but its generation prompt's tokens, at the least.
        assert cached >= before - 8
        assert cached < answer.usage.prompt_tokens
        before = answer.usage.prompt_tokens


def test_a_seed_fixes_the_text(gpt: openai.OpenAI) -> None:
    def say(seed: int) -> str | None:
        answer = gpt.chat.completions.create(
            model=MODEL, max_tokens=16, messages=HELLO, temperature=1.5, seed=seed
        )
        return answer.choices[0].message.content

    assert say(1) == say(1)
    assert len({say(seed) for seed in range(2, 6)}) > 1


def test_a_marker_is_a_write(gpt: openai.OpenAI) -> None:
    part = {
        "type": "text",
        "text": "The harbour of Hull is busy. " * 20,
        "prompt_cache_breakpoint": {"mode": "explicit"},
    }
    for _ in range(2):
        answer = gpt.chat.completions.create(
            model=MODEL,
            max_tokens=2,
            messages=[{"role": "user", "content": [part]}],  # type: ignore[list-item,misc]
        )
        assert answer.usage is not None
        details = answer.usage.prompt_tokens_details
        assert details is not None
        assert (details.cached_tokens or 0) + (details.cache_write_tokens or 0) > 100


def test_unknown_models_are_not_found(gpt: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        gpt.chat.completions.create(model="gpt-6", messages=HELLO)
    assert caught.value.code == "model_not_found"


def test_models_are_listed(gpt: openai.OpenAI) -> None:
    assert {model.id for model in gpt.models.list()} == {"smollm2-135m", "smollm2-135m-instruct"}
