"""Asking replicas how they are: health, capacity, and the tokens of a prompt."""

from __future__ import annotations

import asyncio
import re
from typing import Any, Final

import aiohttp
import msgspec

from headstart.server.replica_tables import ReplicaTable

HEALTH_SECONDS: Final = 2.0
TOKENIZE_SECONDS: Final = 0.25
"""How long a request waits for its tokens; after that it is routed by history."""
_CONFIG: Final = re.compile(r"^vllm:cache_config_info\{(.*)\}", re.MULTILINE)
_LABEL: Final = re.compile(r'(\w+)="([^"]*)"')
_CHAT: Final = (
    "messages",
    "tools",
    "chat_template",
    "chat_template_kwargs",
    "add_generation_prompt",
    "continue_final_message",
    "add_special_tokens",
)
_COMPLETION: Final = ("prompt", "add_special_tokens")


class _Tokens(msgspec.Struct):
    tokens: list[int]


_TOKENS = msgspec.json.Decoder(_Tokens)
_BODY = msgspec.json.Decoder(dict[str, msgspec.Raw])


async def alive(session: aiohttp.ClientSession, table: ReplicaTable) -> tuple[bool, bool]:
    """Whether it is well, and whether it was reached at all. An engine without such a path
    lives if it answers."""
    try:
        async with asyncio.timeout(HEALTH_SECONDS):
            async with session.get(table.url.rstrip("/") + table.health) as response:
                return response.status < 500, True
    except aiohttp.ClientConnectorError:
        return False, False
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        return False, True


async def capacity(session: aiohttp.ClientSession, table: ReplicaTable) -> int | None:
    """Tokens that a vLLM's cache holds, by its metrics; None where they do not say."""
    if table.kind != "vllm":
        return None
    try:
        async with asyncio.timeout(HEALTH_SECONDS):
            async with session.get(table.url.rstrip("/") + "/metrics") as response:
                text = (await response.read()).decode("utf-8", "replace")
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        return None
    found = _CONFIG.search(text)
    labels = dict(_LABEL.findall(found[1])) if found else {}
    try:
        return int(labels["num_gpu_blocks"]) * int(labels["block_size"])
    except (KeyError, ValueError):
        return None


async def tokens_of(
    session: aiohttp.ClientSession, url: str, path: str, body: bytes, headers: dict[str, str]
) -> list[int] | None:
    """The prompt's token ids, by ``POST /tokenize`` of a replica, which applies its chat
    template; None where it can't, or takes longer than ``TOKENIZE_SECONDS``."""
    asked = tokenize_body(path, body)
    if asked is None:
        return None
    headers = {"content-type": "application/json", **headers}
    try:
        async with asyncio.timeout(TOKENIZE_SECONDS):
            async with session.post(
                url.rstrip("/") + "/tokenize", data=asked, headers=headers
            ) as response:
                if response.status != 200:
                    return None
                return _TOKENS.decode(await response.read()).tokens
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        return None


def tokenize_body(path: str, body: bytes) -> bytes | None:
    """What of a request its tokens depend on; None for a path or a body that has none."""
    names = _CHAT if path.endswith("/chat/completions") else _COMPLETION
    if not path.endswith(("/chat/completions", "/v1/completions")):
        return None
    try:
        given = _BODY.decode(body)
    except (ValueError, RecursionError):
        return None
    if names[0] not in given:
        return None
    asked: dict[str, Any] = {name: given[name] for name in ("model", *names) if name in given}
    return msgspec.json.encode(asked)
