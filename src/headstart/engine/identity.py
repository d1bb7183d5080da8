"""Whose KV this is: the fingerprint under which an engine's pages are stored."""

from __future__ import annotations

import json
from pathlib import Path

import torch
import transformers
import xxhash

from headstart.engine.attention import NAME
from headstart.engine.contract import EngineError
from headstart.engine.model import CausalModel
from headstart.kv.fingerprint import Fingerprint

_WEIGHTS = ("*.safetensors", "*.bin")
_BLOCK = 16 << 20


def fingerprint(model: CausalModel, folder: Path, exact_chunk: int) -> Fingerprint:
    """``exact_chunk`` is the prefill chunk in exact mode, else 0.

    In exact mode everything that decides the bits of KV counts: chunk, device, threads,
    library versions and kernels. In the default mode weights, positions and layout do.
    EngineError if the weights can't be read.
    """
    text = model.config.get_text_config()
    rope = {
        "theta": getattr(text, "rope_theta", None),
        "parameters": getattr(text, "rope_parameters", None),
        "scaling": getattr(text, "rope_scaling", None),
    }
    numerics = ""
    if exact_chunk:
        cpu = torch.backends.cpu.get_cpu_capability()
        numerics = (
            f"{NAME}-1 torch {torch.__version__} transformers {transformers.__version__} "
            f"{model.device} {cpu} threads {torch.get_num_threads()}"
        )
    return Fingerprint(
        weights=weights_digest(folder),
        layout=model.layout,
        chunk=exact_chunk,
        rope=json.dumps(rope, sort_keys=True, separators=(",", ":"), default=str),
        numerics=numerics,
        model=model.name,
    )


def weights_digest(folder: Path) -> str:
    """xxh3-128 over names and bytes of all weight files, in order of their names.

    About 10 GB/s from the page cache, which loading the model has filled.
    """
    digest = xxhash.xxh3_128()
    files = sorted({path for pattern in _WEIGHTS for path in folder.glob(pattern)})
    if not files:
        raise EngineError(f"no weight files in {folder}: a tier below memory needs a local model")
    for path in files:
        digest.update(path.name.encode() + b"\0")
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    return digest.hexdigest()
