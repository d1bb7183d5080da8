"""Planning against a naive twin that keeps sets of pages instead of one number."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from headstart.integrations.vllm.plan import RECENT_SECONDS, Course, Recent, readable_pages

PAGE = 4


@given(st.integers(0, 40), st.integers(1, 40))
def test_the_last_token_is_never_read(stored: int, tokens: int) -> None:
    pages = readable_pages(stored, tokens, PAGE)
    assert pages * PAGE < tokens
    assert pages == stored or (pages + 1) * PAGE >= tokens


@given(st.integers(0, 12), st.integers(1, 40), st.integers(0, 10))
def test_what_is_loaded_begins_where_vllm_s_own_hit_ends(
    stored: int, tokens: int, local: int
) -> None:
    local = readable_pages(local, tokens, PAGE)
    loads = Course(PAGE).loads(stored, tokens, local * PAGE)
    assert loads % PAGE == 0
    assert local * PAGE + loads < tokens
    assert loads == max(0, min(stored, (tokens - 1) // PAGE) - local) * PAGE


@dataclass
class Twin:
    """Which pages were computed, and which were saved or found."""

    kept: set[int] = field(default_factory=set)

    def due(self, computed: int, scheduled: int, known: int) -> set[int]:
        whole = {p for p in range(100) if (p + 1) * PAGE <= min(computed + scheduled, known)}
        due = {p for p in whole if any(q not in self.kept for q in range(p + 1))}
        self.kept |= whole
        return due


@given(
    st.integers(0, 10),
    st.lists(st.tuples(st.integers(1, 9), st.booleans()), max_size=12),
)
def test_every_full_page_is_saved_once_and_in_order(
    stored: int, steps: list[tuple[int, bool]]
) -> None:
    course, twin = Course(PAGE), Twin(set(range(stored)))
    course.kept = stored
    computed = 0
    saved: list[int] = []
    for scheduled, ahead in steps:
        # An asynchronous scheduler does not know the id of the step's last token yet.
        known = computed + scheduled - ahead
        due = course.due(computed, scheduled, known)
        assert set(due) == twin.due(computed, scheduled, known)
        saved += due
        computed += scheduled
    assert saved == sorted(set(saved))
    assert all(page >= stored for page in saved)


def test_what_failed_to_load_is_saved_once_computed() -> None:
    course = Course(PAGE)
    course.kept = 5
    course.loading(1, [10, 11, 12, 13])
    course.failed({12, 13, 99})
    # Page 3, in block 12, and all behind it: they are computed now.
    assert list(course.due(3 * PAGE, 3 * PAGE, 100)) == [3, 4, 5]
    assert list(course.due(6 * PAGE, PAGE - 1, 100)) == []


def test_other_requests_failures_change_nothing() -> None:
    course = Course(PAGE)
    course.kept = 5
    course.loading(1, [10, 11])
    course.failed({1, 2, 3})
    assert list(course.due(0, 5 * PAGE, 100)) == []


def test_pages_on_their_way_are_not_copied_again_for_a_while() -> None:
    recent = Recent()
    recent.add(["a", "b"], now=100.0)
    assert recent.skip(["a", "b", "c"], 0, 101.0) == 2
    assert recent.skip(["x", "b", "c"], 0, 101.0) == 0
    assert recent.skip(["x", "b", "c"], 1, 101.0) == 2
    assert recent.skip(["a", "b"], 0, 100.0 + RECENT_SECONDS) == 0
