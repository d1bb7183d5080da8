"""A publisher of KV events as vLLM's: PUB with numbered batches, ROUTER for those missed."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

import msgspec
import zmq

END = (-1).to_bytes(8, "big", signed=True)


class Publisher:
    """Sends each batch from the caller's thread, and answers replays from one of its own."""

    def __init__(self, kept: int = 1000) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._pub = self._context.socket(zmq.PUB)
        self._router = self._context.socket(zmq.ROUTER)
        self.events = f"tcp://127.0.0.1:{self._pub.bind_to_random_port('tcp://127.0.0.1')}"
        self.replay = f"tcp://127.0.0.1:{self._router.bind_to_random_port('tcp://127.0.0.1')}"
        self.number = 0
        self.replays = 0
        self._kept: deque[tuple[int, bytes]] = deque(maxlen=kept)
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._answer, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        self._thread.join(5)
        self._context.destroy(linger=0)

    def publish(self, *events: Any, lost: bool = False, raw: bytes | None = None) -> None:
        """``lost``: only a replay will bring it."""
        payload = raw if raw is not None else msgspec.msgpack.encode([time.time(), events, 0])
        with self._lock:
            self._kept.append((self.number, payload))
            if not lost:
                self._pub.send_multipart([b"", self.number.to_bytes(8, "big"), payload])
            self.number += 1

    def restart(self) -> None:
        """As a new process: it counts from 0, and has nothing to replay."""
        with self._lock:
            self.number = 0
            self._kept.clear()

    def _answer(self) -> None:
        while not self._closed.is_set():
            if not self._router.poll(20):
                continue
            client, _, start = self._router.recv_multipart()
            self.replays += 1
            with self._lock:
                kept = list(self._kept)
            for number, payload in kept:
                if number >= int.from_bytes(start, "big"):
                    self._router.send_multipart(
                        [client, b"", b"", number.to_bytes(8, "big"), payload]
                    )
            self._router.send_multipart([client, b"", b"", END, b""])


def stored(hashes: Sequence[Any], parent: Any, tokens: Sequence[int], size: int) -> dict[str, Any]:
    """As vLLM 0.32 writes it, with a field that nobody knows yet."""
    return {
        "type": "BlockStored",
        "block_hashes": list(hashes),
        "parent_block_hash": parent,
        "token_ids": list(tokens),
        "block_size": size,
        "lora_id": None,
        "medium": "GPU",
        "lora_name": None,
        "from_the_future": {"x": [1]},
    }


def removed(hashes: Sequence[Any]) -> dict[str, Any]:
    return {"type": "BlockRemoved", "block_hashes": list(hashes), "medium": "GPU"}


CLEARED = {"type": "AllBlocksCleared"}
