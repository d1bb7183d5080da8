"""An upstream on a bare socket: it records the bytes that come and sends the bytes it is told
to, broken ones too."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from tests.waiting import wait_until

Answer = Callable[[socket.socket], None]
_SOCKETS = Path("/proc/net/tcp")


class RawUpstream:
    """Answers each request by ``answer``, on a thread of its own."""

    def __init__(self) -> None:
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self.answer: Answer = sending(response(b"{}"))
        self.connections = 0
        self.left = threading.Event()
        """Set when a client's connection ended while its answer was awaited."""
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=2048)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> RawUpstream:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                while self._read(connection):
                    self.answer(connection)
            except OSError:
                self.left.set()

    def _read(self, connection: socket.socket) -> bool:
        data = bytearray()
        while b"\r\n\r\n" not in data:
            piece = connection.recv(65536)
            if not piece:
                return False
            data += piece
        head, _, body = bytes(data).partition(b"\r\n\r\n")
        lower = head.lower()
        wanted = 0
        if b"content-length:" in lower:
            wanted = int(lower.split(b"content-length:")[1].split(b"\r\n")[0])
        rest = bytearray(body)
        while len(rest) < wanted:
            rest += connection.recv(1 << 20)
        self.heads.append(head)
        self.bodies.append(bytes(rest))
        return True


def response(body: bytes, status: str = "200 OK", *headers: bytes) -> bytes:
    """A whole response."""
    lines = [f"HTTP/1.1 {status}".encode(), b"content-type: application/json", *headers]
    lines.append(b"content-length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def stream(*events: bytes, whole: bool = True) -> bytes:
    """A chunked stream; ``whole`` False leaves its end out."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n"
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(event), event) for event in events)
    return head + b"\r\n" + chunks + (b"0\r\n\r\n" if whole else b"")


def sending(data: bytes) -> Answer:
    """Send these bytes, and go on listening."""
    return lambda connection: connection.sendall(data)


def resetting(data: bytes) -> Answer:
    """Send these bytes, then break off."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(data)
        wait_until(lambda: _taken(connection))  # or else the reset overtakes the bytes
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
        raise OSError("closed")

    return answer


def _taken(connection: socket.socket) -> bool:
    """The other side has read all that was sent. Linux tells of sockets on the same machine;
    elsewhere it gets a tenth of a second."""
    if not _SOCKETS.exists():
        threading.Event().wait(0.1)
        return True
    here, there = (
        f":{name[1]:04X}" for name in (connection.getsockname(), connection.getpeername())
    )
    for line in _SOCKETS.read_text().splitlines():
        _, local, remote, _, queues, *_ = line.split()
        if local.endswith(there) and remote.endswith(here):
            return queues.endswith(":00000000")
    return True


def silent(upstream: RawUpstream, data: bytes = b"") -> Answer:
    """Send these bytes, then nothing until the client leaves."""

    def answer(connection: socket.socket) -> None:
        if data:
            connection.sendall(data)
        if not connection.recv(1):
            upstream.left.set()
            raise OSError("left")

    return answer
