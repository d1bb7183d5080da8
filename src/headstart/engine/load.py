"""From a model's name and a memory budget to a running engine."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from headstart.engine.contract import Engine, EngineError

BUILTIN = ("smollm2-135m-instruct", "smollm2-135m")
DEFAULT_CHUNK = 512


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
    threads: int | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Engine:
    """Load a model and start its engine.

    ``model`` is a directory of a Hugging Face model, a hub id where the network allows, or
    None for the built-in one. ``cache_memory`` bounds all KV in bytes, ``chunk`` is the
    prefill chunk in tokens. EngineError in one line tells what is missing or refused.
    """
    try:
        import torch
        import transformers
    except ImportError as error:
        raise EngineError(
            f"serving a model needs {error.name}: pip install 'headstart[local]'"
        ) from error
    from headstart.engine import builtin
    from headstart.engine.model import CausalModel
    from headstart.engine.transformers_engine import TransformersEngine
    from headstart.kv import KVCache

    quiet: Any = transformers.logging
    quiet.set_verbosity_error()
    quiet.disable_progress_bar()
    if threads:
        torch.set_num_threads(threads)
    named = model is None or model.lower() in BUILTIN
    folder = str(builtin.ensure(progress)) if named else str(model)
    progress(f"loading {builtin.NAME if named else folder}")
    loaded = CausalModel(folder, _device(device), dtype)
    if named:
        loaded.name = builtin.NAME
    token = loaded.layout.token_bytes
    page = chunk if exact else 1
    if cache_memory < 2 * chunk * token:
        raise EngineError(
            f"too little cache memory: {cache_memory} bytes hold {cache_memory // token} tokens "
            f"of KV ({token} bytes each); at least {2 * chunk * token} bytes are needed"
        )
    headroom = min(loaded.context * token, cache_memory // 2)
    cache = KVCache(loaded.layout, cache_memory, page, tenants, headroom=headroom)
    return TransformersEngine(loaded, cache, chunk, max_running, int(time.time()))


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
