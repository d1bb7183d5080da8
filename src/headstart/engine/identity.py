"""Whose KV this is: the fingerprint under which an engine's pages are stored."""

from __future__ import annotations

from pathlib import Path

import torch
import transformers

from headstart.engine.attention import NAME
from headstart.engine.contract import EngineError
from headstart.engine.model import CausalModel
from headstart.kv.fingerprint import Fingerprint
from headstart.kv.identity import position_settings, weights_digest


def fingerprint(model: CausalModel, folder: Path, exact_chunk: int) -> Fingerprint:
    """``exact_chunk`` is the prefill chunk in exact mode, else 0.

    In exact mode everything that decides the bits of KV counts: chunk, device, threads,
    library versions and kernels. In the default mode weights, positions and layout do.
    EngineError if the weights can't be read.
    """
    numerics = ""
    if exact_chunk:
        cpu = torch.backends.cpu.get_cpu_capability()
        numerics = (
            f"{NAME}-1 torch {torch.__version__} transformers {transformers.__version__} "
            f"{model.device} {cpu} threads {torch.get_num_threads()}"
        )
    try:
        weights = weights_digest(folder)
    except FileNotFoundError as error:
        raise EngineError(f"{error}: a tier below memory needs a local model") from None
    return Fingerprint(
        weights=weights,
        layout=model.layout,
        chunk=exact_chunk,
        rope=position_settings(model.config.get_text_config()),
        numerics=numerics,
        model=model.name,
    )
