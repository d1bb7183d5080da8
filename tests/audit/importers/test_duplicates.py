from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from headstart.audit.importers import Duplicates
from headstart.audit.record import Place, Record

PLACE = Place("log", 1)


@given(st.lists(st.none() | st.sampled_from([f"id{n}" for n in range(30)])), st.integers(1, 20))
def test_an_id_is_seen_once_within_what_is_remembered(ids: list[str | None], most: int) -> None:
    duplicates, window = Duplicates(most), list[str]()
    for name in ids:
        seen = duplicates.seen(Record(PLACE, id=name))
        assert seen == (name in window)
        if name is not None and not seen:
            window = [*window, name][-most:]
        assert len(duplicates) <= most


def test_records_without_an_id_are_all_new() -> None:
    duplicates = Duplicates()
    assert not any(duplicates.seen(Record(PLACE)) for _ in range(3))
