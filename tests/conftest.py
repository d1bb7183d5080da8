"""What several rooms' tests share: the built-in model, and a tiny one, each loaded once."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import uvicorn.server

from headstart.engine import Engine, load

MIB = 1024**2


@pytest.fixture(scope="session", autouse=True)
def quick() -> Iterator[None]:
    """Certificates are read once: every new client reads them all, which takes 35 ms of CPU, and
    a request 2. uvicorn looks ten times as often whether it is to end: there are a thousand
    servers, and each would take its fifth of a second."""
    steps = {**vars(asyncio), "sleep": lambda seconds: asyncio.sleep(seconds / 10)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", cache(ssl.create_default_context))
        patch.setattr(uvicorn.server, "asyncio", SimpleNamespace(**steps))
        yield


@pytest.fixture(scope="session")
def builtin_engine() -> Iterator[Engine]:
    """The built-in model. Tests share its cache: make prompts that no other test makes."""
    engine = load(None, cache_memory=512 * MIB)
    yield engine
    engine.close()


def tiny_llama(folder: Path, **shape: int) -> Path:
    """A Llama of random weights, which answers nonsense at once.

    Its tokenizer and chat template are the built-in model's.
    """
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    from headstart.engine import builtin

    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(builtin.ensure())
    sizes: dict[str, Any] = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 1024,
        **shape,
    }
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        **sizes,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a tiny model."""
    return tiny_llama(tmp_path_factory.mktemp("models") / "tiny-llama")


@pytest.fixture(scope="session")
def tiny_engine(tiny_model: Path) -> Iterator[Engine]:
    """The tiny model, for tests that ask how something ends, not what is said."""
    engine = load(str(tiny_model), cache_memory=16 * MIB, dtype="float32")
    yield engine
    engine.close()
