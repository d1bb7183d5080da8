"""A hosted API on a real socket, as far as one dialect goes: reads, answers what it is told."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

from headstart.dialects import DialectError
from headstart.dialects.hosted import Call, Hosted, Reply
from headstart.usage import Usage

USAGE = Usage(fresh=7, read=1_800, write_5m=148, write_1h=100, output=5)
PIECES = ("Grüße, 世界", " 😀!\n", '"quoted"', " \u2028", " \x85 \x0b", "", " end")


@dataclass
class Stub:
    """What is said, and what was asked. ``late`` is a frame sent in place of the last one."""

    hosted: Hosted
    reply: Reply = field(
        default_factory=lambda: Reply("".join(PIECES), "stop", USAGE, "", "msg_1", 1)
    )
    pieces: Sequence[str] = PIECES
    failure: DialectError | None = None
    late: bytes | None = None
    url: str = ""
    calls: list[Call] = field(default_factory=list)
    sent: list[bytes] = field(default_factory=list)

    def answer(
        self, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], Sequence[bytes]]:
        """Status, headers and pieces of the body."""
        model, action = _target(path)
        count = action in ("count_tokens", "count-tokens")
        stream = action in ("converse-stream", "invoke-with-response-stream")
        try:
            call = self.hosted.read(
                body,
                model=model,
                headers=headers,
                operation="count" if count else "generate",
                stream=stream,
            )
            if self.failure is not None:
                raise self.failure
        except DialectError as err:
            status, names, content = self.hosted.error(err, "req_test")
            return status, names, [content]
        self.calls.append(call)
        if count:
            return 200, {"content-type": "application/json"}, [self.hosted.render_count(USAGE)]
        reply = replace(self.reply, model=call.prompt.model)
        if not call.stream:
            return 200, {"content-type": "application/json"}, [self.hosted.render(reply)]
        frames = list(self.hosted.render_stream(reply, self.pieces, call))
        if self.late is not None:
            frames[-1] = self.late
        self.sent = frames
        return 200, {"content-type": self.hosted.stream_type}, frames


def _target(path: str) -> tuple[str | None, str]:
    """The model, where the path has one, and what it ends with."""
    parts = path.partition("?")[0].split("/")
    return (unquote(parts[2]) if parts[1] == "model" else None), parts[-1]


@contextmanager
def serving(hosted: Hosted) -> Iterator[Stub]:
    """A stub on a free port, its URL in ``stub.url``."""
    stub = Stub(hosted)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, names, frames = stub.answer(self.path, headers, body)
            self.send_response(status)
            for name, value in names.items():
                self.send_header(name, value)
            self.send_header("connection", "close")
            self.end_headers()
            for frame in frames:
                self.wfile.write(frame)
                self.wfile.flush()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    stub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield stub
    finally:
        server.shutdown()
        thread.join(timeout=10)
        server.server_close()
