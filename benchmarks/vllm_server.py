"""vLLM's own server with or without the KV connector, for tests and benchmarks.

Runs in the environment of ``make venv-vllm``, in a process group that is killed at the end.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from benchmarks.servers import free_port
from benchmarks.vllm_peer import PYTHON

MODEL = "m"
START_SECONDS = 900.0
CONNECTOR = {
    "kv_connector": "HeadstartConnector",
    "kv_connector_module_path": "headstart.integrations.vllm.connector",
    "kv_role": "kv_both",
}


class Answer(NamedTuple):
    """One completion. ``cached`` is what usage says was read, ``ttft`` in seconds."""

    text: str
    prompt: int
    cached: int
    ttft: float
    seconds: float
    top: dict[str, float]
    """Log-probabilities of the first token's best candidates, where ``logprobs`` asks so."""


class VLLMServer:
    """Use as a context manager; ``start`` and ``stop`` may be called again and again."""

    def __init__(
        self,
        folder: str | Path,
        log: Path,
        store: Mapping[str, Any] | None = None,
        options: Sequence[str] = (),
        dtype: str = "bfloat16",
        cache_gib: int = 1,
        **environment: str,
    ) -> None:
        """``store``: the connector's options, None for vLLM without it. ``log`` takes what
        the server prints."""
        self._command = [
            str(PYTHON), "-m", "vllm.entrypoints.openai.api_server",
            "--model", str(folder), "--served-model-name", MODEL,
            "--dtype", dtype, "--enforce-eager", "--enable-prompt-tokens-details",
            "--host", "127.0.0.1", *options,
        ]  # fmt: skip
        if store is not None:
            config = {**CONNECTOR, "kv_connector_extra_config": dict(store)}
            self._command += ["--kv-transfer-config", json.dumps(config)]
        self._log = log
        self._environment = {
            "VLLM_CPU_KVCACHE_SPACE": str(cache_gib),
            # vLLM keeps one core free of computing, and two where there is a connector: with
            # two cores in all that is none, and both servers would not compute on the same.
            "VLLM_CPU_NUM_OF_RESERVED_CPU": "1",
            "VLLM_SERVER_DEV_MODE": "1",
            "VLLM_NO_USAGE_STATS": "1",
            "HF_HUB_OFFLINE": "1",
            **environment,
        }
        self._child: subprocess.Popen[bytes] | None = None
        self.port = 0

    def __enter__(self) -> VLLMServer:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start and wait until it answers; RuntimeError with the log's end."""
        self.port = free_port()
        with self._log.open("ab") as out:
            self._child = subprocess.Popen(
                [*self._command, "--port", str(self.port)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self._environment},
                cwd=self._log.parent,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._healthy():
            if self._child.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"vLLM did not start:\n{self.log()[-4000:]}")
            time.sleep(0.25)

    def stop(self, seconds: float = 40.0) -> None:
        """Ask it to end, so that it writes what is waiting; then kill its group."""
        child, self._child = self._child, None
        if child is None:
            return
        try:
            child.send_signal(signal.SIGTERM)
            child.wait(seconds)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self._kill(child)

    def kill(self) -> None:
        """End every process of it at once."""
        child, self._child = self._child, None
        if child is not None:
            self._kill(child)

    @contextlib.contextmanager
    def suspended(self) -> Iterator[None]:
        """Stop all of its processes (SIGSTOP) for a while."""
        child = self._child
        if child is None:
            yield
            return
        os.killpg(child.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(child.pid, signal.SIGCONT)

    def log(self) -> str:
        """All that it printed."""
        return self._log.read_text(errors="replace")

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """JSON in, JSON out (None for an empty answer); RuntimeError unless it is a 200."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        try:
            data = json.dumps(body or {})
            connection.request("POST", path, data, {"content-type": "application/json"})
            response = connection.getresponse()
            raw = response.read()
        finally:
            connection.close()
        if response.status != 200:
            raise RuntimeError(f"{response.status}: {raw[:2000]!r}")
        return json.loads(raw) if raw else None

    def ask(
        self, prompt: Sequence[int] | str, tokens: int = 8, salt: str | None = None, **more: Any
    ) -> Answer:
        """A greedy completion of exactly so many tokens, streamed."""
        body = {
            "model": MODEL,
            "prompt": prompt if isinstance(prompt, str) else list(prompt),
            "max_tokens": tokens,
            "temperature": 0,
            "ignore_eos": True,
            "stream": True,
            "stream_options": {"include_usage": True},
            **({"cache_salt": salt} if salt is not None else {}),
            **more,
        }
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        try:
            started = time.perf_counter()
            headers = {"content-type": "application/json"}
            connection.request("POST", "/v1/completions", json.dumps(body), headers)
            response = connection.getresponse()
            if response.status != 200:
                raise RuntimeError(f"{response.status}: {response.read()[:2000]!r}")
            return _streamed(response, started)
        finally:
            connection.close()

    def reset(self) -> None:
        """Empty vLLM's own prefix cache; not ours."""
        self.post("/reset_prefix_cache")

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples with these labels; 0 if there are none."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode()
        finally:
            connection.close()
        total = 0.0
        for line in text.splitlines():
            found = re.fullmatch(rf"{re.escape(name)}\{{(.*)\}} (\S+)", line)
            if found and all(f'{key}="{value}"' in found[1] for key, value in labels.items()):
                total += float(found[2])
        return total

    def _healthy(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def _kill(self, child: subprocess.Popen[bytes]) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _streamed(response: http.client.HTTPResponse, started: float) -> Answer:
    text, first = "", 0.0
    usage: dict[str, Any] = {}
    top: dict[str, float] = {}
    for line in response:
        if not line.startswith(b"data: {"):
            continue
        event = json.loads(line[6:])
        if event.get("choices") and not first:
            first = time.perf_counter() - started
        for choice in event.get("choices", ()):
            text += choice["text"]
            if choice.get("logprobs") and not top:
                top = choice["logprobs"]["top_logprobs"][0]
        usage = event.get("usage") or usage
    seconds = time.perf_counter() - started
    cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
    return Answer(text, usage["prompt_tokens"], cached, first, seconds, top)
