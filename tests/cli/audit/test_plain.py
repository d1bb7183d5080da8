from __future__ import annotations

import pytest

from headstart.cli.audit.plain import _CAUSES, action, cause, span
from headstart.prompt import VolatileKind
from headstart.usage import MissReason


@pytest.mark.parametrize(
    "name", [*map(str, VolatileKind), *map(str, MissReason), "content", "tool_added", "history_cut"]
)
def test_every_cause_has_words_of_its_own(name: str) -> None:
    assert name in _CAUSES
    assert cause(name)[0].isupper()


def test_what_is_not_known_is_told_by_its_name() -> None:
    assert cause("moon_phase") == "Moon phase"
    assert action("wait_longer") == "Wait longer"


def test_spans_of_time() -> None:
    assert [span(s) for s in (8, 60, 5400, 86_400, 1_054_080)] == [
        "8 s",
        "1 min",
        "1.5 hours",
        "1 day",
        "12.2 days",
    ]
