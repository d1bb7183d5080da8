"""A load client on bare sockets, in a closed loop: it costs far less than what it measures.

Prints one line of JSON: requests, errors, seconds, and quantiles of latency in milliseconds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from urllib.parse import urlsplit

import uvloop

_MARK = b"999999999"
_PREFIX = b"888888888"
_WORDS = [
    "the",
    "quick",
    "brown",
    "fox",
    "jumps",
    "over",
    "lazy",
    "dog",
    "while",
    "reading",
    "a",
    "long",
    "policy",
    "document",
]


def text_of(kilobytes: int) -> str:
    """A system text that begins with the prefix's number."""
    words, size, i = [_PREFIX.decode()], 0, 0
    while size < kilobytes * 1024 - 200:
        words.append(_WORDS[(i * 7 + i // 13) % len(_WORDS)])
        size += len(words[-1]) + 1
        i += 1
    return " ".join(words)


def body_of(kilobytes: int, *, stream: bool, messages: bool) -> bytes:
    """A request, its question's number to be filled in."""
    question = {"role": "user", "content": f"question {_MARK.decode()}"}
    text = text_of(kilobytes)
    if messages:
        system = [{"type": "text", "text": text}]
        asked = {"model": "claude-sonnet-4-6", "system": system, "messages": [question]}
    else:
        system = [{"role": "system", "content": text}]
        asked = {"model": "gpt-4.1", "messages": [*system, question]}
    asked["max_tokens"] = 64
    if stream:
        asked["stream"] = True
        if not messages:
            asked["stream_options"] = {"include_usage": True}
    return json.dumps(asked).encode()


class Load:
    """``count`` requests in all, or as many as fit into ``seconds``."""

    def __init__(self, url: str, body: bytes, seconds: float, count: int, prefixes: int) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname or "", parts.port or 80)
        self._head = (
            f"POST {parts.path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
            "authorization: Bearer sk-bench\r\nx-api-key: sk-bench\r\n"
            f"anthropic-version: 2023-06-01\r\ncontent-length: {len(body)}\r\n\r\n"
        ).encode()
        self._body = body
        self._end = time.perf_counter() + seconds
        self._left = count
        self._prefixes = prefixes
        self.errors = 0
        self.times: list[float] = []

    async def worker(self) -> None:
        reader, writer = await asyncio.open_connection(*self._address, limit=1 << 20)
        while self._left > 0 and time.perf_counter() < self._end:
            self._left -= 1
            number = b"%09d" % (self._left % 10**9)
            prefix = b"%09d" % (self._left % self._prefixes)
            began = time.perf_counter()
            writer.write(
                self._head + self._body.replace(_MARK, number, 1).replace(_PREFIX, prefix, 1)
            )
            try:
                ok = await _answer(reader)
            except (OSError, ValueError, EOFError):
                ok = False
                writer.close()
                reader, writer = await asyncio.open_connection(*self._address, limit=1 << 20)
            self.times.append(time.perf_counter() - began)
            self.errors += not ok
        writer.close()


async def _answer(reader: asyncio.StreamReader) -> bool:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if b"transfer-encoding: chunked" in head:
        while size := int((await reader.readline()).split(b";")[0], 16):
            await reader.readexactly(size + 2)
        await reader.readexactly(2)
    else:
        length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
    return head.startswith(b"http/1.1 200")


async def run(args: argparse.Namespace) -> None:
    body = body_of(args.kb, stream=args.stream, messages=args.messages)
    path = "/v1/messages" if args.messages else "/v1/chat/completions"
    load = Load(args.url + path, body, args.seconds, args.count, args.prefixes)
    began = time.perf_counter()
    await asyncio.gather(*(load.worker() for _ in range(args.connections)))
    seconds = time.perf_counter() - began
    times = sorted(load.times) or [0.0]
    figures = {
        "requests": len(load.times),
        "errors": load.errors,
        "seconds": seconds,
        "p50": 1000 * times[len(times) // 2],
        "p99": 1000 * times[int(0.99 * (len(times) - 1))],
    }
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("url")
    options.add_argument("--connections", type=int, default=16)
    options.add_argument("--seconds", type=float, default=3600.0)
    options.add_argument("--count", type=int, default=1 << 60)
    options.add_argument("--kb", type=int, default=8)
    options.add_argument("--prefixes", type=int, default=1)
    options.add_argument("--stream", action="store_true")
    options.add_argument("--messages", action="store_true")
    uvloop.run(run(options.parse_args()))
