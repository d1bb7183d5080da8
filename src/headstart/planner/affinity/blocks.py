"""What replicas hold, from the KV events that they publish: one table over all of them.

An engine names a block by a hash of its own, which nobody outside can compute and which may
differ from process to process. Its events say what tokens a block holds and which block it
follows, so each block gets a key of ours here: a digest of its tokens and all before them,
the same for every replica. (Events: vLLM's ``kv_events.py`` at 0181ea31.)
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

from headstart.planner.affinity.contract import Level

KEY_BYTES: Final = 8
_ROOT: Final = bytes(KEY_BYTES)
EngineHash = int | bytes
_FIRST: Final = "GPU"
"""The medium that an event without one means."""


class _Held:
    """One replica's blocks: by medium, the engine's hash to our key."""

    __slots__ = ("media", "orphans", "surplus")

    def __init__(self) -> None:
        self.media: dict[str, dict[int, int]] = {}
        self.surplus: Counter[int] = Counter()
        """Of our keys that are held more than once, how many times more."""
        self.orphans = 0

    def key_of(self, name: int) -> int | None:
        for blocks in self.media.values():
            if (key := blocks.get(name)) is not None:
                return key
        return None


class BlockIndex:
    """Which replicas hold which blocks. An event costs about a digest a block; memory is one
    entry of a table for each distinct block and one for each block that a replica holds. The
    order of eviction is the engines' own, so no use is recorded here."""

    def __init__(self) -> None:
        self._holders: dict[int, int] = {}
        self._slots: dict[int, _Held] = {}
        self._all = 0

    def __len__(self) -> int:
        """Distinct blocks."""
        return len(self._holders)

    def add(self, slot: int) -> None:
        """A replica that holds nothing. ValueError if it is there."""
        if slot in self._slots:
            raise ValueError(f"slot {slot} is taken")
        self._slots[slot] = _Held()
        self._all |= 1 << slot

    def remove(self, slot: int) -> None:
        """Forget a replica. KeyError, here and below, if it is not there."""
        self.clear(slot)
        del self._slots[slot]
        self._all &= ~(1 << slot)

    def clear(self, slot: int) -> None:
        """It holds nothing any more."""
        held, bit = self._slots[slot], 1 << slot
        for blocks in held.media.values():
            for key in blocks.values():
                self._leave(key, bit)
        self._slots[slot] = _Held()

    def held(self, slot: int, medium: str | None = None) -> int:
        """Blocks that it holds in one medium."""
        return len(self._slots[slot].media.get(medium or _FIRST, ()))

    def orphans(self, slot: int) -> int:
        """Blocks left out since it was cleared: what they follow is not known."""
        return self._slots[slot].orphans

    def stored(
        self,
        slot: int,
        hashes: Sequence[EngineHash],
        parent: EngineHash | None,
        tokens: Sequence[int],
        size: int,
        medium: str | None = None,
        extra: Sequence[object] | None = None,
    ) -> None:
        """Blocks of ``size`` tokens, each following the one before it, the first one
        ``parent``; ``extra`` is what else each one is keyed by. ValueError if these do not
        go together."""
        if size < 1 or len(tokens) != size * len(hashes):
            raise ValueError(f"{len(tokens)} tokens for {len(hashes)} blocks of {size}")
        held = self._slots[slot]
        before = 0
        if parent is not None:
            found = held.key_of(_name(parent))
            if found is None:
                held.orphans += len(hashes)
                return
            before = found
        keys = block_keys(tokens, size, extra, before)
        blocks, bit = held.media.setdefault(medium or _FIRST, {}), 1 << slot
        holders = self._holders
        for hash_, key in zip(hashes, keys, strict=True):
            name = _name(hash_)
            known = blocks.get(name)
            if known == key:
                continue
            if known is not None:
                self._drop(held, known, bit)
            blocks[name] = key
            if holders.get(key, 0) & bit:
                held.surplus[key] += 1
            else:
                holders[key] = holders.get(key, 0) | bit

    def removed(self, slot: int, hashes: Sequence[EngineHash], medium: str | None = None) -> None:
        """Blocks that are gone from a medium; those that are not known do not matter."""
        held, bit = self._slots[slot], 1 << slot
        blocks = held.media.get(medium or _FIRST, {})
        for hash_ in hashes:
            key = blocks.pop(_name(hash_), None)
            if key is not None:
                self._drop(held, key, bit)

    def match(self, keys: Sequence[int], size: int) -> list[Level]:
        """All replicas, those that hold most of these blocks first."""
        levels: list[tuple[int, int]] = []
        holders, alive, count = self._holders, self._all, 0
        for key in keys:
            here = alive & holders.get(key, 0)
            if here != alive:
                levels.append((count, alive & ~here))
                alive = here
                if not alive:
                    break
            count += 1
        if alive:
            levels.append((count, alive))
        most = levels[-1][0] if levels else 0
        return [
            Level(blocks * size, replicas, float((most - blocks) * size))
            for blocks, replicas in reversed(levels)
        ]

    def _drop(self, held: _Held, key: int, bit: int) -> None:
        more = held.surplus.get(key, 0)
        if more > 1:
            held.surplus[key] = more - 1
        elif more:
            del held.surplus[key]
        else:
            self._leave(key, bit)

    def _leave(self, key: int, bit: int) -> None:
        rest = self._holders.get(key, 0) & ~bit
        if rest:
            self._holders[key] = rest
        else:
            self._holders.pop(key, None)


def block_keys(
    tokens: Sequence[int],
    size: int,
    extra: Sequence[object] | None = None,
    before: int = 0,
) -> list[int]:
    """Our keys of a prompt's whole blocks, each standing for all before it too. ``extra``: for
    each block what else it is keyed by, None for nothing (see ``extras_of``); ``before`` is
    the key of the block that they follow. ValueError for a token beyond 32 bits."""
    try:
        packed = array("I", tokens).tobytes()
    except (OverflowError, TypeError) as error:
        raise ValueError(f"token ids: {error}") from None
    width, state = size * 4, before.to_bytes(KEY_BYTES, "little") if before else _ROOT
    keys = []
    for number in range(len(tokens) // size):
        piece = packed[number * width : (number + 1) * width]
        more = extra[number] if extra is not None and number < len(extra) else None
        content = state + piece if more is None else state + piece + _written(more)
        state = blake2b(content, digest_size=KEY_BYTES).digest()
        keys.append(int.from_bytes(state, "little"))
    return keys


def extras_of(
    blocks: int, salt: str | None = None, adapter: str | None = None
) -> list[object] | None:
    """What vLLM keys a text prompt's blocks by beside their tokens: the adapter's name all of
    them, ``cache_salt`` the first one."""
    if salt is None and adapter is None:
        return None
    every = [adapter] if adapter is not None else []
    found: list[object] = [list(every) or None for _ in range(blocks)]
    if salt is not None and found:
        found[0] = [*every, salt]
    return found


def _written(extra: object) -> bytes:
    """Lists and tuples alike: which of them arrives depends on the decoder."""
    if isinstance(extra, list | tuple):
        return b"[" + b",".join(_written(item) for item in extra) + b"]"
    return repr(extra).encode("utf-8", "surrogatepass")


def _name(hash_: EngineHash) -> int:
    """64 bits of an engine's hash tell its blocks apart."""
    if isinstance(hash_, bytes):
        return int.from_bytes(hash_[-8:], "little")
    return hash_ & 0xFFFF_FFFF_FFFF_FFFF
