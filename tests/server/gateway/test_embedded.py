"""A gateway in a thread of a script's own."""

from __future__ import annotations

from pathlib import Path

import anthropic
import openai
import pytest

import headstart
from headstart.server.emulate import State
from tests.server.gateway.conftest import upstreams
from tests.server.gateway.test_fidelity import MODEL, TEXT


def test_sdks_by_their_urls_and_a_bill(emulator: tuple[str, State], tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.db"
    with headstart.Gateway(upstreams(emulator[0]), ledger=ledger) as hs:  # type: ignore[operator]
        claude = anthropic.Anthropic(base_url=hs.anthropic, api_key="k", max_retries=0)
        for question in ("one", "two"):
            claude.messages.create(
                model=MODEL,
                max_tokens=8,
                system=TEXT,
                messages=[{"role": "user", "content": question}],
            )
        gpt = openai.OpenAI(base_url=hs.openai, api_key="k", max_retries=0)
        gpt.chat.completions.create(model="gpt-4.1", messages=[{"role": "user", "content": "x"}])
        with pytest.raises(KeyError, match="known: anthropic"):
            hs.upstream("nowhere")
    bill = hs.report()
    assert bill.requests == 3
    assert bill.usage.read > 1000
    assert 0 < bill.cost < bill.uncached
    assert "read from the cache" in str(bill)
    assert ledger.stat().st_size > 0


def test_another_attribute_is_an_error() -> None:
    with pytest.raises(AttributeError, match="Nothing"):
        headstart.Nothing  # noqa: B018
