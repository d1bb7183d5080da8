"""Write ``headstart/pricing/table.py`` from the installed genai-prices.

    python tools/prices.py > src/headstart/pricing/table.py

Only text models of the providers that Headstart knows, at list price: batch and service
tiers are variants of the caller's, not of the table.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

from genai_prices import types
from genai_prices.data import providers

PROVIDERS = {
    "anthropic": "anthropic",
    "openai": "openai",
    "google": "google",
    "aws": "bedrock",
    "deepseek": "deepseek",
    "x-ai": "xai",
    "mistral": "mistral",
    "groq": "groq",
    "moonshotai": "kimi",
}
"""Theirs to ours."""
RATES = ("input_mtok", "cache_read_mtok", "output_mtok", "cache_write_mtok", "cache_write_1h_mtok")
HEAD = '''# ruff: noqa: E501
"""List prices, generated: do not edit, see ``additions.py``.

Source: genai-prices {version}, by ``tools/prices.py``. One row a line, tab-separated:
provider, model, pattern (a regular expression, searched in the lower-case name), first day,
hours (UTC, from-to) and least input tokens that it is for, then USD per million tokens:
input, read, output, write, write for 1 h. A dash: any, or not sold. Of the rows of
one model that apply, the last one counts.
"""

SOURCE = "genai-prices {version}"

ROWS = r"""
'''


def main() -> None:
    """Print the module."""
    out = sys.stdout
    out.write(HEAD.format(version=version("genai-prices")))
    for row in rows():
        out.write("\t".join(cell or "-" for cell in row) + "\n")
    out.write('"""\n')


def rows() -> Iterator[tuple[str, ...]]:
    """Every row, in the package's order."""
    for provider in providers:
        if provider.id not in PROVIDERS:
            continue
        for model in provider.models:
            pattern = regex(model.match).replace(r"\-", "-")
            for condition in conditions(model):
                for least, rates in tiers(condition.prices):
                    if rates["input_mtok"] and rates["output_mtok"]:
                        yield (
                            PROVIDERS[provider.id],
                            model.id,
                            pattern,
                            *limits(condition.constraint),
                            least,
                            *(rates[name] for name in RATES),
                        )


def conditions(model: Any) -> list[Any]:
    """A model's prices with their constraints, the general one first."""
    if isinstance(model.prices, list):
        return list(model.prices)
    return [types.ConditionalPrice(prices=model.prices)]


def limits(constraint: Any) -> tuple[str, str]:
    """First day and hours of a constraint."""
    if isinstance(constraint, types.StartDateConstraint):
        return constraint.start_date.isoformat(), ""
    if isinstance(constraint, types.TimeOfDateConstraint):
        return "", f"{constraint.start_time:%H:%M}-{constraint.end_time:%H:%M}"
    return "", ""


def tiers(prices: Any) -> Iterator[tuple[str, dict[str, str]]]:
    """Least number of input tokens, and the rates from there on."""
    given = {name: getattr(prices, name, None) for name in RATES}
    starts = {0}
    for price in given.values():
        if isinstance(price, types.TieredPrices):
            starts |= {tier.start for tier in price.tiers}
    for start in sorted(starts):
        rates = {name: _text(_at(price, start)) for name, price in given.items()}
        yield (str(start + 1) if start else ""), rates


def _at(price: Any, start: int) -> Any:
    if not isinstance(price, types.TieredPrices):
        return price
    found = price.base
    for tier in price.tiers:
        if tier.start <= start:
            found = tier.price
    return found


def _text(price: Any) -> str:
    return "" if price is None else format(price.normalize(), "f")


def regex(clause: Any) -> str:
    """The clause as one regular expression for ``re.search``."""
    match clause:
        case types.ClauseOr():
            return "|".join(regex(part) for part in clause.or_)
        case types.ClauseAnd():
            return "".join(f"(?=.*?(?:{regex(part)}))" for part in clause.and_).join(("^", ""))
        case types.ClauseEquals():
            return f"^{re.escape(clause.equals.lower())}$"
        case types.ClauseStartsWith():
            return f"^{re.escape(clause.starts_with.lower())}"
        case types.ClauseEndsWith():
            return f"{re.escape(clause.ends_with.lower())}$"
        case types.ClauseContains():
            return re.escape(clause.contains.lower())
        case types.ClauseRegex():
            return str(clause.regex)
    raise TypeError(f"unknown clause: {clause!r}")


if __name__ == "__main__":
    main()
