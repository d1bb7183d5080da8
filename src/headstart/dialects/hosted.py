"""The contract of a hosted API's wire format, as a cache and its accounts need it.

Reading is lenient about everything that is not the prompt's structure or a cache
directive: unknown fields and block types pass. Marking never dumps a parsed body; it
splices directives into the client's own bytes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from headstart.dialects.base import DialectError
from headstart.prompt import Prompt
from headstart.usage import MissReason, Usage

Operation = Literal["generate", "count"]


@dataclass(frozen=True, slots=True)
class Call:
    """One request to a hosted API."""

    prompt: Prompt
    operation: Operation
    stream: bool
    max_tokens: int | None
    """0: prefill only (pre-warm)."""
    include_usage: bool
    """The stream carries usage (always so where the dialect has no choice)."""
    body: Mapping[str, Any]
    """The decoded body, not to be changed."""


class Placement(NamedTuple):
    """A directive to splice in: on which segment of the prompt, and its TTL in seconds
    (None: the provider's default, with no ``ttl`` written)."""

    segment: int
    ttl: float | None


class Span(NamedTuple):
    """Bytes ``start`` to ``end`` of a marked body, which are not the client's."""

    start: int
    end: int


class Marked(NamedTuple):
    """A body with directives in it. Cutting ``spans`` out gives the client's bytes."""

    body: bytes
    spans: tuple[Span, ...]

    def original(self) -> bytes:
        """The client's bytes."""
        kept, at = [], 0
        for start, end in self.spans:
            kept.append(self.body[at:start])
            at = end
        return b"".join((*kept, self.body[at:]))

    def restores(self, original: bytes) -> bool:
        """Whether these are the client's bytes, without making them again."""
        view, at, upto = memoryview(self.body), 0, 0
        for start, end in self.spans:
            if not original.startswith(view[at:start], upto):
                return False
            upto += start - at
            at = end
        rest = len(view) - at
        return upto + rest == len(original) and original.startswith(view[at:], upto)


class Unmarkable(ValueError):
    """Directives can't be spliced into this body with certainty: send it as it is."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a response says, for those who have to write one."""

    text: str
    stop: Literal["stop", "stop_sequence", "length"]
    usage: Usage
    model: str
    response_id: str
    created: int
    """Unix seconds."""
    stop_sequence: str | None = None
    extra: Mapping[str, Any] | None = None
    """Further top-level fields of the response (diagnostics, echoed cache options)."""


class Diagnosis(NamedTuple):
    """The provider's own word on why a prompt was not read, for requests that ask for it."""

    reason: MissReason | None
    """None: nothing was missed."""
    missed: int | None = None
    """Tokens, where it says."""


class Facts(NamedTuple):
    """What a response says of itself; None is what it does not say."""

    usage: Usage | None = None
    stop: str | None = None
    """Its stop reason, in the words of its dialect."""
    diagnosis: Diagnosis | None = None

    def updated(self, later: Facts) -> Facts:
        """With what a later part of the same response says."""
        return Facts(
            later.usage or self.usage, later.stop or self.stop, later.diagnosis or self.diagnosis
        )


class UsageReader(ABC):
    """Finds usage in a streamed response as its bytes go by, in any cut."""

    @abstractmethod
    def feed(self, chunk: bytes) -> None:
        """The next bytes. Never raises; what can't be read is skipped."""

    @property
    @abstractmethod
    def facts(self) -> Facts:
        """The latest that was seen of each."""

    @property
    def usage(self) -> Usage | None:
        """The latest usage seen; None before any."""
        return self.facts.usage


class Hosted(ABC):
    """One wire format. No I/O, no state between requests."""

    name: str
    """"anthropic", "openai-chat", "openai-responses", "gemini", "bedrock-converse" ..."""

    @abstractmethod
    def read(
        self,
        body: bytes,
        *,
        model: str | None = None,
        headers: Mapping[str, str] | None = None,
        operation: Operation = "generate",
        stream: bool = False,
    ) -> Call:
        """Parse a request. What the URL says and the body does not is told by ``model``,
        ``operation`` (a token count's body may lack fields) and ``stream`` (True: by its
        path the response is a stream); header names are lower case. DialectError, and
        nothing else, on what the provider would refuse; its ``param`` is the dotted path of
        the field."""

    @abstractmethod
    def write(self, prompt: Prompt) -> dict[str, Any]:
        """The keyword arguments that the provider's own SDK takes for a prompt, its model
        and its cache directives and controls included; settings and limits are left to the
        caller. For prompts of ``PromptBuilder`` and ``Conversation``; ValueError that names
        the segment for a block that has no form here.

        A directive asks for the shortest lifetime on offer that lasts as long as the segment
        wants, or else for the longest one. Where a block takes none, or the provider or the
        model has none, there is none."""

    @abstractmethod
    def mark(self, body: bytes, placements: Sequence[Placement]) -> Marked:
        """Splice directives in; ``segment`` counts as in ``read(body).prompt``.
        Unmarkable where bytes are ambiguous or a segment takes none."""

    @abstractmethod
    def strip(self, body: bytes) -> bytes:
        """The body without any of the client's own directives, all other bytes kept;
        Unmarkable."""

    @abstractmethod
    def facts(self, body: bytes) -> Facts:
        """What a whole response says. Never raises."""

    def usage(self, body: bytes) -> Usage | None:
        """Exclusive buckets of a whole response; None if it has none. Never raises."""
        return self.facts(body).usage

    @abstractmethod
    def usage_reader(self) -> UsageReader:
        """For a streamed response."""

    @abstractmethod
    def render(self, reply: Reply) -> bytes:
        """The body of a whole response."""

    @abstractmethod
    def render_stream(self, reply: Reply, pieces: Sequence[str], call: Call) -> Sequence[bytes]:
        """All frames of a streamed response, ``pieces`` being its text as it comes. The
        first frame is the response's first byte."""

    stream_type: str = "text/event-stream; charset=utf-8"
    """Content type of a streamed response."""

    @abstractmethod
    def render_count(self, usage: Usage) -> bytes:
        """The body of a response to a token count."""

    @abstractmethod
    def error(self, err: DialectError, request_id: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of an error."""
