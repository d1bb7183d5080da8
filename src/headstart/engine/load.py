"""From a model's name and a memory budget to a running engine."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from headstart.engine.contract import Engine, EngineError

if TYPE_CHECKING:
    from headstart.engine.model import CausalModel
    from headstart.kv import KVCache, KVLayout
    from headstart.kv.tiered import TieredCache

BUILTIN = ("smollm2-135m-instruct", "smollm2-135m")
DEFAULT_CHUNK = 512


@dataclass(frozen=True, slots=True)
class TierOptions:
    """Tiers below memory; all off by default."""

    disk: str | None = None
    """``PATH:SIZE``."""
    remotes: Sequence[str] = ()
    """``s3://...`` or ``valkey://...`` URLs, fastest first."""
    master_key: str | None = None
    """``file:PATH`` or ``env:NAME``: seals pages at rest, per tenant."""
    previous_master_key: str | None = None
    """To rotate away from."""

    def __bool__(self) -> bool:
        return bool(self.disk or self.remotes)


def load(
    model: str | None = None,
    *,
    cache_memory: int = 2 << 30,
    device: str = "auto",
    dtype: str | None = None,
    exact: bool = False,
    chunk: int = DEFAULT_CHUNK,
    max_running: int = 32,
    tenants: int = 1,
    strict_quota: bool = False,
    eviction: str = "lru",
    tiers: TierOptions = TierOptions(),
    threads: int | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Engine:
    """Load a model and start its engine.

    ``model`` is a directory of a Hugging Face model, a hub id where the network allows, or
    None for the built-in one. ``cache_memory`` bounds all KV in bytes, ``chunk`` is the
    prefill chunk in tokens. ``eviction`` is "lru", "lfu", "fifo" or "learned";
    ``strict_quota`` forbids tenants to borrow what others leave free. EngineError in one
    line tells what is missing or refused.
    """
    # oneDNN keeps a compiled kernel per operand shape, 0.3 MB each and 1,024 of them by
    # default: prompts of every length would grow the process by hundreds of megabytes.
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "128")
    try:
        import torch
        import transformers
    except ImportError as error:
        raise EngineError(
            f"serving a model needs {error.name}: pip install 'headstart[local]'"
        ) from error
    from headstart.engine.thread import ModelThread
    from headstart.engine.transformers_engine import TransformersEngine

    quiet: Any = transformers.logging
    quiet.set_verbosity_error()
    quiet.disable_progress_bar()
    if threads:
        torch.set_num_threads(threads)
    memory = _Memory(cache_memory, chunk if exact else 1, tenants, strict_quota, eviction)
    thread = ModelThread()

    def build() -> TransformersEngine:
        loaded, folder = _load_model(model, device, dtype, progress)
        cache = memory.cache(loaded.layout, loaded.context, chunk)
        below = None
        if tiers:
            progress("opening the tiers below memory")
            below = _open_tiers(tiers, loaded, folder, cache, tenants, strict_quota)
        return TransformersEngine(
            loaded, cache, chunk, max_running, int(time.time()), thread, below
        )

    try:
        return thread.submit(build).result()
    except BaseException:
        thread.end()
        raise


def _load_model(
    model: str | None, device: str, dtype: str | None, progress: Callable[[str], None]
) -> tuple[CausalModel, Path]:
    from headstart.engine import builtin
    from headstart.engine.model import CausalModel

    named = model is None or model.lower() in BUILTIN
    folder = str(builtin.ensure(progress)) if named else str(model)
    progress(f"loading {builtin.NAME if named else folder}")
    loaded = CausalModel(folder, _device(device), dtype)
    if named:
        loaded.name = builtin.NAME
    return loaded, Path(folder)


class _Memory(NamedTuple):
    size: int
    page: int
    tenants: int
    strict: bool
    eviction: str

    def cache(self, layout: KVLayout, context: int, chunk: int) -> KVCache:
        """EngineError if the budget is too small for work, or for this machine."""
        from headstart.kv import KVCache
        from headstart.prefix import RadixTree
        from headstart.prefix.named import policy_named

        token = layout.token_bytes
        if self.size < 2 * chunk * token:
            raise EngineError(
                f"too little cache memory: {self.size} bytes hold {self.size // token} tokens "
                f"of KV ({token} bytes each); at least {2 * chunk * token} bytes are needed"
            )
        try:
            return KVCache(
                layout,
                self.size,
                self.page,
                self.tenants,
                headroom=min(context * token, self.size // 2),
                strict=self.strict,
                index=RadixTree(page=self.page, policy=policy_named(self.eviction)),
            )
        except (OSError, OverflowError) as error:
            raise EngineError(f"cannot set {self.size} bytes aside for KV: {error}") from error


def _open_tiers(
    options: TierOptions,
    model: CausalModel,
    folder: Path,
    cache: KVCache,
    tenants: int,
    strict: bool,
) -> TieredCache:
    from headstart.engine.identity import fingerprint
    from headstart.kv.keyring import KeyringError
    from headstart.kv.open import open_store
    from headstart.kv.seal import BadMasterKey, MasterKey
    from headstart.kv.tiered import TieredCache
    from headstart.kv.tiers.contract import TierError

    mark = fingerprint(model, folder, cache.page if cache.page > 1 else 0)
    try:
        store = open_store(
            mark,
            options.disk,
            options.remotes,
            MasterKey.load(options.master_key) if options.master_key else None,
            MasterKey.load(options.previous_master_key) if options.previous_master_key else None,
            tenants=tenants,
            strict=strict,
        )
        return TieredCache(cache, store, mark.page_tokens)
    except ModuleNotFoundError as error:
        raise EngineError(f"this tier needs {error.name}: see the extras s3 and valkey") from error
    except (ValueError, TierError, KeyringError, BadMasterKey) as error:
        raise EngineError(str(error)) from error


def _device(name: str) -> str:
    import torch

    if name != "auto":
        try:
            torch.empty(1, device=name)
        except (RuntimeError, AssertionError) as error:
            raise EngineError(f"device {name}: {str(error).splitlines()[0]}") from error
        return name
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
