"""An engine that plays a script: for what a real model cannot be made to do on demand."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from headstart.engine.contract import (
    CacheStats,
    Chat,
    Delta,
    Encoded,
    Engine,
    EngineClosed,
    Event,
    Failed,
    Finished,
    Generation,
    Lease,
    ModelInfo,
    Sampling,
    Started,
    Ticket,
)

PROMPT_TOKENS = 10


class ScriptedTicket(Ticket):
    """Remembers whether it was cancelled."""

    def __init__(self) -> None:
        self.cancelled = threading.Event()

    def cancel(self) -> None:
        self.cancelled.set()


class ScriptedEngine(Engine):
    """Each submitted request is answered by the next script: a function that runs on a
    thread of its own and gets ``tell`` and the ticket."""

    def __init__(self, *scripts: Callable[[Callable[[Event], None], ScriptedTicket], None]) -> None:
        self.info = ModelInfo("scripted", 100, 64, "float32", "cpu", 1_700_000_000)
        self.submitted: list[Generation] = []
        self.tickets: list[ScriptedTicket] = []
        self.encoded: list[Chat] = []
        self.closed = False
        self.fault: Exception | None = None
        self._scripts = list(scripts)

    def encode(self, chat: Chat) -> Encoded:
        self.encoded.append(chat)
        leases = [Lease(4 + n, mark.ttl) for n, mark in enumerate(chat.marks)]
        return Encoded(list(range(PROMPT_TOKENS)), leases)

    def submit(self, generation: Generation, on_event: Callable[[Event], None]) -> Ticket:
        if self.closed:
            raise EngineClosed("closed")
        if self.fault is not None:
            raise self.fault
        ticket = ScriptedTicket()
        self.submitted.append(generation)
        self.tickets.append(ticket)
        script = self._scripts.pop(0) if self._scripts else say("hello")
        threading.Thread(target=script, args=(on_event, ticket), daemon=True).start()
        return ticket

    def stats(self) -> CacheStats:
        running = sum(not ticket.cancelled.is_set() for ticket in self.tickets)
        return CacheStats(1000, 640, 64, 10, 7, 1, 0, running, 0)

    def close(self, grace: float = 0.0) -> None:
        self.closed = True

    @property
    def last_sampling(self) -> Sampling:
        return self.submitted[-1].sampling


def say(
    *texts: str, read: int = 0, reason: str = "stop"
) -> Callable[[Callable[[Event], None], ScriptedTicket], None]:
    """A script: start, one delta a text, finish."""

    def script(tell: Callable[[Event], None], ticket: ScriptedTicket) -> None:
        tell(Started(PROMPT_TOKENS, read))
        for text in texts:
            tell(Delta(text))
        tell(Finished(reason, PROMPT_TOKENS, read, len(texts)))  # type: ignore[arg-type]

    return script


def fail(
    error: Exception, after: Sequence[Event] = ()
) -> Callable[[Callable[[Event], None], ScriptedTicket], None]:
    """A script: these events, then a failure."""

    def script(tell: Callable[[Event], None], ticket: ScriptedTicket) -> None:
        for event in after:
            tell(event)
        tell(Failed(error))  # type: ignore[arg-type]

    return script


def hang(*events: Event) -> Callable[[Callable[[Event], None], ScriptedTicket], None]:
    """A script: these events, then silence until it is cancelled."""

    def script(tell: Callable[[Event], None], ticket: ScriptedTicket) -> None:
        for event in events:
            tell(event)
        ticket.cancelled.wait(30)

    return script
