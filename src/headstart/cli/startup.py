"""Settings to a running server: what ``serve`` and ``demo`` share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from pydantic import ByteSize
from starlette.types import ASGIApp

from headstart.cli.recording import LEDGER, recording, watching
from headstart.engine.contract import Engine
from headstart.server import ConfigError, EmbeddedServer, Settings, bind, create_app

if TYPE_CHECKING:
    from headstart.server.gateway import GatewayApp
    from headstart.server.middleware import Sink

Progress = Callable[[str], None]

_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


@contextmanager
def serving(settings: Settings, progress: Progress) -> Iterator[tuple[Engine, EmbeddedServer]]:
    """Bind, load the model, serve while the block runs; then stop at once.

    BindError, ConfigError, EngineError, ModuleNotFoundError for a missing extra.
    """
    sock = bind(settings.host, settings.port)
    try:
        engine = load_engine(settings, progress)
    except BaseException:
        sock.close()
        raise
    ledger = settings.ledger or (LEDGER if settings.upstream else None)
    try:
        with recording(ledger) as kept, ExitStack() as stack:
            sink = kept.record if kept is not None else None
            app: ASGIApp = create_app(engine, settings, sink=sink)
            if settings.upstream:
                gateway = beside_upstreams(app, engine, settings, ledger, sink)
                stack.enter_context(watching(settings, ledger, gateway.metrics.registry))
                app = gateway
            server = stack.enter_context(
                EmbeddedServer(
                    app,
                    host=settings.host,
                    sock=sock,
                    grace=settings.grace,
                    lifespan=bool(settings.upstream),
                )
            )
            try:
                yield engine, server
            finally:
                server.drain()
                engine.close()
    finally:
        engine.close()


def beside_upstreams(
    app: ASGIApp, engine: Engine, settings: Settings, ledger: str | None, sink: Sink | None
) -> GatewayApp:
    """The engine's app and the settings' upstreams behind one address; ``ledger`` is where
    ``sink`` puts what it gets."""
    from headstart.server.gateway import Local, gateway_of, journal_beside
    from headstart.server.service import served_names

    local = Local(app, served_names(engine.info.id, settings))
    return gateway_of(settings, sink, local=local, journal=journal_beside(ledger))


def load_engine(settings: Settings, progress: Progress) -> Engine:
    """The engine the settings ask for; ``progress`` is told what takes time."""
    check_memory(int(settings.cache_memory))
    from headstart.engine import TierOptions, load

    chosen = {} if settings.exact is None else {"exact": settings.exact}
    return load(
        settings.model,
        cache_memory=int(settings.cache_memory),
        device=settings.device,
        dtype=settings.dtype,
        chunk=settings.prefill_chunk,
        max_running=settings.max_running,
        tenants=shares(len(settings.api_keys)),
        strict_quota=settings.strict_quota,
        eviction=settings.eviction,
        tiers=TierOptions(
            settings.cache_disk,
            settings.cache_remote,
            settings.cache_master_key,
            settings.cache_previous_key,
        ),
        threads=settings.threads,
        progress=progress,
        **chosen,
    )


def shares(keys: int) -> int:
    """Equal parts of each tier for so many API keys: a tenant's floor is one of them.

    What several tenants read in common, the operator holds, in a part of its own: out of
    theirs it would take what they are sure of.
    """
    return keys + 1 if keys > 1 else 1


def check_memory(wanted: int) -> None:
    """ConfigError if this machine, or the container, has not that many bytes at all."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    if _CGROUP_LIMIT.is_file() and (text := _CGROUP_LIMIT.read_text().strip()).isdecimal():
        limits.append(int(text))
    if wanted > min(limits):
        has = ByteSize(min(limits)).human_readable()
        raise ConfigError(
            f"--cache-memory {ByteSize(wanted).human_readable()} is too much:"
            f" there are {has} of memory in all"
        )


def banner(engine: Engine, server: EmbeddedServer, settings: Settings) -> str:
    """Where it listens, what it serves, and a curl line to paste."""
    info = engine.info
    cache = settings.cache_memory.human_readable()
    tokens = int(settings.cache_memory) // info.kv_bytes_per_token
    tenants = ", ".join(settings.api_keys) or "one, any key is accepted"
    exact = ", exact" if settings.exact else ""
    return "\n".join(
        (
            f"Headstart serves {info.id} ({info.dtype} on {info.device},"
            f" context {info.context:,}) at {server.url}",
            f"  cache    {cache} of KV, about {tokens:,} tokens{exact}",
            f"  tenants  {tenants}",
            "  try it   " + curl_line(info.id, server.url, with_key=bool(settings.api_keys)),
        )
    )


def curl_line(model: str, url: str, *, with_key: bool) -> str:
    """A request to paste into a shell; a key is taken from $HEADSTART_KEY, not shown."""
    message = {"role": "user", "content": "Say hello in one short sentence."}
    body = msgspec.json.encode({"model": model, "max_tokens": 32, "messages": [message]}).decode()
    key = ' -H "x-api-key: $HEADSTART_KEY"' if with_key else ""
    return f"curl -s {url}/v1/messages -H 'content-type: application/json'{key} -d '{body}'"
