"""A server with a prefix cache as vLLM's: blocks, least recently used first, events of them.

Its tokens are the bytes of the prompt; its answer says how many of them it read. Run as a
program (``python -m tests.server.replicas.engine PORT``) it can be killed.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from collections import OrderedDict
from collections.abc import AsyncIterator
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.server.replicas.publisher import CLEARED, Publisher, removed, stored

BLOCK = 16


class Engine:
    """One replica. ``pace`` is what a token costs to compute, in seconds."""

    def __init__(
        self, capacity: int = 100_000, pace: float = 0.0, publisher: Publisher | None = None
    ) -> None:
        self.capacity = capacity
        self.pace = pace
        self.publisher = publisher
        self.blocks: OrderedDict[bytes, None] = OrderedDict()
        self.served = 0
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.status = 200
        self.well = True
        self._turn = asyncio.Lock()
        self.app = Starlette(
            routes=[
                Route("/health", self._health),
                Route("/metrics", self._metrics),
                Route("/tokenize", self._tokenize, methods=["POST"]),
                Route("/v1/models", self._models),
                Route("/v1/chat/completions", self._chat, methods=["POST"]),
            ]
        )

    def clear(self) -> None:
        """As ``reset_prefix_cache``."""
        self.blocks.clear()
        if self.publisher is not None:
            self.publisher.publish(CLEARED)

    def take(self, tokens: list[int], salt: str | None) -> int:
        """Tokens that were held; all whole blocks are held from now on."""
        names, state = [], (salt or "").encode()
        for at in range(0, len(tokens) // BLOCK * BLOCK, BLOCK):
            state = hashlib.sha256(state + bytes(tokens[at : at + BLOCK])).digest()
            names.append(state)
        most = max(0, len(tokens) - 1) // BLOCK
        known = 0
        while known < most and names[known] in self.blocks:
            known += 1
        fresh = [name for name in names if name not in self.blocks]
        for name in reversed(names):
            self.blocks[name] = None
            self.blocks.move_to_end(name)
        gone = []
        while len(self.blocks) > self.capacity:
            gone.append(self.blocks.popitem(last=False)[0])
        self._publish(names, fresh, gone, tokens, salt)
        return known * BLOCK

    def _publish(
        self,
        names: list[bytes],
        fresh: list[bytes],
        gone: list[bytes],
        tokens: list[int],
        salt: str | None,
    ) -> None:
        if self.publisher is None:
            return
        events: list[Any] = [removed(gone)] if gone else []
        if fresh:
            at = names.index(fresh[0])
            ids = tokens[at * BLOCK : len(names) * BLOCK]
            event = stored(names[at:], names[at - 1] if at else None, ids, BLOCK)
            extra: list[Any] = [None] * len(names[at:])
            if salt is not None and not at:
                extra[0] = [salt]
            events.append({**event, "extra_keys": extra})
        if events:
            self.publisher.publish(*events)

    async def _health(self, request: Request) -> Response:
        return Response(status_code=200 if self.well else 503)

    async def _metrics(self, request: Request) -> Response:
        labels = f'block_size="{BLOCK}",engine="0",num_gpu_blocks="{self.capacity}"'
        return PlainTextResponse(f"vllm:cache_config_info{{{labels}}} 1.0\n")

    async def _models(self, request: Request) -> Response:
        return JSONResponse({"object": "list", "data": [{"id": "m", "object": "model"}]})

    async def _tokenize(self, request: Request) -> Response:
        tokens = ids_of(await request.json())
        return JSONResponse({"tokens": tokens, "count": len(tokens), "max_model_len": 1 << 20})

    async def _chat(self, request: Request) -> Response:
        self.headers.append(dict(request.headers))
        body = await request.json()
        if self.status != 200:
            return JSONResponse({"error": {"message": "no"}}, self.status)
        tokens = ids_of(body)
        async with self._turn:
            read = self.take(tokens, body.get("cache_salt"))
            await asyncio.sleep(self.pace * (len(tokens) - read))
        self.served += 1
        usage = {
            "prompt_tokens": len(tokens),
            "completion_tokens": 3,
            "total_tokens": len(tokens) + 3,
            "prompt_tokens_details": {"cached_tokens": read},
        }
        if body.get("stream"):
            pieces = int(body.get("max_tokens") or 3)
            return StreamingResponse(_stream(usage, pieces), media_type="text/event-stream")
        message = {"role": "assistant", "content": "a b c"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return JSONResponse({**_head("chat.completion"), "choices": [choice], "usage": usage})


def ids_of(body: dict[str, Any]) -> list[int]:
    """The bytes of the messages, as a template writes them."""
    text = "".join(f"<{m['role']}>{m['content']}\n" for m in body["messages"])
    return list(f"{text}<assistant>".encode())


def _head(kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "object": kind, "created": 1_700_000_000, "model": "m"}


async def _stream(usage: dict[str, Any], pieces: int) -> AsyncIterator[bytes]:
    head = _head("chat.completion.chunk")
    for number in range(pieces):
        choice = {"index": 0, "delta": {"content": f"{number} "}, "finish_reason": None}
        yield b"data: " + json.dumps({**head, "choices": [choice]}).encode() + b"\n\n"
        await asyncio.sleep(0.01)
    yield b"data: " + json.dumps({**head, "choices": [], "usage": usage}).encode() + b"\n\n"
    yield b"data: [DONE]\n\n"


if __name__ == "__main__":
    uvicorn.run(Engine(pace=2e-6).app, port=int(sys.argv[1]), log_level="error")
