"""What an audit is told beside the logs: assumptions, prices, bounds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from headstart.pricing import Row

Progress = Callable[[str, int, int], None]
"""Called with a stage ("reading", "replaying" ...), what is done of it, and of how much: bytes
of the files while reading, else steps."""


def silent(stage: str, done: int, total: int) -> None:
    """No progress shown."""


@dataclass(frozen=True, slots=True)
class Options:
    """Assumptions count only where a log does not say."""

    provider: str = "anthropic"
    """Whose cache it would be."""
    model: str = "claude-opus-5-5"
    gap: float = 15.0
    """Seconds between two requests of a log without times."""
    day: date | None = None
    """Whose rules and prices count; None: those of the log's last day, or of the price table."""
    prices: Sequence[Row] = ()
    """The caller's own, ahead of the table's."""
    compare: tuple[tuple[str, str], ...] | None = None
    """(provider, model) to reckon the same traffic with; None: one current model of each of
    some providers."""
    kv_model: str = "llama-3.1-8b"
    """Of ``pricing.OPEN_MODELS``: whose KV the capacity curve is about."""
    format: str | None = None
    """Name of the importer for all files; None: detected for each."""
    workers: int | None = None
    """Processes that read; None: one a core, at most 4; 1: this process reads."""
    most_culprits: int = 30
    text_bytes: int = 256 << 20
    """Compressed prompt text that is held at most; beyond it culprits have no characters."""
    planner: bool = True
    """Replay the planner among the options."""
