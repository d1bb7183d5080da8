"""vLLM behind a pipe, for benchmarks that compare with it: one JSON object a line.

Run by the interpreter of the environment that has vLLM (``make venv-vllm``):
``python -m benchmarks.vllm_child MODEL_DIR``. Requests are
``{"prompts": [[token, ...], ...], "max_tokens": N}`` or ``{"reset": true}``; the answer is
``{"seconds": S, "output_tokens": N}``, measured around vLLM's own ``generate``.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "2")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")


def main(folder: str) -> None:
    """Serve until standard input ends."""
    # What vLLM prints must not mix with the answers.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    from vllm import LLM, SamplingParams

    model = LLM(
        model=folder,
        dtype="bfloat16",
        enforce_eager=True,
        enable_prefix_caching=True,
        max_model_len=8192,
    )
    answers.write(json.dumps({"ready": True}) + "\n")
    for line in sys.stdin:
        answers.write(json.dumps(_answer(model, SamplingParams, json.loads(line))) + "\n")


def _answer(model: Any, sampling: Any, request: dict[str, Any]) -> dict[str, Any]:
    if request.get("reset"):
        return {"reset": bool(model.reset_prefix_cache())}
    settings = sampling(max_tokens=request["max_tokens"], temperature=0.0, ignore_eos=True)
    prompts = [{"prompt_token_ids": tokens} for tokens in request["prompts"]]
    started = time.perf_counter()
    outputs = model.generate(prompts, settings, use_tqdm=False)
    seconds = time.perf_counter() - started
    return {
        "seconds": seconds,
        "output_tokens": sum(len(o.outputs[0].token_ids) for o in outputs),
        "cached_tokens": [o.num_cached_tokens for o in outputs],
    }


if __name__ == "__main__":
    main(sys.argv[1])
