"""The contract between a server and a model that reuses KV.

An engine owns a model, its tokenizer, and a KV cache. It knows nothing of HTTP or of any
provider's wire format: it takes messages, returns tokens and events. Events of one
request arrive in order, on a thread of the engine's own: ``on_event`` must return at once
(hand over to your loop with ``call_soon_threadsafe``) and must not raise.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from headstart.prefix import Scope

if TYPE_CHECKING:
    from headstart.kv.admin import CacheAdmin

FinishReason = Literal["stop", "stop_sequence", "length"]


class EngineError(Exception):
    """Base of what an engine raises or reports; the text is fit for a client."""


class PromptTooLong(EngineError):
    """Prompt plus requested output do not fit the context window or the KV budget."""


class UnsupportedModel(EngineError):
    """The model cannot be served: its attention kind is named in the text."""


class TemplateError(EngineError):
    """The model's chat template refuses these messages or tools."""


class EngineClosed(EngineError):
    """The engine is shutting down."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What a server tells about its model."""

    id: str
    context: int
    """Most tokens of prompt and output together."""
    kv_bytes_per_token: int
    dtype: str
    device: str
    created: int
    """Unix seconds."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A client's cache marker: everything up to message ``message``, part ``part``.

    ``message`` indexes the chat's messages; -1 stands for the tools, ``part`` then for the
    index of the last tool covered. A part at or beyond the message's last stands for its
    end, tool calls included. ``ttl`` in seconds.
    """

    message: int
    part: int
    ttl: float


@dataclass(frozen=True, slots=True)
class Chat:
    """Messages as chat templates take them.

    Each message is ``{"role": "system|user|assistant|tool", "parts": [text, ...], ...}``:
    ``parts`` are joined without a separator to the template's ``content``; other keys
    (``tool_calls``, ``tool_call_id``, ``name``) go to the template as they are. Tools are
    OpenAI-style ``{"type": "function", "function": {...}}``.
    """

    messages: Sequence[Mapping[str, Any]]
    tools: Sequence[Mapping[str, Any]] = ()
    marks: Sequence[Mark] = ()


class Lease(NamedTuple):
    """Keep the KV of the first ``tokens`` tokens for ``ttl`` seconds."""

    tokens: int
    ttl: float


@dataclass(frozen=True, slots=True)
class Encoded:
    """A templated, tokenised prompt. ``leases`` are its marks in token positions,
    in the order of the marks; a lease of 0 tokens marks nothing."""

    tokens: Sequence[int]
    leases: Sequence[Lease] = ()


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are chosen. ``temperature`` 0 is greedy; ``top_k`` 0 means no limit."""

    max_tokens: int | None = None
    """None: up to the context's end. 0: prefill only (pre-warm)."""
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int | None = None
    stop: Sequence[str] = ()


class Started(NamedTuple):
    """The first token is there. ``read`` of ``prompt_tokens`` had their KV reused."""

    prompt_tokens: int
    read: int


class Delta(NamedTuple):
    """New text; never part of a stop sequence, never half a character."""

    text: str


class Finished(NamedTuple):
    """The end of a request that succeeded. ``stop_sequence`` is the one that matched."""

    reason: FinishReason
    prompt_tokens: int
    read: int
    output_tokens: int
    stop_sequence: str | None = None


class Failed(NamedTuple):
    """The end of a request that did not; no further event follows."""

    error: EngineError


Event = Started | Delta | Finished | Failed


@dataclass(frozen=True, slots=True)
class Generation:
    """One request to the engine."""

    prompt: Encoded
    scope: Scope
    sampling: Sampling = field(default_factory=Sampling)


class CacheStats(NamedTuple):
    """Counters since start, and gauges of now. Tokens and bytes."""

    capacity_bytes: int
    cached_bytes: int
    running_bytes: int
    cached_tokens: int
    evicted_tokens: int
    leases_broken: int
    preempted: int
    requests_running: int
    requests_waiting: int


class Ticket(ABC):
    """A submitted request."""

    @abstractmethod
    def cancel(self) -> None:
        """Free its work and memory at the next step; no event follows. Idempotent,
        from any thread."""


class Engine(ABC):
    """A model that reuses KV. Every method may be called from any thread."""

    info: ModelInfo
    admin: CacheAdmin | None = None
    """What an operator may do to its cache; None for an engine without a cache of its own."""

    @abstractmethod
    def encode(self, chat: Chat) -> Encoded:
        """Template and tokenise (the generation prompt included); TemplateError."""

    @abstractmethod
    def submit(self, generation: Generation, on_event: Callable[[Event], None]) -> Ticket:
        """Queue a request; PromptTooLong, EngineClosed."""

    @abstractmethod
    def stats(self) -> CacheStats:
        """What the cache holds and did."""

    @abstractmethod
    def close(self, grace: float = 0.0) -> None:
        """Refuse new requests, give running ones ``grace`` seconds, fail the rest."""
