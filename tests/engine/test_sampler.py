from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.engine.contract import Sampling
from headstart.engine.sampler import Sampler

VOCABULARY = 12


def allowed(logits: list[float], temperature: float, top_k: int, top_p: float) -> set[int]:
    """By the book: sort, cut to k, then the smallest set that reaches p."""
    order = sorted(range(len(logits)), key=lambda i: -logits[i])
    order = order[: top_k or len(order)]
    weights = [math.exp((logits[i] - logits[order[0]]) / temperature) for i in order]
    total, reached, kept = sum(weights), 0.0, set()
    for token, weight in zip(order, weights, strict=True):
        if kept and reached >= top_p:
            break
        kept.add(token)
        reached += weight / total
    return kept


@settings(max_examples=60, deadline=None)
@given(
    order=st.permutations(range(VOCABULARY)),
    temperature=st.sampled_from([0.5, 1.0, 1.7]),
    top_k=st.integers(0, VOCABULARY + 3),
    top_p=st.sampled_from([0.0, 0.1, 0.5, 0.83, 0.97, 1.0]),
)
def test_choices_are_those_of_the_book(
    order: list[int], temperature: float, top_k: int, top_p: float
) -> None:
    logits = [0.0] * VOCABULARY
    for rank, token in enumerate(order):
        logits[token] = -0.37 * rank
    sampler = Sampler(Sampling(temperature=temperature, top_k=top_k, top_p=top_p, seed=1))
    seen = {sampler.choose(torch.tensor(logits)) for _ in range(200)}
    expected = allowed(logits, temperature, top_k, top_p)
    assert seen <= expected
    assert {order[0]} <= seen
    if len(expected) <= 3:
        assert seen == expected


def test_chances_follow_the_softmax_at_the_temperature() -> None:
    logits = torch.tensor([2.0, 1.0, 0.0])
    sampler = Sampler(Sampling(temperature=0.5, seed=3))
    counts = torch.bincount(torch.tensor([sampler.choose(logits) for _ in range(4000)]))
    expected = torch.softmax(logits / 0.5, -1)
    torch.testing.assert_close(counts / 4000, expected, atol=0.03, rtol=0)


@pytest.mark.parametrize("seed", [0, 7, -1, 2**64 + 5, -(2**70)])
def test_the_same_seed_gives_the_same_choices(seed: int) -> None:
    logits = torch.zeros(1000)

    def choices() -> list[int]:
        sampler = Sampler(Sampling(seed=seed))
        return [sampler.choose(logits) for _ in range(20)]

    assert choices() == choices()


def test_without_a_seed_choices_differ() -> None:
    logits = torch.zeros(1000)
    assert len({Sampler(Sampling()).choose(logits) for _ in range(10)}) > 1


@pytest.mark.parametrize("temperature", [0.0, 1e-60, 1e-40, 1e-10, 1e-5])
def test_no_temperature_is_the_likeliest(temperature: float) -> None:
    logits = torch.tensor([-3e4, 9.0, 8.0, 3e4])
    sampler = Sampler(Sampling(temperature=temperature, top_p=0.9, top_k=3))
    assert {sampler.choose(logits) for _ in range(20)} == {3}


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_any_float_type(dtype: torch.dtype) -> None:
    sampler = Sampler(Sampling(temperature=0.3, top_p=0.9, seed=1))
    assert sampler.choose(torch.tensor([0.0, 50.0, 1.0], dtype=dtype)) == 1
