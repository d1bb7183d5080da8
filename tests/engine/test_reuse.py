"""Default mode: what is reused, and that it changes nothing."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from headstart.engine import Engine
from headstart.engine.contract import Chat
from headstart.engine.model import CausalModel
from headstart.engine.text import TextStream
from tests.engine.conftest import RigMaker
from tests.engine.rig import Spy, ask, some_tokens
from tests.engine.tiny import save_tiny


def own_model(folder: Path) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


@pytest.fixture(scope="module")
def reference(tiny_folder: Path) -> Any:
    return own_model(tiny_folder)


def greedy(model: Any, prompt: list[int], count: int) -> list[int]:
    ids = torch.tensor([prompt])
    with torch.inference_mode():
        out = model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=count, do_sample=False
        )
    tokens: list[int] = out[0, len(prompt) :].tolist()
    return tokens


def test_a_hit_reads_up_to_the_last_matching_token(make_rig: RigMaker) -> None:
    rig = make_rig()
    source = random.Random(1)
    for case in range(20):
        prompt = some_tokens(case, source.randint(1, 120))
        common = source.randint(0, len(prompt))
        rig.answer(prompt[:common] + some_tokens(100 + case, 9), tenant=f"t{case}", max_tokens=1)
        rig.spy.calls.clear()
        task = rig.answer(prompt, tenant=f"t{case}", max_tokens=1)
        read = min(common, len(prompt) - 1)
        assert task.finished.read == read
        assert sum(len(call.tokens) for call in rig.spy.calls) == len(prompt) - read
        assert task.finished.prompt_tokens == len(prompt)


def test_the_same_prompt_again_computes_one_token(make_rig: RigMaker) -> None:
    rig = make_rig()
    prompt = some_tokens(1, 50)
    rig.answer(prompt)
    rig.spy.calls.clear()
    assert rig.answer(prompt, max_tokens=1).finished.read == 49
    assert [call.spans for call in rig.spy.calls] == [((49, 1),)]


def test_a_second_turn_reads_prompt_and_answer(make_rig: RigMaker) -> None:
    rig = make_rig()
    prompt = some_tokens(1, 40)
    first = rig.answer(prompt, max_tokens=25)
    assert first.finished.reason == "length"
    history = prompt + first.output
    second = rig.answer(history + some_tokens(2, 10), max_tokens=5)
    assert second.finished.read == len(history) - 1  # Nothing followed the last token.
    alone = rig.answer(history + some_tokens(2, 10), tenant="fresh", max_tokens=5)
    assert alone.finished.read == 0
    assert second.output == alone.output


def test_the_text_of_a_hit_is_that_of_a_miss(make_rig: RigMaker) -> None:
    rig = make_rig()
    source = random.Random(2)
    for case in range(10):
        prompt = some_tokens(case, source.randint(20, 100))
        rig.answer(prompt[: source.randint(1, 90)], tenant="hit")
        hit = rig.answer(prompt, tenant="hit", max_tokens=20)
        miss = rig.answer(prompt, tenant=f"miss-{case}", max_tokens=20)
        assert hit.finished.read > 0
        assert hit.output == miss.output
        assert hit.text == miss.text


def test_what_a_lane_still_holds_is_right_whatever_the_cache_lost(make_rig: RigMaker) -> None:
    rig = make_rig(room=1200)
    prompt = some_tokens(1, 60)
    first = rig.answer(prompt, max_tokens=20)
    # The tail of it goes, and another request's lane does not fit the idle one.
    rig.cache.arena.free(rig.cache.index.evict(40, 1e12, "t").slots)
    again = [*prompt, *first.output, *some_tokens(2, 9)]
    hit = rig.answer(again, max_tokens=20)
    assert 0 < hit.finished.read < 60
    assert rig.answer(again, tenant="fresh", max_tokens=20).output == hit.output


def test_a_lane_of_one_conversation_does_not_leak_into_the_next(make_rig: RigMaker) -> None:
    rig = make_rig()
    source = random.Random(9)
    for case in range(12):
        prompt = some_tokens(case % 3, source.randint(5, 60)) + some_tokens(99 + case, 7)
        task = rig.answer(prompt, tenant=f"t{case % 2}", max_tokens=8)
        assert rig.answer(prompt, tenant=f"fresh-{case}", max_tokens=8).output == task.output


def test_greedy_output_is_transformers_own(
    make_rig: RigMaker, reference: Any, loaded_tiny: CausalModel
) -> None:
    rig = make_rig()
    for case, length in enumerate((1, 16, 17, 90)):
        prompt = some_tokens(case, length)
        expected = greedy(reference, prompt, 12)
        for _ in range(2):  # A miss, then a hit.
            task = rig.answer(prompt, max_tokens=12)
            assert task.output == expected
        stream = TextStream(loaded_tiny.tokenizer)
        assert task.text == "".join(map(stream.feed, expected)) + stream.flush()
        assert task.finished.read == length - 1


def test_hidden_states_of_a_hit_are_close_to_transformers_own(
    make_rig: RigMaker, reference: Any
) -> None:
    rig = make_rig(chunk=32)
    prompt = some_tokens(5, 100)
    rig.answer(prompt[:45])
    rig.spy.calls.clear()
    rig.answer(prompt, max_tokens=1)
    with torch.inference_mode():
        expected = reference.model(torch.tensor([prompt])).last_hidden_state[0]
    seen = torch.cat([call.hidden for call in rig.spy.calls])
    torch.testing.assert_close(seen, expected[45:], rtol=1e-4, atol=1e-4)


WINDOWED: dict[str, dict[str, Any]] = {
    "mistral": {"sliding_window": 8},
    "gemma3_text": {
        "sliding_window": 8,
        "layer_types": ["sliding_attention", "full_attention"],
        "query_pre_attn_scalar": 16,
    },
    "qwen2": {"use_sliding_window": True, "sliding_window": 8, "max_window_layers": 1},
}


@pytest.mark.parametrize("kind", WINDOWED)
def test_sliding_windows_are_transformers_own(
    kind: str, builtin_folder: Path, tmp_path: Path, make_rig: RigMaker
) -> None:
    folder = save_tiny(tmp_path / kind, builtin_folder, kind, **WINDOWED[kind])
    model = CausalModel(str(folder), "cpu", None)
    full = {"mistral": (8, 8), "gemma3_text": (8, None), "qwen2": (None, 8)}
    assert model.layout.windows == full[kind]
    own = own_model(folder)
    rig = make_rig(model)
    prompt = some_tokens(1, 75)
    with torch.inference_mode():
        expected = own.model(torch.tensor([prompt])).last_hidden_state[0]
    rig.answer(prompt, tenant="cold", max_tokens=1)
    cold = torch.cat([call.hidden for call in rig.spy.calls])
    torch.testing.assert_close(cold, expected, rtol=1e-3, atol=1e-3)
    for common in (5, 20, 37, 74):
        rig.answer(prompt[:common], tenant=f"{common}", max_tokens=1)
        rig.spy.calls.clear()
        hit = rig.answer(prompt, tenant=f"{common}", max_tokens=1)
        assert hit.finished.read == common
        warm = torch.cat([call.hidden for call in rig.spy.calls])
        torch.testing.assert_close(warm, expected[common:], rtol=1e-3, atol=1e-3)
    assert rig.answer(prompt, max_tokens=12).output == greedy(own, prompt, 12)


def test_a_window_is_not_the_same_as_none(builtin_folder: Path, tmp_path: Path) -> None:
    """The check above would be worth nothing if the window did not matter."""
    ids = torch.tensor([some_tokens(1, 75)])
    with torch.inference_mode():
        a, b = (
            own_model(save_tiny(tmp_path / str(w), builtin_folder, "mistral", sliding_window=w))
            .model(ids)
            .last_hidden_state[0, -1]
            for w in (8, 500)
        )
    assert (a - b).abs().max() > 0.1


def test_a_conversation_with_the_built_in_model(
    builtin_engine: Engine, spy_on: Callable[[Engine], Spy]
) -> None:
    question = {"role": "user", "parts": ["Name three colours."]}
    prompt = builtin_engine.encode(Chat([question])).tokens
    first = ask(builtin_engine, prompt, "chat", max_tokens=24).wait()
    assert first.text.strip()
    history = [
        question,
        {"role": "assistant", "parts": [first.text]},
        {"role": "user", "parts": ["And three animals."]},
    ]
    longer = builtin_engine.encode(Chat(history)).tokens
    spy = spy_on(builtin_engine)
    second = ask(builtin_engine, longer, "chat", max_tokens=4).wait()
    assert second.finished.read >= len(prompt) + first.finished.output_tokens - 2
    assert len(spy.calls[0].tokens) == len(longer) - second.finished.read
    fresh = ask(builtin_engine, longer, "someone else", max_tokens=4).wait()
    assert fresh.finished.read == 0


def test_the_built_in_model_speaks_as_transformers_has_it(
    builtin_engine: Engine, builtin_folder: Path
) -> None:
    chat = Chat([{"role": "user", "parts": ["What is the capital of France?"]}])
    prompt = list(builtin_engine.encode(chat).tokens)
    reply = ask(builtin_engine, prompt, "paris", max_tokens=16).wait()
    assert "Paris" in reply.text
    own = own_model(builtin_folder)
    seen = ask(builtin_engine, prompt, "again", max_tokens=1).wait()
    with torch.inference_mode():
        token = int(own(torch.tensor([prompt])).logits[0, -1].argmax())
    stream = TextStream(builtin_engine._model.tokenizer)  # type: ignore[attr-defined]
    assert seen.text == stream.feed(token) + stream.flush()
