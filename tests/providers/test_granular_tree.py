from __future__ import annotations

from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.prompt import Cuts
from headstart.providers.granular_tree import TimedTree
from headstart.providers.rules import Lifetime
from tests.providers.naive_times import NaiveTimes

FIVE, HOUR = Lifetime(300, "write_5m"), Lifetime(3600, "write_1h")


def cuts(path: str, tokens: int = 10) -> Cuts:
    """One cut a letter; each symbol stands for the whole prefix, as digests do."""
    return Cuts(b"".join(symbols(path)), tuple(range(tokens, tokens * len(path) + 1, tokens)))


def symbols(path: str) -> tuple[bytes, ...]:
    return tuple(path[: i + 1].rjust(8).encode() for i in range(len(path)))


PATHS = st.text("ab", min_size=1, max_size=8)
STEPS = st.tuples(
    st.sampled_from(["write", "held", "reload"]),
    PATHS,
    st.sampled_from(["", "x"]),
    st.integers(0, 1),
    st.floats(0, 250),
)
OFFERS = st.sampled_from(
    [
        (FIVE, HOUR),
        (Lifetime(300, None), Lifetime(600, None)),
        (Lifetime(300, None, refresh=False), Lifetime(600, "write_other")),
        (Lifetime(inf, None), Lifetime(200, None)),
    ]
)


@given(OFFERS, st.lists(STEPS, max_size=40))
@settings(max_examples=150, deadline=None)
def test_it_does_what_a_dictionary_of_prefixes_does(
    offers: tuple[Lifetime, ...], steps: list[tuple[str, str, str, int, float]]
) -> None:
    tree, naive = TimedTree(offers, limit=1000), NaiveTimes(offers)
    now = 0.0
    for kind, path, scope, lifetime, wait in steps:
        now += wait
        if kind == "write":
            tree.write(cuts(path), scope, lifetime, now)
            naive.write(symbols(path), scope, lifetime, now)
        if kind == "reload":
            rows, tree = tree.dump(), TimedTree(offers, limit=1000)
            tree.restore(rows)
        assert tree.held(cuts(path), scope, now) == naive.held(symbols(path), scope, now)
    tree.check_integrity()
    assert tree.tokens == 10 * len(naive.pages)


@given(st.lists(PATHS, max_size=40), st.integers(1, 5), st.integers(0, 120))
@settings(max_examples=60, deadline=None)
def test_it_stays_within_its_bounds(paths: list[str], limit: int, capacity: int) -> None:
    tree = TimedTree((Lifetime(inf, None),), limit=limit, capacity=capacity)
    for now, path in enumerate(paths):
        tree.write(cuts(path), "", 0, now)
        assert tree.nodes <= limit
        assert tree.tokens <= capacity
        assert tree.tokens == 10 * tree.size_info().pages


def test_who_was_used_longest_ago_goes_first_tail_first() -> None:
    tree = TimedTree((Lifetime(inf, None),), limit=100, capacity=80)
    for now, path in enumerate(["aaaa", "bbbb", "aaaa", "cc"]):
        tree.write(cuts(path), "", 0, now)
    held = [tree.held(cuts(path), "", 4).live for path in ("aaaa", "bbbb", "cc")]
    assert held == [4, 2, 2]


def test_first_in_goes_first_where_that_is_the_order() -> None:
    tree = TimedTree((Lifetime(inf, None),), limit=100, capacity=80, order="fifo")
    for now, path in enumerate(["aaaa", "bbbb", "aaaa", "cc"]):
        tree.write(cuts(path), "", 0, now)
    held = [tree.held(cuts(path), "", 4).live for path in ("aaaa", "bbbb", "cc")]
    assert held == [2, 4, 2]


def test_the_order_survives_a_dump() -> None:
    tree = TimedTree((Lifetime(inf, None),), limit=100, capacity=80)
    for now, path in enumerate(["aaaa", "bbbb", "aaaa"]):
        tree.write(cuts(path), "", 0, now)
    again = TimedTree((Lifetime(inf, None),), limit=100, capacity=80)
    again.restore(tree.dump())
    again.write(cuts("cc"), "", 0, 3)
    assert [again.held(cuts(path), "", 4).live for path in ("aaaa", "bbbb")] == [4, 2]


def test_forgetting_takes_all_that_continues() -> None:
    tree = TimedTree((FIVE,), limit=100)
    tree.write(cuts("aab"), "", 0, 0)
    tree.write(cuts("aac"), "", 0, 0)
    tree.forget(cuts("aab"), 1, "")
    assert tree.held(cuts("aac"), "", 0).stored <= 1
    assert tree.tokens == 10 * tree.size_info().pages


def test_a_page_holds_more_than_any_context() -> None:
    tree = TimedTree((FIVE,), limit=100)
    tree.write(Cuts(b"12345678", (200_000_000,)), "", 0, 0)
    assert tree.tokens == 200_000_000


@pytest.mark.parametrize(
    "bad",
    [
        [[-1, "", b"", [], 0.0, 0.0, 1]],
        [[5, "", b"12345678", [80], 0.0, 0.0, 1]],
        [[-1, "", b"12345678", [87], 0.0, 0.0, 1]],
        [[-1, "", b"1234567", [80], 0.0, 0.0, 1]],
        [[-1, "", b"12345678", [80], 0.0, 0.0, 1]] * 2,
        [[-1, "", b"12345678", [80]]],
    ],
)
def test_what_is_no_dump_is_refused(bad: list[list[object]]) -> None:
    with pytest.raises((ValueError, TypeError, IndexError)):
        TimedTree((FIVE,), limit=100).restore(bad)


@pytest.mark.parametrize(
    "options", [{"limit": 0}, {"limit": 1, "capacity": -1}, {"limit": 1, "order": "mru"}]
)
def test_bounds_that_make_no_sense_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="no such bounds"):
        TimedTree((FIVE,), **options)  # type: ignore[arg-type]
