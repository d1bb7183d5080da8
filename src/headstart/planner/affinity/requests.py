"""A request's prompt, where it is sent, and the replica, as choosing sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from headstart.planner.affinity.contract import Touched


class Asked(NamedTuple):
    """A prompt, as far as routing goes. Free of content."""

    key: bytes
    """Packed symbols, see ``ReplicaHistory``."""
    ends: Sequence[int]
    tokens: int
    """Of the whole prompt: estimated as ``ends`` are, or counted where ``blocks`` is given."""
    family: bytes = b""
    """What decides ties: a digest of the prompt's beginning."""
    blocks: Sequence[int] = ()
    """Keys of the whole blocks, where its token ids are known (``block_keys``)."""
    block_tokens: int = 0


class Choice(NamedTuple):
    """Where to send it."""

    name: str
    slot: int
    held: int
    """Tokens of it that are expected to be there."""
    fresh: int
    """Tokens that are not."""
    best: int
    """Tokens of it that the replica with most of it holds."""


@dataclass(slots=True)
class Replica:
    """What is known of one."""

    name: str
    slot: int
    weight: float
    salt: int
    open: bool = True
    exact: bool = False
    """Its blocks are known from its own events, all of them."""
    reports: bool = False
    """It has said of a request that some of it was read from its cache."""
    pending: dict[int, bytes] = field(default_factory=dict)
    """Uses by requests whose first byte has not come, with their families."""


@dataclass(slots=True)
class Sent:
    """A request on its way. Made by ``Affinity.sent``, ended by exactly one of ``ended`` and
    ``failed``."""

    replica: Replica
    choice: Choice
    touched: Touched
    tokens: int
    """Of the prompt, as ``ends`` estimates them."""
    settled: int
    """Uses below this tick were answered when it was sent."""
    begun: bool = False
