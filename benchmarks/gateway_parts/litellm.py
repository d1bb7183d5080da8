"""LiteLLM's proxy before the same upstream: one worker, no database, no callbacks."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path


def missing(python: str) -> str | None:
    """Why that interpreter cannot run it; None if it can."""
    try:
        ran = subprocess.run(
            [python, "-c", "import litellm.proxy.proxy_server"], capture_output=True, timeout=120
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return type(error).__name__
    return None if ran.returncode == 0 else "the interpreter has no litellm[proxy]"


def serving(python: str, upstream: str, folder: str, port: int) -> tuple[list[str], dict[str, str]]:
    """Its command and environment. The configuration is JSON, which YAML contains."""
    model = {
        "model_name": "gpt-4.1",
        "litellm_params": {
            "model": "openai/gpt-4.1",
            "api_base": f"{upstream}/v1",
            "api_key": "sk-bench",
        },
    }
    config = Path(folder) / "litellm.yaml"
    config.write_text(json.dumps({"model_list": [model]}))
    start = "from litellm import run_server; run_server()"
    command = [python, "-c", start, "--config", str(config), "--port", str(port)]
    command += ["--host", "127.0.0.1", "--num_workers", "1"]
    return command, {
        "LITELLM_LOG": "ERROR",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
    }
