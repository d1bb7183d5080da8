from __future__ import annotations

from dataclasses import replace

import pytest

from headstart.prompt import Chain, Controls, Mark
from headstart.providers import rules_for
from headstart.providers.breakpoints_places import Boundaries, LookBack, places_of
from tests.providers.marked import CLAUDE, GPT
from tests.providers.prompts import TODAY

ANTHROPIC = rules_for("anthropic", CLAUDE, TODAY)[0]
OPENAI = rules_for("openai", GPT, TODAY)[0]


def chain(count: int, *marks: int, bounds: tuple[int, ...] = (), **controls: object) -> Chain:
    return Chain.of_blocks(
        "m",
        [b"%d" % i for i in range(count)],
        1,
        marks=[Mark(at, 300.0) for at in marks],
        boundaries=bounds,
        controls=Controls(**controls),  # type: ignore[arg-type]
    )


def order(how: LookBack | Boundaries, what: Chain) -> list[int]:
    return [at for window in how.places(what).windows for at in window]


def test_rules_choose_how() -> None:
    assert isinstance(places_of(ANTHROPIC), LookBack)
    assert isinstance(places_of(OPENAI), Boundaries)


def test_no_block_is_looked_at_twice() -> None:
    back = LookBack(replace(ANTHROPIC, lookback=5))
    assert order(back, chain(20, 3, 15, 17)) == [17, 16, 15, 14, 13, 12, 11, 3, 2, 1, 0]
    assert order(back, chain(20, 9)) == [9, 8, 7, 6, 5]


def test_positions_are_counted_and_not_blocks() -> None:
    runs = replace(chain(9, 8), positions=(0, 1, 1, 1, 1, 2, 2, 3, 4))
    assert order(LookBack(replace(ANTHROPIC, lookback=3)), runs) == [8, 7, 6, 5]
    assert order(LookBack(replace(ANTHROPIC, lookback=4)), runs) == [8, 7, 6, 5, 4, 3, 2, 1]


def test_no_limit_looks_at_all() -> None:
    assert order(LookBack(replace(ANTHROPIC, lookback=None)), chain(4, 3)) == [3, 2, 1, 0]


@pytest.mark.parametrize(
    ("excess", "writes", "refused"), [("refuse", 0, True), ("latest", 4, False)]
)
def test_more_markers_than_are_honoured(excess: str, writes: int, refused: bool) -> None:
    rules = replace(ANTHROPIC, excess=excess)  # type: ignore[arg-type]
    places = LookBack(rules).places(chain(9, *range(6)))
    assert (len(places.writes), places.refused) == (writes, refused)


def test_an_implicit_breakpoint_takes_the_request_s_ttl() -> None:
    places = Boundaries(OPENAI).places(chain(3, bounds=(0, 1), ttl=43200.0))
    assert list(places.writes) == [Mark(1, 43200.0)]


def test_without_boundaries_only_explicit_ones_are_left() -> None:
    places = Boundaries(OPENAI).places(chain(9, *range(6)))
    assert [mark.segment for mark in places.writes] == [3, 4, 5]
    assert places.looked() == set(range(6))


def test_each_boundary_is_looked_up_once() -> None:
    assert order(Boundaries(OPENAI), chain(9, 2, 4, bounds=(0, 2, 4, 6))) == [6, 4, 2, 0]
