"""KV events as vLLM publishes them: msgpack, by position or by name, unknown parts ignored.

Source: ``vllm/distributed/kv_events.py`` of 0.32 and 0.33. A batch is ``[time, events, rank]``;
an event a map with its name under ``type`` (0.32) or an array that begins with it (0.33 and
SGLang, which publishes the same events).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

_FIELDS: Mapping[str, Sequence[str]] = {
    "BlockStored": (
        "block_hashes",
        "parent_block_hash",
        "token_ids",
        "block_size",
        "lora_id",
        "medium",
        "lora_name",
        "extra_keys",
        "group_idx",
    ),
    "BlockRemoved": ("block_hashes", "medium", "group_idx"),
    "AllBlocksCleared": (),
}
_decode = msgspec.msgpack.Decoder().decode


class Stored(NamedTuple):
    """Blocks that came."""

    hashes: Sequence[int | bytes]
    parent: int | bytes | None
    tokens: Sequence[int]
    size: int
    medium: str | None
    extra: Sequence[object] | None


class Removed(NamedTuple):
    """Blocks that went."""

    hashes: Sequence[int | bytes]
    medium: str | None


class Cleared(NamedTuple):
    """All of them went."""


KVEvent = Stored | Removed | Cleared


def decoded(payload: bytes) -> list[KVEvent]:
    """A batch's events that are about the first group of layers, in order; those of kinds
    that are not known are left out. ValueError for what is no batch."""
    try:
        batch = _decode(payload)
        if not isinstance(batch, list) or not isinstance(batch[1], list):
            raise ValueError("not a batch of events")
        return list(_events(batch[1]))
    except (msgspec.DecodeError, IndexError, KeyError, TypeError) as error:
        raise ValueError(f"not a batch of events: {error}") from None


def _events(items: list[Any]) -> Iterator[KVEvent]:
    for item in items:
        kind, fields = _named(item)
        if fields.get("group_idx") or kind not in _FIELDS:
            continue
        if kind == "AllBlocksCleared":
            yield Cleared()
        elif kind == "BlockRemoved":
            yield Removed(_hashes(fields), fields.get("medium"))
        else:
            yield Stored(
                _hashes(fields),
                fields.get("parent_block_hash"),
                fields["token_ids"],
                fields["block_size"],
                fields.get("medium"),
                _extra(fields),
            )


def _named(item: Any) -> tuple[str, Mapping[str, Any]]:
    if isinstance(item, dict):
        return item.get("type", ""), item
    kind = item[0]
    return kind, dict(zip(_FIELDS.get(kind, ()), item[1:], strict=False))


def _hashes(fields: Mapping[str, Any]) -> Sequence[int | bytes]:
    hashes = fields["block_hashes"]
    if not all(isinstance(one, int | bytes) for one in hashes):
        raise TypeError("block_hashes")
    return list(hashes)


def _extra(fields: Mapping[str, Any]) -> Sequence[object] | None:
    """vLLM says for each block what it is keyed by; an older one only names the adapter."""
    extra = fields.get("extra_keys")
    if extra is not None or not fields.get("lora_name"):
        return list(extra) if extra is not None else None
    return [[fields["lora_name"]]] * len(fields["block_hashes"])
