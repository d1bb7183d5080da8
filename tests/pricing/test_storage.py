from __future__ import annotations

import pytest

from headstart.pricing import hours_without_information, price_of, reads_per_hour, storage_of


@pytest.mark.parametrize(
    ("model", "minutes"), [("gemini-2.5-pro", 15), ("gemini-3.1-pro-preview", 24)]
)
def test_how_long_to_hold_without_information(model: str, minutes: float) -> None:
    storage = storage_of(price_of(model))
    assert storage is not None
    assert 60 * hours_without_information(*storage) == pytest.approx(minutes)


def test_reads_an_hour() -> None:
    assert reads_per_hour(3.6, 0.1) == pytest.approx(4)
    assert reads_per_hour(3.6, 0.1, implicit=0.5) == pytest.approx(8)
    assert reads_per_hour(3.6, 0.1, implicit=1) == float("inf")


def test_no_published_price() -> None:
    assert storage_of(price_of("gemini-3.5-flash-lite")) is None
    assert storage_of(price_of("claude-opus-5-5")) is None
