"""The automatic mode's cost, against an emulator that was sent the same by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headstart.pricing import Pricer
from headstart.prompt import Chain, Controls, Mark
from headstart.providers import BreakpointEmulator, emulate, rules_for
from headstart.server.gateway.automatic import Automatic, scaled
from headstart.usage import Usage
from tests.providers.prompts import words

DAY = date(2026, 11, 20)
CLAUDE, GPT, QWEN = ("anthropic", "claude-opus-5"), ("openai", "gpt-5.6"), ("qwen", "qwen3.7-max")
PARTS = ("read", "write_5m", "write_30m", "write_1h", "write_12h", "write_other")


def automatic(provider: str, model: str) -> tuple[Automatic, Pricer]:
    rules, pricer = rules_for(provider, model, DAY)[0], Pricer(provider, model, DAY)
    marks = rules.marker is not None
    another = emulate(provider, model, DAY, count=words) if marks else None
    return Automatic(rules, pricer, another), pricer


def chain(model: str, *blocks: bytes, marks: tuple[int, ...] = ()) -> Chain:
    return Chain.of_blocks(model, blocks, 2000, marks=[Mark(at, 3600.0) for at in marks])


def test_a_breakpoint_at_the_end_instead_of_the_requests_own() -> None:
    mode, pricer = automatic(*CLAUDE)
    first, second = (chain(CLAUDE[1], b"s", last, marks=(0,)) for last in (b"1", b"2"))
    actual = Usage(fresh=2000, write_1h=2000)
    written = pricer.cost(Usage(write_5m=4000))
    assert mode.cost(first, 1, actual, 0.0, "t") == pytest.approx(written)
    assert mode.cost(second, 1, actual, 1.0, "t") == pytest.approx(written)
    assert mode.cost(second, 1, actual, 2.0, "t") == pytest.approx(pricer.cost(Usage(read=4000)))
    assert mode.cost(second, 1, actual, 3.0, "u") == pytest.approx(written), "another tenant's"
    assert mode.cost(second, 1, actual, 303.0, "t") == pytest.approx(written), "5 minutes later"


def test_where_something_can_be_marked_but_unmarked_prompts_are_cached_too() -> None:
    mode, pricer = automatic(*QWEN)
    asked = chain(QWEN[1], b"s", b"1", marks=(1,))
    actual = Usage(fresh=0, write_5m=4000)
    assert mode.cost(asked, 1, actual, 0.0, "t") == pytest.approx(pricer.cost(Usage(fresh=4000)))
    again = mode.cost(asked, 1, actual, 60.0, "t")
    assert again is not None
    assert again < 0.5 * (pricer.cost(Usage(fresh=4000)) or 0)


def test_cache_objects_have_no_automatic_counterpart() -> None:
    mode, _ = automatic("gemini", "gemini-2.5-flash")
    asked = Chain.of_blocks("gemini-2.5-flash", [b"s"], 5000)
    assert mode.cost(asked, None, Usage(fresh=5000), 0.0, "t")
    named = replace(asked, controls=Controls(resource="cachedContents/1"))
    assert mode.cost(named, None, Usage(read=5000), 0.0, "t") is None


def test_explicit_mode_is_left_out() -> None:
    mode, pricer = automatic(*GPT)
    assert isinstance(mode._replayed, BreakpointEmulator)
    asked = replace(chain(GPT[1], b"s", b"1"), boundaries=(1,), controls=Controls(mode="explicit"))
    cost = mode.cost(asked, 1, Usage(fresh=4000), 0.0, "t")
    assert cost == pytest.approx(pricer.cost(Usage(write_30m=4000)))


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.builds(Usage, **{name: st.integers(0, 10**6) for name in ("fresh", *PARTS)}),
    st.integers(0, 10**6),
)
def test_scaling_keeps_the_actual_sum(usage: Usage, tokens: int) -> None:
    found = scaled(usage, Usage(fresh=tokens, output=7))
    assert found.output == 7
    if usage.input:
        assert abs(found.input - tokens) <= len(PARTS)
        for name in PARTS:
            share = getattr(usage, name) / usage.input
            assert abs(getattr(found, name) - share * tokens) <= 1
