"""Prices as the providers' pages had them on 2026-11-23, one by one, against the table."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from headstart.pricing import price_of

ANTHROPIC = [
    ("claude-fable-5-2", 0, 8, 10, 16, 0.20, 40),
    ("claude-mythos-5-2", 0, 8, 10, 16, 0.20, 40),
    ("claude-opus-5-5", 0, 4, 5, 8, 0.20, 20),
    ("claude-sonnet-5-5", 0, 2, 2.5, 4, 0.10, 10),
    ("claude-haiku-5-5", 100_000, 0.10, 0.125, 0.20, 0.01, 0.50),
    ("claude-haiku-5-5", 100_001, 0.50, 0.625, 1.00, 0.05, 2.50),
    ("claude-opus-5", 0, 5, 6.25, 10, 0.50, 25),
    ("claude-opus-4-8", 0, 5, 6.25, 10, 0.50, 25),
    ("claude-haiku-4-5", 0, 1, 1.25, 2, 0.10, 5),
]
OPENAI = [
    ("gpt-6-astra", 10, 12.5, 25, 1.00, 50),
    ("gpt-6.1-sol", 2, 2.5, 5, 0.10, 10),
    ("gpt-6.1-terra", 1, 1.25, 2.5, 0.05, 5),
    ("gpt-6-luna", 0.10, 0.125, 0.25, 0.01, 0.50),
    ("gpt-5.6-sol", 4, 5, 10, 0.40, 20),
    ("gpt-5.5", 5, None, None, 0.50, 30),
    ("gpt-4.1", 2, None, None, 0.50, 8),
]
GOOGLE = [
    ("gemini-4-argon", 0, date(2026, 11, 30), 2, 0.10, 10, None),
    ("gemini-4-argon", 0, date(2026, 12, 1), 4, 0.20, 20, None),
    ("gemini-3.8-flash", 0, date(2026, 12, 31), 0.75, 0.075, 3.75, 0.50),
    ("gemini-3.8-flash", 0, date(2027, 1, 1), 1.5, 0.15, 7.5, 1.00),
    ("gemini-3.1-pro-preview", 200_000, None, 2, 0.20, 12, 4.50),
    ("gemini-3.1-pro-preview", 200_001, None, 4, 0.40, 18, 4.50),
    ("gemini-3.5-flash-lite", 0, None, 0.30, 0.03, 2.50, None),
    ("gemini-2.5-pro", 200_000, None, 1.25, 0.125, 10, 4.50),
    ("gemini-2.5-pro", 200_001, None, 2.5, 0.25, 15, 4.50),
]
OTHERS = [
    ("deepseek", "deepseek-flash", 0, 0.15, 0.003, 0.60),
    ("deepseek", "deepseek-v4-pro", 0, 0.66, 0.022, 1.98),
    ("xai", "grok-4.7", 0, 2, 0.50, 6),
    ("xai", "grok-4.5", 0, 2, 0.30, 6),
    ("xai", "grok-4.3", 0, 1.25, 0.20, 2.50),
    ("xai", "grok-4.3", 200_000, 2.5, 0.40, 5),
    ("mistral", "mistral-large-4", 0, 0.70, 0.07, 2.10),
    ("mistral", "mistral-medium-3.5", 0, 1.5, 0.15, 7.5),
    ("mistral", "mistral-small-latest", 0, 0.15, 0.015, 0.60),
    ("groq", "openai/gpt-oss-120b", 0, 0.15, 0.075, 0.60),
    ("groq", "openai/gpt-oss-20b", 0, 0.075, 0.0375, 0.30),
    ("groq", "moonshotai/kimi-k2-instruct", 0, 1, 0.50, 3),
    ("bedrock", "global.anthropic.claude-opus-5-5", 0, 4, 0.20, 20),
    ("bedrock", "us.anthropic.claude-opus-5-5", 0, 4.4, 0.22, 22),
    ("bedrock", "amazon.nova-pro-v1:0", 0, 0.8, 0.2, 3.2),
    ("bedrock", "global.amazon.nova-2-lite-v1:0", 0, 0.30, 0.075, 2.50),
    ("qwen", "qwen3.7-max", 0, 2.5, 0.25, 7.5),
    ("qwen-implicit", "qwen3.7-max", 0, 2.5, 0.5, 7.5),
    ("qwen", "qwen3.8-max", 0, 2, 0.25, 6),
    ("qwen", "qwen3.8-flash", 0, 0.15, 0.016, 0.47),
]
KIMI = [
    ("kimi-k3", 3, 3, 6, 0.30, 15),
    ("kimi-k3.1-pro", 2, 2, 4, 0.20, 10),
    ("kimi-k3.1-pro-highspeed", 4, 4, 8, 0.20, 20),
    ("kimi-k2.6", 0.95, None, None, 0.16, 4),
]


@pytest.mark.parametrize("row", ANTHROPIC, ids=lambda row: f"{row[0]}-{row[1]}")
def test_anthropic(row: tuple[str, int, float, float, float, float, float]) -> None:
    price = price_of(*row[:2], provider="anthropic")
    assert (price.input, price.write_5m, price.write_1h, price.read, price.output) == row[2:]


@pytest.mark.parametrize("row", OPENAI, ids=lambda row: row[0])
def test_openai(row: tuple[str, float, float | None, float | None, float, float]) -> None:
    price = price_of(row[0], provider="openai")
    assert (price.input, price.write_30m, price.write_12h, price.read, price.output) == row[1:]


@pytest.mark.parametrize("name", [row[0] for row in OPENAI[:4]])
def test_openai_above_272k(name: str) -> None:
    base, long = price_of(name, 272_000), price_of(name, 272_001)
    assert long.input == pytest.approx(2 * base.input)
    assert long.read == pytest.approx(2 * base.read)
    assert long.output == pytest.approx(1.5 * base.output)
    assert long.write_30m == pytest.approx(2 * (base.write_30m or 0))


@pytest.mark.parametrize("row", GOOGLE, ids=lambda row: f"{row[0]}-{row[1]}-{row[2]}")
def test_google(
    row: tuple[str, int, date | None, float, float, float, float | None],
) -> None:
    price = price_of(row[0], row[1], provider="google", at=row[2])
    assert (price.input, price.read, price.output, price.storage) == row[3:]


@pytest.mark.parametrize("row", OTHERS, ids=lambda row: "-".join(map(str, row[:3])))
def test_others(row: tuple[str, str, int, float, float, float]) -> None:
    noon = datetime(2026, 11, 23, 12, tzinfo=UTC)
    price = price_of(row[1], row[2], provider=row[0], at=noon)
    assert (price.input, price.read, price.output) == pytest.approx(row[3:])


@pytest.mark.parametrize("row", KIMI, ids=lambda row: row[0])
def test_kimi(row: tuple[str, float, float | None, float | None, float, float]) -> None:
    price = price_of(row[0], provider="kimi")
    assert (price.input, price.write_5m, price.write_1h, price.read, price.output) == row[1:]


@pytest.mark.parametrize(("hour", "factor"), [(0, 1), (1, 2), (3, 2), (4, 1), (6, 2), (10, 1)])
def test_deepseek_by_the_hour(hour: int, factor: int) -> None:
    price = price_of("deepseek-flash", at=datetime(2026, 11, 23, hour, tzinfo=UTC))
    assert price.input == pytest.approx(0.15 * factor)
    assert price.read == pytest.approx(0.003 * factor)
