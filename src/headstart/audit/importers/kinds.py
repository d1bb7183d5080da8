"""Which kinds of log there are, and which of them a row belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from headstart.audit.importers.anthropic_report import UsageReport
from headstart.audit.importers.batches import BatchRequests, BatchResults, Stored
from headstart.audit.importers.bedrock import BedrockLogs
from headstart.audit.importers.chat import Chat
from headstart.audit.importers.claude_code import ClaudeCode
from headstart.audit.importers.codex import Codex
from headstart.audit.importers.contract import Importer
from headstart.audit.importers.har import Har
from headstart.audit.importers.helicone import Helicone
from headstart.audit.importers.langfuse import Langfuse
from headstart.audit.importers.ledger import Ledger
from headstart.audit.importers.litellm import LiteLLM
from headstart.audit.importers.otel import Otel
from headstart.audit.importers.raw import Raw
from headstart.audit.importers.sessions import AgentSessions
from headstart.audit.importers.traces import Bailian, ClaudeCodeBlocks, Mooncake
from headstart.audit.importers.values import Row

_ORDER: Final[tuple[type[Importer], ...]] = (
    ClaudeCodeBlocks,
    Bailian,
    Mooncake,
    ClaudeCode,
    Codex,
    BatchRequests,
    BatchResults,
    BedrockLogs,
    Helicone,
    LiteLLM,
    Otel,
    Langfuse,
    Har,
    UsageReport,
    Stored,
    AgentSessions,
    Chat,
    Raw,
)
"""The most particular first."""
_ALL: Final[tuple[type[Importer], ...]] = (*_ORDER, Ledger)
PEEKED: Final = frozenset(
    ("type", "object", "message", "@message", "log", "data", "input", "messages")
)
"""Fields whose content may decide; without them, a row's kind follows from its fields' names."""
KINDS: Final[Mapping[str, type[Importer]]] = MappingProxyType({kind.name: kind for kind in _ALL})
"""By name."""


class UnknownFormat(ValueError):
    """No importer has that name."""


def kind_named(name: str) -> type[Importer]:
    """UnknownFormat, with the names that there are."""
    try:
        return KINDS[name]
    except KeyError:
        known = ", ".join(sorted(KINDS))
        raise UnknownFormat(f"unknown format {name!r} (known: {known})") from None


def kind_of(row: Row) -> type[Importer] | None:
    """None for a row of no known kind."""
    return next((kind for kind in _ORDER if kind.takes(row)), None)
