from __future__ import annotations

import pytest

from headstart.providers import (
    BreakpointEmulator,
    Emulator,
    GranularEmulator,
    Recall,
    UnitEmulator,
    emulate,
    providers,
)
from headstart.providers.granular_unmarked import Unmarked
from headstart.usage import MissReason
from tests.providers.marked import prompt
from tests.providers.prompts import TODAY, words


@pytest.mark.parametrize(
    ("provider", "model", "kind"),
    [
        ("anthropic", "claude-opus-5-5", BreakpointEmulator),
        ("openai", "gpt-6.1-sol", BreakpointEmulator),
        ("openai", "gpt-5.5", GranularEmulator),
        ("bedrock", "anthropic.claude-opus-5-v1:0", BreakpointEmulator),
        ("azure", "gpt-5.6-sol", BreakpointEmulator),
        ("gemini", "gemini-3.8-flash", GranularEmulator),
        ("deepseek", "deepseek-flash", UnitEmulator),
        ("vllm", "any/model", GranularEmulator),
        ("qwen", "qwen3.7-max", Unmarked),
    ],
)
def test_the_rules_choose_the_engine(provider: str, model: str, kind: type[Emulator]) -> None:
    assert type(emulate(provider, model, TODAY, count=words)) is kind


@pytest.mark.parametrize("provider", providers())
def test_every_provider_answers_for_a_model_nobody_knows(provider: str) -> None:
    made = emulate(provider, "no-such-model", TODAY, count=words, limit=10)
    asked = prompt("system S 5000", "user q 10", model="no-such-model")
    ticket = made.begin(asked, 0)
    ticket.first_byte(1)
    assert ticket.lookup.usage.input == 5010
    other = emulate(provider, "no-such-model", TODAY, count=words, limit=10)
    other.load(made.save())
    assert other.peek(asked, 2) == made.peek(asked, 2)


def test_an_unknown_provider_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="acme"):
        emulate("acme", "m", TODAY, count=words)


def test_knobs_reach_the_rules() -> None:
    made = emulate("anthropic", "claude-opus-5", TODAY, count=words, knobs={"minimum": 5})
    assert made.begin(prompt("user q 5 5m"), 0).lookup.usage.write_5m == 5
    with pytest.raises(ValueError, match="minimun"):
        emulate("anthropic", "claude-opus-5", TODAY, count=words, knobs={"minimun": 5})


def test_a_shared_memory_tells_another_model() -> None:
    recall = Recall(1000)
    models = ("gpt-6.1-sol", "gpt-5.5")
    one, other = (emulate("openai", m, TODAY, count=words, recall=recall) for m in models)
    parts = ("system S 5000 end", "user q 10 end")
    one.begin(prompt(*parts, model=models[0]), 0).first_byte(0)
    lookup = other.peek(prompt(*parts, model=models[1]), 1)
    assert (lookup.usage.read, lookup.reason) == (0, MissReason.MODEL_CHANGED)
