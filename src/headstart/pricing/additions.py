"""Prices that genai-prices lacks or has otherwise, added by hand, each with its source."""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import NamedTuple

from headstart.pricing.rows import Row

_LITELLM = "litellm 1.109.1"
_GOOGLE = "Google's price list through a dated research note, 2026-10-01"
_QWEN = "litellm 1.109.1; alibabacloud.com model studio context cache, 2026-10-11"

TWELVE_HOURS = 2.0
"""OpenAI's 12 h write over its 30 m write (litellm 1.109.1: 2.5 against 1.25 times input)."""


class Storage(NamedTuple):
    """USD per million tokens and hour from a day on, for models that begin so."""

    model: str
    since: date
    rate: float
    source: str


STORAGE = (
    Storage("gemini-3.8-flash", date.min, 0.50, _GOOGLE),
    Storage("gemini-3.8-flash", date(2027, 1, 1), 1.00, _GOOGLE),
    Storage("gemini-3.1-pro", date.min, 4.50, _GOOGLE),
    Storage("gemini-2.5-pro", date.min, 4.50, _GOOGLE),
)
"""What a ``cachedContents`` object costs to hold. Models that are not here: not published."""

EXCEPTIONS: dict[tuple[str, str], str] = {}
"""(provider, model) of generated rows that an addition replaces, and why."""


@cache
def addition_rows() -> tuple[Row, ...]:
    """Rows in front of the generated ones."""
    return (
        _row("qwen", "qwen3.7-max", 2.5, 0.25, 7.5, write=3.125),
        _row("qwen", "qwen3.8-max", 2.0, 0.25, 6.0, write=2.5),
        _row("qwen", "qwen3.8-flash", 0.15, 0.016, 0.47, write=0.1875),
        _row("qwen-implicit", "qwen3.7-max", 2.5, 0.5, 7.5),
        _row("qwen-implicit", "qwen3.8-max", 2.0, 0.4, 6.0),
        _row("qwen-implicit", "qwen3.8-flash", 0.15, 0.03, 0.47),
    )


def _row(
    provider: str,
    model: str,
    cost: float,
    read: float,
    output: float,
    *,
    write: float | None = None,
) -> Row:
    pattern = f"^{model.replace('.', r'[.]')}"
    return Row(provider, model, pattern, date.min, None, 0, cost, read, output, write, None, _QWEN)
