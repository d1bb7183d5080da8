"""What of a model's files and settings decides its KV, in the form that fingerprints take."""

from __future__ import annotations

import json
from pathlib import Path

import xxhash

_WEIGHTS = ("*.safetensors", "*.bin")
_BLOCK = 16 << 20


def weights_digest(folder: Path) -> str:
    """xxh3-128 over names and bytes of all weight files, in order of their names.

    About 10 GB/s from the page cache, which loading the model has filled.
    FileNotFoundError if there are none, OSError if they can't be read.
    """
    digest = xxhash.xxh3_128()
    files = sorted({path for pattern in _WEIGHTS for path in folder.glob(pattern)})
    if not files:
        raise FileNotFoundError(f"no weight files in {folder}")
    for path in files:
        digest.update(path.name.encode() + b"\0")
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    return digest.hexdigest()


def position_settings(config: object) -> str:
    """``Fingerprint.rope`` of a Hugging Face text configuration."""
    rope = {
        "theta": getattr(config, "rope_theta", None),
        "parameters": getattr(config, "rope_parameters", None),
        "scaling": getattr(config, "rope_scaling", None),
    }
    return json.dumps(rope, sort_keys=True, separators=(",", ":"), default=str)
