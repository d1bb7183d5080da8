"""A server's life: bind, serve in a thread, drain, stop."""

from __future__ import annotations

import gc
import math
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType

import uvicorn
from starlette.types import ASGIApp

from headstart.engine.contract import Engine

STEP_SECONDS = 5
"""A step of the engine may be under way when the grace period ends: its requests are told
after it."""
_POLL = 0.5
"""Seconds between looks at whether the server's thread is still there."""
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class BindError(Exception):
    """The address cannot be had; the text is one line fit for a terminal."""


def bind(host: str, port: int) -> socket.socket:
    """A TCP socket that listens on the address; BindError.

    To be had before the model is loaded: a taken port is told at once, and clients that
    come while it loads wait for it.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise BindError(f"cannot resolve {host}: {error.strerror}") from None
    sock = socket.socket(family, kind, protocol)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind(address)
        sock.listen()
    except OSError as error:
        sock.close()
        reason = (error.strerror or str(error)).lower()
        raise BindError(f"cannot listen on {host}:{port}: {reason}") from None
    return sock


class EmbeddedServer:
    """An app on a socket, served by a thread of its own while the ``with`` block runs.

    The thread ends when the block does; requests then under way get ``grace`` seconds.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        sock: socket.socket | None = None,
        grace: float = 5.0,
        lifespan: bool = False,
    ) -> None:
        """Port 0 takes any free one; ``sock`` comes from ``bind``; ``lifespan``: the app is
        told when it starts and ends. BindError."""
        self._sock = sock if sock is not None else bind(host, port)
        self.host = host
        self.port: int = self._sock.getsockname()[1]
        self._server = _Server(
            uvicorn.Config(
                app,
                loop="auto",
                http="httptools",
                ws="none",
                lifespan="on" if lifespan else "off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=math.ceil(grace) + STEP_SECONDS,
            )
        )
        self._fault: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="headstart-http", daemon=True)

    @property
    def url(self) -> str:
        """Where clients reach it, without a trailing slash."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def alive(self) -> bool:
        """False once the server's thread has ended."""
        return self._thread.is_alive()

    def __enter__(self) -> EmbeddedServer:
        self._thread.start()
        self._server.settled.wait()
        if self._fault is not None:
            raise self._fault
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.drain()
        self.join()

    def drain(self) -> None:
        """Accept nothing more; returns at once."""
        self._server.should_exit = True

    def join(self) -> None:
        """Wait until the server's thread has ended."""
        self._thread.join()

    def _run(self) -> None:
        try:
            self._server.run(sockets=[self._sock])
        except BaseException as error:
            self._fault = error
        finally:
            self._sock.close()
            self._server.settled.set()


class _Server(uvicorn.Server):
    """uvicorn, telling when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.settled = threading.Event()
        """Set once it accepts connections, or never will."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.settled.set()


def settle_memory() -> None:
    """For a process that serves and does nothing else, once all is imported: what is there
    stays, and is not looked through for garbage again and again. Most of a request's own
    objects go without a collection, and what is left of it can wait for company."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 20)


@contextmanager
def stop_signals() -> Iterator[Callable[[float], bool]]:
    """Catch Ctrl-C and SIGTERM; gives ``wait(seconds)``, True once the first has come.

    A second signal ends the process at once. Main thread only.
    """
    stop = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            os._exit(128 + number)
        stop.set()

    before = {number: signal.signal(number, on_signal) for number in _STOP_SIGNALS}
    try:
        yield stop.wait
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def serve_until_signal(server: EmbeddedServer, engine: Engine, grace: float) -> None:
    """Serve until the first signal, or the server's own end; then drain and close both.

    Requests under way get ``grace`` seconds; what is left then ends with an error.
    """
    with stop_signals() as wait:
        while server.alive and not wait(_POLL):
            pass
        server.drain()
        engine.close(grace)
        server.join()
