"""Warming: prompts prefilled before anybody asks, so that the first request reads them.

A prompt is a request body of either dialect, or ``{"text": "..."}``: a system prompt, alone.
Beside it may stand ``tenant`` (a name) or ``shared`` (true: for all tenants), ``pin`` and
``ttl`` (seconds).
"""

from __future__ import annotations

import logging
import queue
import threading
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from headstart.dialects import Dialect, DialectError
from headstart.engine.contract import (
    Chat,
    Encoded,
    Engine,
    EngineClosed,
    EngineError,
    Event,
    Failed,
    Finished,
    Generation,
    Lease,
    Mark,
    Sampling,
)
from headstart.prefix import Scope
from headstart.server.auth import DEFAULT_TENANT, OPERATOR, scope_of
from headstart.server.config import ConfigError, Settings
from headstart.server.errors import ANTHROPIC, OPENAI
from headstart.server.logs import FIELDS
from headstart.server.service import Service

_logger = logging.getLogger(__name__)
ANTHROPIC_BLOCKS = frozenset({"tool_use", "tool_result", "thinking", "image", "document"})


class WarmError(Exception):
    """What is wrong with one prompt; ``field`` names where."""

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class Options(msgspec.Struct, frozen=True):
    """For whom, and for how long; ``ttl`` in seconds."""

    tenant: str | None = None
    shared: bool = False
    pin: bool = False
    ttl: float | None = None


@dataclass(frozen=True, slots=True)
class Warmed:
    """One prompt's outcome: ``read`` of ``tokens`` were there before."""

    line: int
    """From 1."""
    tokens: int = 0
    read: int = 0
    pinned: bool = False
    error: str | None = None


class Warmer:
    """Prefills prompts on one service's engine, one after the other. Blocks: not for an
    event loop."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._engine: Engine = service.engine
        self._tenants = frozenset(service.settings.api_keys) or {DEFAULT_TENANT}

    def run(self, prompts: Iterable[tuple[int, Any]], options: Options) -> Iterator[Warmed]:
        """One outcome a prompt, which comes with its line's number. A prompt that fails does
        not stop those after it; an engine that is closed does."""
        for line, prompt in prompts:
            try:
                yield self._one(line, prompt, options)
            except EngineClosed as error:
                yield Warmed(line, error=str(error))
                return
            except (WarmError, DialectError, EngineError) as error:
                yield Warmed(line, error=str(error))

    def check(self, options: Options) -> None:
        """WarmError unless the options are sound; a missing tenant may come with a prompt."""
        if options.tenant is not None and options.shared:
            raise WarmError("give a tenant or shared, not both", "tenant")
        if options.tenant is not None and options.tenant not in self._tenants:
            raise WarmError(f"there is no tenant {options.tenant!r}", "tenant")
        if options.ttl is not None and not 0 < options.ttl < float("inf"):
            raise WarmError("ttl is not a positive number of seconds", "ttl")

    def _one(self, line: int, prompt: Any, options: Options) -> Warmed:
        if not isinstance(prompt, Mapping):
            raise WarmError("a prompt is a JSON object")
        own, body = _split(prompt, options)
        self.check(own)
        if (pin := own.pin) and self._engine.admin is None:
            raise WarmError("this engine cannot pin", "pin")
        encoded, salt = self._encode(body)
        scope = scope_of(self._owner(own), salt)
        if own.ttl is not None:
            lease = Lease(len(encoded.tokens), own.ttl)
            encoded = Encoded(encoded.tokens, [*encoded.leases, lease])
        done = self._prefill(encoded, scope)
        if pin:
            self._pin(encoded, scope)
        return Warmed(line, done.prompt_tokens, done.read, pin)

    def _owner(self, options: Options) -> str:
        if options.shared:
            return OPERATOR
        if options.tenant is not None:
            return options.tenant
        if len(self._tenants) > 1 or DEFAULT_TENANT not in self._tenants:
            raise WarmError("say for which tenant, or that it is shared", "tenant")
        return DEFAULT_TENANT

    def _encode(self, body: dict[str, Any]) -> tuple[Encoded, str | None]:
        if "text" in body:
            return self._encode_text(body), None
        dialect = _dialect_of(body)
        given = {"model": self._engine.info.id, "max_tokens": 1, **body, "stream": False}
        request = dialect.parse(msgspec.json.encode(given))
        self._service.check_model(request.prompt.model)
        marks = [Mark(*mark) for mark in request.marks]
        encoded = self._engine.encode(Chat(request.chat_messages, request.tools, marks))
        return encoded, request.cache_salt

    def _encode_text(self, body: dict[str, Any]) -> Encoded:
        text = body["text"]
        if not isinstance(text, str) or not text or len(body) > 1:
            raise WarmError("text is a string, and nothing stands beside it", "text")
        message = {"role": "system", "parts": [text]}
        # The mark tells where the system prompt ends: what the template puts behind it is
        # no part of other prompts that begin with it.
        encoded = self._engine.encode(Chat([message], marks=[Mark(0, 1, 1.0)]))
        end = encoded.leases[0].tokens or len(encoded.tokens)
        return Encoded(encoded.tokens[:end])

    def _prefill(self, prompt: Encoded, scope: Scope) -> Finished:
        events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._engine.submit(Generation(prompt, scope, Sampling(max_tokens=0)), events.put)
        while True:
            event = events.get()
            if isinstance(event, Finished):
                return event
            if isinstance(event, Failed):
                raise event.error

    def _pin(self, prompt: Encoded, scope: Scope) -> None:
        from headstart.kv.inventory import AdminError
        from headstart.kv.tiers.contract import PinBudgetExceeded

        assert self._engine.admin is not None
        try:
            self._engine.admin.pin_tokens(array("I", prompt.tokens).tobytes(), scope)
        except (AdminError, PinBudgetExceeded) as error:
            raise WarmError(f"warmed, but not pinned: {error}", "pin") from error


def numbered(text: bytes) -> list[tuple[int, Any]]:
    """The lines of a file of prompts, from 1. What is no JSON stays text, to be refused in
    its turn."""
    found: list[tuple[int, Any]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                found.append((number, msgspec.json.decode(line)))
            except msgspec.DecodeError:
                found.append((number, line.decode("utf-8", "replace")))
    return found


def read_prompts(path: Path) -> list[tuple[int, Any]]:
    """``numbered`` lines of a file; ConfigError if it can't be read."""
    try:
        return numbered(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path}: {(error.strerror or str(error)).lower()}") from None


def warm_in_background(
    engine: Engine, settings: Settings, prompts: Sequence[tuple[int, Any]]
) -> threading.Thread:
    """Prefill prompts while the server serves, one log line each; ends with the engine."""
    warmer = Warmer(Service(engine, settings))

    def run() -> None:
        failed = 0
        for place, done in enumerate(warmer.run(prompts, Options()), start=1):
            failed += done.error is not None
            fields = {name: getattr(done, name) for name in Warmed.__slots__}
            log = _logger.warning if done.error else _logger.info
            log("warm", extra={FIELDS: {"done": place, "of": len(prompts), **fields}})
        _logger.info("warm finished", extra={FIELDS: {"of": len(prompts), "failed": failed}})

    thread = threading.Thread(target=run, name="headstart-warm", daemon=True)
    thread.start()
    return thread


def _split(prompt: Mapping[str, Any], options: Options) -> tuple[Options, dict[str, Any]]:
    """A prompt's own options, the others' defaults filled in, and the rest of it."""
    names = Options.__struct_fields__
    own = {name: prompt[name] for name in names if name in prompt}
    defaults = msgspec.structs.asdict(options)
    if "tenant" in own or "shared" in own:
        defaults |= {"tenant": None, "shared": False}
    try:
        chosen = msgspec.convert({**defaults, **own}, Options)
    except msgspec.ValidationError as error:
        raise WarmError(str(error)) from None
    return chosen, {name: value for name, value in prompt.items() if name not in names}


def _dialect_of(body: Mapping[str, Any]) -> Dialect:
    """The dialect of a body that came without a path. Plain messages are the same in both."""
    messages = body.get("messages")
    if not isinstance(messages, list):
        raise WarmError("a prompt has text or messages", "messages")
    parts = [
        part
        for message in messages
        if isinstance(message, dict) and isinstance(message.get("content"), list)
        for part in message["content"]
    ]
    blocks = {part.get("type") for part in parts if isinstance(part, dict)}
    tools = body.get("tools")
    anthropic = (
        "system" in body
        or any(isinstance(block, str) and block in ANTHROPIC_BLOCKS for block in blocks)
        or any(isinstance(t, dict) and "input_schema" in t for t in tools or ())
    )
    return ANTHROPIC if anthropic else OPENAI
