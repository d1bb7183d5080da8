"""One logged request, whatever log it came from: what importers give and the audit reads."""

from __future__ import annotations

from dataclasses import dataclass

from headstart.prompt import Prompt
from headstart.usage import Usage


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the logs a record stands."""

    path: str
    """As the caller named it; ``-`` for standard input."""
    line: int
    """From 1; of a format that is one JSON document, the number of the item in it."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """A prompt of which the log has no text, only ids of equal pieces from its start."""

    ids: tuple[bytes, ...]
    """Equal ids at equal positions behind equal ids mean equal content; already free of false
    matches (importers chain ids that their log hashes piece by piece)."""
    size: int
    """Tokens of each block but the last."""
    tokens: int
    """Tokens of the whole prompt."""
    tools: int = 0
    system: int = 0
    """Blocks 0..tools-1 are tools, those up to ``system`` system text; 0 where unknown."""


@dataclass(frozen=True, slots=True)
class Record:
    """One request to a model. None is "the log does not say", never 0.

    Holds prompt text until the audit has digested it. Headers and credentials never get here.
    """

    place: Place
    model: str = ""
    """As the log has it; "" where it does not say."""
    provider: str | None = None
    """Headstart's name of it (``anthropic``, ``openai``, ``bedrock`` ...)."""
    time: float | None = None
    """When the request was sent, Unix seconds; of logs with their own zero, seconds from it."""
    id: str | None = None
    """The provider's or the log's id of the request; a second record of one id is a duplicate."""
    conversation: str | None = None
    """Session, trace or thread id, if the log has one."""
    kind: str = ""
    """What sort of call the log says it is ("main", "subagent", "batch" ...); "" if it
    does not."""
    dialect: str | None = None
    """Wire format of the request body, where there is one; names of ``dialects.Hosted``."""
    prompt: Prompt | None = None
    blocks: Blocks | None = None
    """At most one of ``prompt`` and ``blocks``; neither in logs of usage alone."""
    usage: Usage | None = None
    """What the provider reported, in exclusive buckets."""
    output: int | None = None
    """Output tokens, also where there is no usage."""
    status: int | None = None
    """HTTP status; None is taken as success."""
    stream: bool | None = None
    ttft: float | None = None
    latency: float | None = None
    """Seconds."""
    cost: float | None = None
    """USD, where the log has one."""
    confirmed: str | None = None
    """The provider's own reason of a miss, by ``usage.MissReason`` value."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A row that could not be read."""

    place: Place
    why: str
    """One line; never content of the row."""
