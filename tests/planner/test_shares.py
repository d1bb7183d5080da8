"""What of a request another one could read, by its provider's rules."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headstart.planner import Key, Rates, Runner, runner_of
from headstart.planner.shares import LEAST_SHARE, MOST_PREFIXES
from headstart.prompt import Chain, Controls, Mark
from headstart.providers import Rules, rules_for
from tests.planner.conftest import DAY, KEY, RATES, RULES, SIZE

AUTOMATIC = replace(RULES, scheme="granular", marker=None, most_markers=0, lookback=None)
FREE = Rates(0.5, (), 4.0)


def chain(count: int, *marks: int, controls: Controls | None = None) -> Chain:
    blocks = [str(block).encode() for block in range(count)]
    return Chain.of_blocks(
        "m", blocks, SIZE, marks=[Mark(m, 300.0) for m in marks], controls=controls
    )


def runner(
    prompt: Chain,
    rules: Rules = RULES,
    *,
    key: Key = KEY,
    rates: Rates = RATES,
    minimum: int = 1024,
    read: int = 0,
    leads: bool = True,
) -> Runner | None:
    return runner_of(key, prompt, rules, rates, minimum, read=read, leads=leads)


def sizes(runner: Runner | None) -> tuple[list[int], list[int]]:
    """Blocks of what is written and of what could be read."""
    assert runner is not None
    return [n // SIZE for _, n in runner.writes], [n // SIZE for _, n in runner.reads]


def test_what_is_written_ends_at_breakpoints() -> None:
    writes, reads = sizes(runner(chain(40, 4, 30)))
    assert writes == [31, 5]
    assert reads == [*range(31, 11, -1)], "20 back from the last one; a fifth of the cost"


def test_what_is_too_short_or_there_already_is_not_shared() -> None:
    assert runner(chain(40, 0)) is None, "512 tokens are not cached"
    assert runner(chain(40)) is None, "nothing is marked"
    assert runner(chain(40, 9), read=10 * SIZE) is None
    assert sizes(runner(chain(40, 9, 19), read=10 * SIZE))[0] == [20]


def test_waiting_has_to_be_worth_it() -> None:
    """Of 40 blocks at 1.25, a fifth of the price is 10; a block read instead saves 1.15."""
    least = LEAST_SHARE * 40 * 1.25 / 1.15
    assert 8 < least < 9
    assert sizes(runner(chain(40, 7))) == ([8], [])
    assert sizes(runner(chain(40, 8))) == ([9], [9])
    assert sizes(runner(chain(40, 39), rates=Rates(1.0, (), 1.0)))[1] == []


def test_automatic_caches_share_any_prefix() -> None:
    writes, reads = sizes(runner(chain(10), AUTOMATIC, rates=FREE))
    assert writes == [10, 9, 8, 7, 6, 5, 4, 3, 2]
    assert reads == [10, 9, 8, 7, 6, 5, 4]
    long = runner(chain(1000), AUTOMATIC, rates=FREE)
    assert long is not None
    assert len(long.writes) == MOST_PREFIXES


@pytest.mark.parametrize(
    "other",
    [{"readable": "end"}, {"readable": "at_once"}, {"delay": 1.0}, {"machines": 4}],
)
def test_only_what_the_first_byte_makes_readable(other: dict[str, object]) -> None:
    rules = replace(AUTOMATIC, **other)  # type: ignore[arg-type]
    assert runner(chain(10), AUTOMATIC, rates=FREE) is not None
    assert runner(chain(10), rules, rates=FREE) is None
    assert runner(chain(10), replace(AUTOMATIC, scheme="none"), rates=FREE) is None


def test_a_routing_key_lets_requests_meet_on_one_machine() -> None:
    many = replace(AUTOMATIC, machines=4)
    assert runner(chain(10, controls=Controls(key="k")), many, rates=FREE) is not None


def groups(found: Runner | None) -> set[object]:
    assert found is not None
    return {group for group, _ in found.reads}


def test_tenants_and_partitions_share_nothing() -> None:
    prompt = chain(40, 30)
    other = Key("other", *KEY[1:])
    assert groups(runner(prompt)) == groups(runner(chain(40, 30)))
    assert not groups(runner(prompt)) & groups(runner(prompt, key=other))
    apart = replace(RULES, key_partitions=True)
    keyed = [chain(40, 30, controls=Controls(key=key)) for key in ("a", "b")]
    assert not groups(runner(keyed[0], apart)) & groups(runner(keyed[1], apart))
    assert groups(runner(keyed[0])) == groups(runner(keyed[1]))


@pytest.mark.parametrize(
    ("provider", "model", "shares"),
    [
        ("anthropic", "claude-sonnet-4-6", True),
        ("bedrock", "anthropic.claude-sonnet-4-6", True),
        ("deepseek", "deepseek-chat", False),
        ("qwen", "qwen3-coder-plus", False),
    ],
)
def test_providers(provider: str, model: str, shares: bool) -> None:
    rules = rules_for(provider, model, DAY)[0]
    assert (runner(chain(40, 30), rules) is not None) == shares
