"""Batches lost, late, asked for again: what is applied, and whether that is known to be all."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from headstart.planner.affinity import Feed, Verdict


def follow(feed: Feed, live: list[int], kept: range) -> list[int]:
    """What is applied of these live batches, by a subscriber that asks a publisher which
    keeps ``kept``."""
    applied = []
    for number in live:
        verdict = feed.live(number)
        if verdict is Verdict.RESTART:
            applied.clear()
            verdict = Verdict.APPLY if number == 0 else Verdict.REPLAY
        if verdict is Verdict.REPLAY:
            for old in kept:
                if feed.next <= old <= number and feed.replayed(old) is Verdict.APPLY:
                    applied.append(old)
            if feed.gave_up(number) is Verdict.APPLY:
                applied.append(number)
        elif verdict is Verdict.APPLY:
            applied.append(number)
    return applied


@given(st.lists(st.booleans(), min_size=1, max_size=40), st.integers(0, 40))
def test_whatever_is_lost_is_had_again_or_known_to_be_missing(
    arrives: list[bool], oldest: int
) -> None:
    live = [number for number, came in enumerate(arrives) if came]
    feed = Feed()
    applied = follow(feed, live, range(oldest, len(arrives)))
    last = live[-1] if live else -1
    assert applied == sorted(set(applied))
    assert feed.next == last + 1
    missing = set(range(last + 1)) - set(applied)
    assert feed.whole == (not missing)
    assert feed.lost == len(missing)


def test_a_live_batch_that_a_replay_overtook_is_skipped() -> None:
    feed = Feed()
    assert feed.live(0) is Verdict.APPLY
    assert feed.live(3) is Verdict.REPLAY
    assert [feed.replayed(n) for n in (1, 2, 3)] == [Verdict.APPLY] * 3
    assert [feed.live(n) for n in (1, 2, 3)] == [Verdict.SKIP] * 3
    assert feed.live(4) is Verdict.APPLY
    assert feed.replayed(4) is Verdict.SKIP


def test_a_publisher_that_begins_anew() -> None:
    feed = Feed()
    for number in range(5):
        feed.live(number)
    assert feed.live(0) is Verdict.RESTART
    assert feed.live(1) is Verdict.APPLY
    assert feed.live(0) is Verdict.RESTART, "twice"
    for number in range(1, 5):
        feed.live(number)
    assert feed.live(2) is Verdict.RESTART, "its first batches were not seen"
    assert (feed.next, feed.whole) == (0, True)
    assert feed.gave_up(2) is Verdict.APPLY
    assert (feed.lost, feed.whole) == (2, False)
    feed.cleared()
    assert feed.whole
