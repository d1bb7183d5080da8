"""Totals into exclusive buckets and back, whatever an upstream says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.dialects import COMPATIBLE
from headstart.dialects.openai.usage import CHAT_USAGE, RESPONSES_USAGE
from headstart.dialects.openai.usage_fields import UsageFields, at
from headstart.usage import Usage

ALL = [CHAT_USAGE, RESPONSES_USAGE, *(d.format.usage for d in COMPATIBLE.values())]
_COUNTS = st.integers(0, 10**6)


@pytest.mark.parametrize("fields", ALL)
@given(_COUNTS, _COUNTS, _COUNTS, _COUNTS)
def test_what_is_written_is_read(
    fields: UsageFields, fresh: int, read: int, written: int, output: int
) -> None:
    given_out = {fields.bucket: written} if fields.written else {}
    usage = Usage(fresh=fresh, read=read, output=output, **given_out)
    assert fields.read(fields.render(usage)) == usage


def test_both_lifetimes() -> None:
    usage = Usage(fresh=1, read=2, write_30m=3, write_12h=4, output=5)
    assert RESPONSES_USAGE.read(RESPONSES_USAGE.render(usage)) == usage


_PATHS = sorted({
    path
    for fields in ALL
    for path in (fields.input, fields.output, *fields.cached, *fields.by_ttl,
                 fields.missed, fields.written)
    if path
})  # fmt: skip
_VALUES = st.sampled_from([-1, 0, 1, 5, 2**63, 2**80, 1.5, True, None, "3", [], {}])


@pytest.mark.parametrize("fields", ALL)
@given(st.dictionaries(st.sampled_from(_PATHS), _VALUES, max_size=6))
def test_nothing_is_counted_twice_and_nothing_raises(
    fields: UsageFields, given_counts: dict[str, Any]
) -> None:
    usage: dict[str, Any] = {}
    for path, value in sorted(given_counts.items()):
        *parents, name = path.split(".")
        inner = usage
        for parent in parents:
            if not isinstance(inner.get(parent), dict):
                inner[parent] = {}
            inner = inner[parent]
        inner[name] = value
    read = fields.read(usage)
    assert read is not None
    total = at(usage, fields.input)
    if isinstance(total, int) and not isinstance(total, bool) and 0 <= total < 2**63:
        assert read.input == total


@pytest.mark.parametrize("value", [None, 1, "x", [], [{}]])
def test_what_is_no_usage(value: Any) -> None:
    assert CHAT_USAGE.read(value) is None


def test_a_path_through_lists_and_nothing() -> None:
    value = {"choices": [{"usage": 1}]}
    assert at(value, "choices.0.usage") == 1
    for path in ("choices.1.usage", "choices.x", "choices.0.usage.deep", "none"):
        assert at(value, path) is None
