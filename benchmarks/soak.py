"""500 requests from 64 concurrent clients over HTTP: errors, resident memory, throughput.

``python -m benchmarks.soak [--quick]``. A real server process; clients hold conversations
(shared system prompts, growing histories) in both dialects, half of them streaming, so that
the cache fills and evicts. Resident memory is read from /proc while it runs.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import subprocess
import sys
import time

import httpx
import psutil
from rich.console import Console
from rich.progress import Progress

from benchmarks.prompts import documentation
from benchmarks.report import finish, target

CACHE = 256 << 20
CLIENTS, REQUESTS = 64, 500
console = Console(stderr=True)


class Server:
    """``headstart serve`` on a free port; ``model_rss`` is its memory before any request."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "headstart", "serve", "--port", "0"]
        command += ["--cache-memory", str(CACHE)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url = ""
        for line in self.process.stdout:
            if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                self.url = found.group()
                break
        self.rss = psutil.Process(self.process.pid).memory_info
        while not self._healthy():
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended with code {self.process.returncode}")
            time.sleep(0.2)
        self.model_rss = self.rss().rss

    def _healthy(self) -> bool:
        try:
            return httpx.get(self.url + "/healthz").status_code == 200
        except httpx.TransportError:
            return False

    def close(self) -> None:
        """Stop it as a person would."""
        self.process.terminate()
        self.process.wait(30)


async def client(url: str, number: int, budget: asyncio.Queue[int], errors: list[str]) -> None:
    """One conversation after another until the budget of requests is used up."""
    rng = random.Random(number)
    text = documentation()
    async with httpx.AsyncClient(base_url=url, timeout=600) as http:
        while not budget.empty():
            start = rng.randrange(8) * 20_000
            system = text[start : start + 1500]
            turns: list[dict[str, str]] = []
            for _ in range(rng.randint(1, 4)):
                if budget.empty():
                    return
                budget.get_nowait()
                at = rng.randrange(len(text) - 400)
                turns.append({"role": "user", "content": text[at : at + rng.randint(50, 300)]})
                turns.append(await _ask(http, system, turns, rng.random() < 0.5, number, errors))


async def _ask(
    http: httpx.AsyncClient,
    system: str,
    turns: list[dict[str, str]],
    stream: bool,
    number: int,
    errors: list[str],
) -> dict[str, str]:
    body = {"model": "smollm2-135m", "max_tokens": 8, "stream": stream}
    if number % 2:
        path, body["messages"] = "/v1/messages", turns
        body["system"] = system
    else:
        path = "/v1/chat/completions"
        body["messages"] = [{"role": "system", "content": system}, *turns]
    response = await http.post(path, json=body)
    if response.status_code != 200 or (stream and "\nevent: error" in response.text):
        errors.append(f"{response.status_code} {response.text[:300]}")
    return {"role": "assistant", "content": "Yes."}


async def drive(server: Server, requests: int, errors: list[str]) -> int:
    """Run all clients; the highest resident memory seen, in bytes."""
    budget: asyncio.Queue[int] = asyncio.Queue()
    for number in range(requests):
        budget.put_nowait(number)
    peak = server.rss().rss
    clients = [asyncio.create_task(client(server.url, n, budget, errors)) for n in range(CLIENTS)]
    with Progress(console=console) as progress:
        bar = progress.add_task("requests", total=requests)
        while not all(task.done() for task in clients):
            await asyncio.sleep(0.2)
            peak = max(peak, server.rss().rss)
            progress.update(bar, completed=requests - budget.qsize())
    for task in clients:
        task.result()
    return peak


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="64 requests")
    options = parser.parse_args()
    requests = CLIENTS if options.quick else REQUESTS
    server = Server()
    errors: list[str] = []
    try:
        started = time.perf_counter()
        peak = asyncio.run(drive(server, requests, errors))
        seconds = time.perf_counter() - started
        metrics = httpx.get(server.url + "/metrics").text
    finally:
        server.close()
    evicted = re.search(r"^headstart_\w*evicted\w*_total ([\d.e+]+)", metrics, re.M)
    figures = {
        "requests": requests,
        "clients": CLIENTS,
        "errors": errors[:5],
        "seconds": seconds,
        "requests_per_second": requests / seconds,
        "model_rss_bytes": server.model_rss,
        "cache_bytes": CACHE,
        "peak_rss_bytes": peak,
        "evicted_tokens": float(evicted.group(1)) if evicted else None,
    }
    allowed = server.model_rss + CACHE
    targets = [
        target("peak RSS / (model + cache limit)", peak / allowed, at_most=1.25),
        target("errors", len(errors), at_most=0),
    ]
    finish("soak", figures, targets)


if __name__ == "__main__":
    main()
