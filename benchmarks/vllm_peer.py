"""The other end of ``benchmarks.vllm_child``: vLLM as a peer to compare with, if it is there."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PYTHON = Path(__file__).parent.parent / ".venv-vllm" / "bin" / "python"


class VLLMPeer:
    """vLLM in a child process; use as a context manager."""

    def __init__(self, folder: str) -> None:
        self._child = subprocess.Popen(
            [str(PYTHON), "-m", "benchmarks.vllm_child", folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=Path(__file__).parent.parent,
        )
        self._read()

    @staticmethod
    def available() -> bool:
        """True if ``make venv-vllm`` has been run."""
        return PYTHON.exists()

    def __enter__(self) -> VLLMPeer:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._child.stdin is not None
        self._child.stdin.close()
        self._child.wait(60)

    def generate(self, prompts: Sequence[Sequence[int]], max_tokens: int) -> dict[str, Any]:
        """Seconds and output tokens of one batch, greedy, to ``max_tokens`` exactly."""
        return self._ask(prompts=[list(p) for p in prompts], max_tokens=max_tokens)

    def _ask(self, **request: Any) -> dict[str, Any]:
        assert self._child.stdin is not None
        self._child.stdin.write(json.dumps(request) + "\n")
        self._child.stdin.flush()
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        if not line:
            raise RuntimeError(f"vLLM ended with code {self._child.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer
