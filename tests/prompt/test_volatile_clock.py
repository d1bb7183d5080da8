from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from time import asctime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.prompt import spans

_MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2089, 12, 31))
_ZONES = st.sampled_from(
    [UTC, timezone(timedelta(hours=5, minutes=30)), timezone(-timedelta(hours=8))]
)
_TIMESTAMPS = (
    lambda moment: moment.isoformat(),
    lambda moment: moment.replace(tzinfo=None).isoformat(" "),
    lambda moment: moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z",
    format_datetime,
    lambda moment: asctime(moment.timetuple()),
    lambda moment: moment.strftime("%Y/%m/%d %H:%M"),
    lambda moment: moment.strftime("%d.%m.%Y %H:%M:%S"),
    lambda moment: moment.strftime("%A, %B %d, %Y at %I:%M %p"),
    lambda moment: moment.strftime("%d %B %Y, %H:%M"),
    lambda moment: moment.strftime("%Y%m%dT%H%M%SZ"),
)
_DATES = (
    lambda moment: moment.date().isoformat(),
    lambda moment: moment.strftime("%m/%d/%Y"),
    lambda moment: moment.strftime("%a %b %d %Y"),
    lambda moment: moment.strftime("%A, %B %d, %Y"),
    lambda moment: moment.strftime("%d %b %Y"),
    lambda moment: moment.strftime("%Y年%m月%d日"),
)


@pytest.mark.parametrize("written", _TIMESTAMPS)
@given(moment=_MOMENTS, zone=_ZONES)
def test_timestamps_are_found_whole(written, moment: datetime, zone: timezone) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    value = written(moment.replace(tzinfo=zone))
    text = f"You are an agent. The current time is {value} \nBe brief."
    (span,) = spans(text)
    assert (span.kind, text[span.start : span.end]) == ("timestamp", value)


@pytest.mark.parametrize("written", _DATES)
@given(moment=_MOMENTS)
def test_dates_are_found_whole(written, moment: datetime) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    value = written(moment)
    text = f"Today is {value}. Be brief."
    (span,) = spans(text)
    assert (span.kind, text[span.start : span.end]) == ("date", value)


@given(moment=_MOMENTS.filter(lambda moment: 2015 <= moment.year <= 2032), millis=st.booleans())
def test_seconds_since_1970_need_a_word_that_says_so(moment: datetime, millis: bool) -> None:
    value = str(int(moment.replace(tzinfo=UTC).timestamp()) * (1000 if millis else 1))
    (span,) = spans(f'{{"created_at": {value}}}')
    assert span == ("timestamp", 15, 15 + len(value))
    assert spans(f"the order number is {value}") == ()


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("The current time is 2024-05-15 15:00:00 EST.", "timestamp", "2024-05-15 15:00:00 EST"),
        ("It is 14:03.", "time", "14:03"),
        ("Local time: 2:03 PM", "time", "2:03 PM"),
        ("Today is Monday.", "date", "Monday"),
        ("Current date: November 2026", "date", "November 2026"),
        ("the 5th of January 2026", "date", "5th of January 2026"),
    ],
)
def test_prose(text: str, kind: str, value: str) -> None:
    (span,) = spans(text)
    assert (span.kind, text[span.start : span.end]) == (kind, value)


@pytest.mark.parametrize(
    "text",
    [
        'a date such as "2024-05-20"',
        "Knowledge cutoff: 2025-03-01",
        "dates in the form 2026-13-01 or 2026-02-77",
        "open from 9:00 to 17:00, ratio 16:9:30",
        "version 2026.1 since 2019-01-01",
    ],
)
def test_dates_that_stay(text: str) -> None:
    assert spans(text) == ()
