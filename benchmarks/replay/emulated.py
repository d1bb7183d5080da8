"""The replay model beside the emulator that serves: the same rules must bill the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any, Final

from benchmarks.replay.calls import Call
from benchmarks.replay.model import Store
from headstart.prompt import Mark
from headstart.providers import emulate
from headstart.usage import Usage

KNOBS: Final[dict[str, Any]] = {
    "lookback": None,
    "minimum": 0,
    "readable": "at_once",
    "minimums": {},
}
"""What makes Anthropic's rules those of the replay model."""


def disagreements(calls: Sequence[Call], plans: Sequence[Sequence[Mark]]) -> int:
    """Of these calls, marked like this, how many the emulator bills otherwise."""
    emulator = emulate(
        "anthropic", "claude-sonnet-4-6", date(2026, 11, 1), count=lambda _: 0, knobs=KNOBS
    )
    store, wrong = Store(), 0
    for call, marks in zip(calls, plans, strict=True):
        bill = store.serve(call, marks, call.time, asked=True)
        ticket = emulator.begin(replace(call.chain(), marks=tuple(marks)), call.time)
        ticket.first_byte(call.time)
        expected = Usage(bill.fresh, bill.read, write_5m=bill.short, write_1h=bill.long)
        wrong += ticket.lookup.usage != expected
    return wrong
