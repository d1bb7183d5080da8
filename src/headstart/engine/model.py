"""A Hugging Face model behind one call: tokens of several requests in, logits out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from headstart.engine import attention
from headstart.engine.attention import Span
from headstart.engine.contract import EngineError, UnsupportedModel
from headstart.engine.lanes import DTYPES, Lane
from headstart.engine.linear import pack_linears
from headstart.engine.probe import probe, refuse_unsupported


class CausalModel:
    """A decoder-only model whose attention reads and writes lanes."""

    def __init__(self, folder: str, device: str, dtype: str | None) -> None:
        """``folder`` is a directory, or a hub id where the network allows one.

        UnsupportedModel names what can't be served; EngineError tells what is missing.
        """
        from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

        attention.register()
        self.device = torch.device(device)
        _refuse_missing(folder)
        with _in_one_line(f"no model at {folder}"):
            config = AutoConfig.from_pretrained(folder)
        refuse_unsupported(config)
        self.config: Any = config
        self.dtype = dtype or _dtype_name(getattr(config, "dtype", None))
        if self.dtype not in DTYPES:
            raise EngineError(f"dtype {self.dtype} is not one of {', '.join(DTYPES)}")
        with _in_one_line(f"cannot load {folder}"):
            model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=DTYPES[self.dtype])
            self.tokenizer: Any = AutoTokenizer.from_pretrained(folder)
            self._model = model.eval().to(self.device)
        with _in_one_line(f"{config.model_type} cannot be served", UnsupportedModel):
            self.layout = probe(self._model, config, self.dtype, self.device)
        pack_linears(self._model)
        self.name = Path(folder).name
        self.context = int(config.get_text_config().max_position_embeddings)
        self.stop_tokens = _stop_tokens(model, self.tokenizer)
        self._warm_up()

    def _warm_up(self) -> None:
        """Let the kernels compile what they compile at first use, before anybody waits."""
        lane = Lane(self.layout, 128, self.device)
        for start, count in ((0, 64), (64, 32), (96, 1)):
            self.forward([0] * count, [Span(lane, start, count)])

    @torch.inference_mode()
    def forward(self, tokens: Sequence[int], spans: Sequence[Span]) -> Tensor:
        """Run ``tokens``, which are the spans' tokens one after the other.

        Returns logits [spans, vocabulary] of each span's last token; the spans' lanes then
        hold their KV.
        """
        ends = torch.tensor([span.count for span in spans]).cumsum(0) - 1
        positions = torch.cat([torch.arange(span.start, span.end) for span in spans])
        output = self._model(
            input_ids=torch.tensor([tokens]).to(self.device),
            position_ids=positions[None].to(self.device),
            use_cache=False,
            logits_to_keep=ends.to(self.device),
            spans=spans,
        )
        logits: Tensor = output.logits[0]
        return logits


def _dtype_name(dtype: Any) -> str:
    """The checkpoint's own type where we keep KV in it, else float32."""
    name = str(dtype).removeprefix("torch.")
    return name if name in DTYPES else "float32"


def _stop_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    configured = model.generation_config.eos_token_id
    ids = configured if isinstance(configured, list) else [configured, tokenizer.eos_token_id]
    return frozenset(i for i in ids if i is not None)


def _refuse_missing(folder: str) -> None:
    path = Path(folder)
    if path.is_file():
        raise EngineError(f"{folder} is a file; a model's directory is needed")
    if folder.startswith(("/", ".", "~")) and not path.exists():
        raise EngineError(f"no model at {folder}: there is no such directory")


@contextmanager
def _in_one_line(failure: str, kind: type[EngineError] = EngineError) -> Iterator[None]:
    """What reads other people's files and configurations raises whatever it likes."""
    try:
        yield
    except (EngineError, MemoryError):
        raise
    except Exception as error:
        raise kind(f"{failure}: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
