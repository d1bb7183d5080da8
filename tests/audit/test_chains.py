from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.audit.chains import Asked, Chains
from headstart.audit.log import Log
from headstart.prompt import Controls
from headstart.providers import Rules, rules_for
from tests.audit.logs import Ask, log_of

DAY = date(2026, 11, 23)
MODELS = {
    "anthropic": "claude-sonnet-4-6",
    "openai": "gpt-4.1",
    "gemini": "gemini-3.8-flash",
    "deepseek": "deepseek-chat",
}
LONG = "u" + "".join(chr(97 + i * i % 26) for i in range(1_500))
texts = st.sampled_from(["u1", "a1", "u2", LONG, LONG[:700], LONG[:700] + "otherwise" * 60])
said = st.lists(texts, max_size=7)
head = st.lists(st.sampled_from(["s1", LONG]), max_size=2)
asks = st.lists(
    st.tuples(said, head, st.lists(st.sampled_from(["{}", LONG]), max_size=2)).map(
        lambda three: Ask(*three)
    ),
    min_size=1,
    max_size=8,
)
settings_ = st.sampled_from([(), (("tool_choice", '{"type":"any"}'),), (("thinking", "{}"),)])


def rules_of(provider: str) -> Rules:
    return rules_for(provider, MODELS[provider], DAY)[0]


def asked(log: Log, row: int, provider: str, given: tuple[tuple[str, str], ...] = ()) -> Asked:
    segments = log.segments_of(log.rows[row])
    return Asked(0, MODELS[provider], segments, [(len(segments) - 1, 300.0)], given, Controls())


@pytest.mark.parametrize("provider", MODELS)
@settings(deadline=None, max_examples=30)
@given(asks, st.lists(settings_, min_size=8, max_size=8), st.sampled_from([1.0, 0.83, 1.21]))
def test_built_on_the_one_before_or_on_nothing_it_is_the_same(
    provider: str, asks: list[Ask], given: list[tuple[tuple[str, str], ...]], ratio: float
) -> None:
    log, rules = log_of(asks), rules_of(provider)
    one = Chains(log.segments, rules, ratio)
    for row, kept in zip(range(len(asks)), given, strict=False):
        request = asked(log, row, provider, kept)
        assert one.chain(request) == Chains(log.segments, rules, ratio).chain(request)


@pytest.mark.parametrize("provider", MODELS)
@settings(deadline=None, max_examples=30)
@given(asks)
def test_keys_and_cuts_are_equal_exactly_where_all_before_them_is(
    provider: str, asks: list[Ask]
) -> None:
    log = log_of(asks)
    chains = Chains(log.segments, rules_of(provider))
    faces = log.segments.faces
    meant: dict[bytes, object] = {}
    for row in range(len(asks)):
        request = asked(log, row, provider)
        chain = chains.chain(request)
        named = [(faces[n].kind, faces[n].digest) for n in request.segments]
        for i, key in enumerate(chain.keys):
            assert meant.setdefault(key, named[: i + 1]) == named[: i + 1]
        assert len({*chain.keys}) == len(chain.keys)
        tokens = [faces[n].tokens for n in request.segments]
        assert list(chain.ends) == [sum(tokens[: i + 1]) for i in range(len(tokens))]
        if chain.pieces is not None:
            assert list(chain.pieces.ends) == sorted(chain.pieces.ends)
            assert len(chain.pieces.symbols) == 8 * len(chain.pieces.ends)
            assert set(chain.ends) <= set(chain.pieces.ends)
    assert len({str(value) for value in meant.values()}) == len(meant)


@settings(deadline=None, max_examples=30)
@given(asks)
def test_without_reasons_only_the_plain_digests_are_others(asks: list[Ask]) -> None:
    log, rules = log_of(asks), rules_of("openai")
    full, bare = Chains(log.segments, rules), Chains(log.segments, rules, why=False)
    for row in range(len(asks)):
        request = asked(log, row, "openai")
        expected, found = full.chain(request), bare.chain(request)
        assert replace(found, plain=expected.plain) == expected


def test_a_text_that_goes_on_otherwise_shares_the_cuts_of_its_beginning() -> None:
    log = log_of([Ask([LONG]), Ask([LONG[:700] + "otherwise" * 60])])
    chains = Chains(log.segments, rules_of("openai"))
    one, two = (chains.chain(asked(log, row, "openai")).pieces for row in range(2))
    assert one is not None
    assert two is not None
    symbols = [
        [cuts.symbols[at : at + 8] for at in range(0, len(cuts.symbols), 8)] for cuts in (one, two)
    ]
    shared = [a == b for a, b in zip(*symbols, strict=False)]
    # Cuts end every 128 bytes of role and content, which begins with {"type":"text","text":".
    assert shared.index(False) == 700 // 128
    assert not any(shared[shared.index(False) :])
