from __future__ import annotations

from dataclasses import replace

import pytest

from headstart.prompt import Chain, Mark
from headstart.providers import Lifetime, rules_for
from headstart.providers.breakpoints_bill import Bill
from headstart.usage import Usage
from tests.providers.marked import CLAUDE
from tests.providers.prompts import TODAY

RULES = rules_for("anthropic", CLAUDE, TODAY)[0]
CHAIN = Chain.of_blocks(CLAUDE, [b"%d" % i for i in range(10)], 10)


@pytest.mark.parametrize(
    ("read", "marks", "usage"),
    [
        (0, [], Usage(fresh=100)),
        (30, [], Usage(fresh=70, read=30)),
        (0, [(9, 300)], Usage(write_5m=100)),
        (30, [(6, 300)], Usage(fresh=30, read=30, write_5m=40)),
        (30, [(6, 3600), (8, 300)], Usage(fresh=10, read=30, write_1h=40, write_5m=20)),
        (0, [(2, 3600), (4, 3600), (8, 300)], Usage(fresh=10, write_1h=50, write_5m=40)),
        # No provider takes this order; the tokens at or before a 1h breakpoint are its own.
        (0, [(2, 300), (8, 3600)], Usage(fresh=10, write_1h=90)),
    ],
)
def test_each_token_is_in_one_bucket(
    read: int, marks: list[tuple[int, float]], usage: Usage
) -> None:
    assert Bill(RULES).usage(CHAIN, read, [Mark(*mark) for mark in marks]) == usage


def test_writes_without_a_bucket_are_fresh_input() -> None:
    free = Bill(replace(RULES, lifetimes=(Lifetime(300.0, None),)))
    assert free.usage(CHAIN, 20, [Mark(4, 300.0)]) == Usage(fresh=80, read=20)


@pytest.mark.parametrize(
    ("asked", "given"), [(300, 300), (3600, 3600), (1800, 300), (43200, 3600), (60, 300)]
)
def test_a_ttl_that_is_not_offered_gets_the_next_shorter_one(asked: float, given: float) -> None:
    assert Bill(RULES).lifetime(asked).seconds == given


def test_rules_without_a_lifetime_are_refused() -> None:
    with pytest.raises(ValueError, match="no lifetime"):
        Bill(replace(RULES, lifetimes=()))
