from __future__ import annotations

import pytest

from headstart.prompt import Kind, Prompt, Segment
from headstart.providers import Lookup
from headstart.server.emulate import Entry, Journal
from headstart.usage import Usage


def _entry(number: int, text: str = "Hi") -> Entry:
    segment = Segment(Kind.SYSTEM, "system", -1, 0, text, None, None)
    return Entry(
        id=f"req_{number}",
        number=number,
        time=0.0,
        provider="anthropic",
        dialect="anthropic",
        model="m",
        account="",
        stream=False,
        prompt=Prompt("m", (segment,)),
        lookup=Lookup(Usage(fresh=1), None, None, None, 0, None, None),
        response_id=f"msg_{number}",
    )


def test_it_holds_the_latest_ones() -> None:
    journal = Journal(limit=2)
    for number in (1, 2, 3):
        journal.add(_entry(number))
    assert [entry.number for entry in journal] == [2, 3]
    assert journal.get("req_1") is None
    assert journal.get("msg_1") is None
    assert journal.get("msg_3") is journal.get("req_3")
    journal.clear()
    assert len(journal) == 0
    assert journal.get("msg_3") is None


@pytest.mark.parametrize(("sizes", "kept"), [((40, 40, 40), [2, 3]), ((40, 40, 400), [3])])
def test_it_holds_no_more_text_than_it_may(sizes: tuple[int, ...], kept: list[int]) -> None:
    journal = Journal(most_bytes=100)
    for number, size in enumerate(sizes, 1):
        journal.add(_entry(number, "x" * size))
    assert [entry.number for entry in journal] == kept
    journal.clear()
    journal.add(_entry(7, "x" * 90))
    journal.add(_entry(8, "x" * 5))
    assert [entry.number for entry in journal] == [7, 8]
