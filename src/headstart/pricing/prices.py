"""What providers charge: a small dated table, as data.

USD per million tokens. A row that is not here is not guessed at: ``price_of`` raises.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

_GENAI_PRICES = "genai-prices 0.2.3"
_COMPILED = date(2026, 11, 23)


class UnknownPrice(LookupError):
    """No row for this model, or none for a request of this size."""


@dataclass(frozen=True, slots=True)
class Price:
    """One model's row, in USD per million tokens. None: the provider sells no such write."""

    provider: str
    model: str
    input: float
    read: float
    output: float
    write_5m: float | None
    write_1h: float | None
    write_other: float | None
    up_to_input: int | None
    """Largest total input of a request, in tokens, that this row is for; None: any."""
    source: str
    as_of: date


PRICES: tuple[Price, ...] = (
    Price(
        provider="anthropic",
        model="claude-opus-5-5",
        input=4.0,
        read=0.20,
        output=20.0,
        write_5m=5.0,
        write_1h=8.0,
        write_other=None,
        up_to_input=None,
        source=_GENAI_PRICES,
        as_of=_COMPILED,
    ),
    Price(
        provider="anthropic",
        model="claude-haiku-5-5",
        input=0.10,
        read=0.01,
        output=0.50,
        write_5m=0.125,
        write_1h=0.20,
        write_other=None,
        up_to_input=100_000,
        source=_GENAI_PRICES,
        as_of=_COMPILED,
    ),
    Price(
        provider="openai",
        model="gpt-6.1-sol",
        input=2.0,
        read=0.10,
        output=10.0,
        write_5m=None,
        write_1h=None,
        write_other=2.5,
        up_to_input=272_000,
        source=_GENAI_PRICES,
        as_of=_COMPILED,
    ),
)


def price_of(model: str, input_tokens: int = 0) -> Price:
    """The row for a request of ``input_tokens`` in all; UnknownPrice without one."""
    rows = [price for price in PRICES if price.model == model]
    if not rows:
        known = ", ".join(sorted({price.model for price in PRICES}))
        raise UnknownPrice(f"no price for model {model!r}; known: {known}")
    for price in rows:
        if price.up_to_input is None or input_tokens <= price.up_to_input:
            return price
    raise UnknownPrice(f"no price for {model} beyond {rows[-1].up_to_input} input tokens")
