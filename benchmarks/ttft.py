"""Time to first token, cold and hit, beside a plain forward pass and beside vLLM.

``python -m benchmarks.ttft [--quick] [--rounds N]``. Every comparison alternates within one
run; ratios are medians of the rounds' ratios. TTFT is taken at the engine: tokens in, first
token out (vLLM: its ``generate`` with one output token). "Plain" is what the model's user
would write without us: ``model(input_ids)`` of the same tokens in one piece.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from contextlib import ExitStack
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.engine_child import EngineChild, PlainChild
from benchmarks.prompts import tokens
from benchmarks.report import finish, target
from benchmarks.vllm_peer import VLLMPeer
from headstart.engine import builtin

SIZES = (512, 2048, 4096, 8000)
NEW = 32
DECODE_PROMPT, DECODE_TOKENS, STREAMS = 500, 64, 8
console = Console(stderr=True)


class Bench:
    """One model folder; engines by mode; the plain model; vLLM where it is installed."""

    def __init__(
        self, modes: dict[str, EngineChild], plain: PlainChild, peer: VLLMPeer | None
    ) -> None:
        from transformers import AutoTokenizer

        self.modes, self.plain, self.peer = modes, plain, peer
        self._text = tokens(AutoTokenizer.from_pretrained(str(builtin.ensure())), 20_000)
        self._unique = itertools.count(1000)

    def prompt(self, size: int) -> list[int]:
        """Real text behind a first token that was never used before: nothing to reuse."""
        return [next(self._unique), *self._text[: size - 1]]

    def extended(self, prompt: list[int]) -> list[int]:
        """The same prompt with its last tokens replaced by new ones."""
        fresh = next(self._unique)
        return [*prompt[:-NEW], fresh, *self._text[10_000 : 10_000 + NEW - 1]]

    def round(self, size: int, hits: int) -> dict[str, float]:
        """Everything once, in turn, at one prompt size."""
        row = {"plain": self.plain.seconds(self.prompt(size))}
        for name, engine in self.modes.items():
            prompt = self.prompt(size)
            cold = engine.ask(prompt)
            assert cold.read == 0, cold
            again = [engine.ask(self.extended(prompt)) for _ in range(hits)]
            row[f"{name} cold"] = cold.ttft
            row[f"{name} hit"] = statistics.median(t.ttft for t in again)
            row[f"{name} read"] = again[0].read
        if self.peer:
            prompt = self.prompt(size)
            row["vllm cold"] = self.peer.generate([prompt], 1)["seconds"]
            seconds = [
                self.peer.generate([self.extended(prompt)], 1)["seconds"] for _ in range(hits)
            ]
            row["vllm hit"] = statistics.median(seconds)
        return row

    def decode_rate(self, engine: EngineChild, streams: int) -> float:
        """Tokens a second, all streams together, behind cached prompts."""
        prompts = [self.prompt(DECODE_PROMPT) for _ in range(streams)]
        engine.together(prompts, 1)
        started = time.perf_counter()
        done = engine.together(prompts, DECODE_TOKENS)
        return sum(t.output for t in done) / (time.perf_counter() - started)

    def vllm_decode_rate(self, streams: int) -> float:
        """The same of vLLM."""
        assert self.peer is not None
        prompts = [self.prompt(DECODE_PROMPT) for _ in range(streams)]
        self.peer.generate(prompts, 1)
        answer = self.peer.generate(prompts, DECODE_TOKENS)
        return float(answer["output_tokens"] / answer["seconds"])


def measure_ttft(bench: Bench, sizes: tuple[int, ...], rounds: int, hits: int) -> dict[str, Any]:
    """Rows by size, medians over rounds, ratios taken round by round."""
    result: dict[str, Any] = {}
    for size in sizes:
        bench.plain.seconds(bench.prompt(size))  # The first pass of a size is slower.
        rows = []
        for number in range(rounds):
            console.print(f"{size} tokens, round {number + 1} of {rounds}", style="dim")
            rows.append(bench.round(size, hits))
        row: dict[str, Any] = {key: statistics.median(r[key] for r in rows) for key in rows[0]}
        for name in bench.modes:
            row[f"{name} cold/plain"] = _ratio(rows, f"{name} cold", "plain")
            row[f"{name} cold/hit"] = _ratio(rows, f"{name} cold", f"{name} hit")
            if bench.peer:
                row[f"{name} hit/vllm hit"] = _ratio(rows, f"{name} hit", "vllm hit")
        result[str(size)] = row
    return result


def measure_decode(bench: Bench, rounds: int) -> dict[str, float]:
    """Tokens a second for one stream and for several."""
    engine = bench.modes["default"]
    rows: list[dict[str, float]] = []
    for number in range(rounds):
        console.print(f"decoding, round {number + 1} of {rounds}", style="dim")
        row = {"1": bench.decode_rate(engine, 1), "8": bench.decode_rate(engine, STREAMS)}
        if bench.peer:
            row["vllm 1"] = bench.vllm_decode_rate(1)
            row["vllm 8"] = bench.vllm_decode_rate(STREAMS)
        rows.append(row)
    result = {key: statistics.median(r[key] for r in rows) for key in rows[0]}
    result["8/1"] = _ratio(rows, "8", "1")
    if bench.peer:
        result["1/vllm 1"] = _ratio(rows, "1", "vllm 1")
        result["8/vllm 8"] = _ratio(rows, "8", "vllm 8")
    return result


def _ratio(rows: list[dict[str, float]], above: str, below: str) -> float:
    return statistics.median(row[above] / row[below] for row in rows)


def show(ttft: dict[str, Any], decode: dict[str, float]) -> None:
    """A table for people."""
    table = Table("", *ttft, title="TTFT by prompt tokens: seconds, ratios, tokens read")
    for name in next(iter(ttft.values())):
        values = [row[name] for row in ttft.values()]
        table.add_row(name, *(f"{v:.3f}" if v < 100 else f"{v:,.0f}" for v in values))
    console.print(table)
    for name, value in decode.items():
        console.print(f"decode {name}: {value:.2f}")


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="8,000 tokens, default mode, once")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-vllm", action="store_true")
    options = parser.parse_args()
    folder = str(builtin.ensure(console.print))
    with ExitStack() as stack:
        console.print("starting the engines")
        modes = {"default": stack.enter_context(EngineChild())}
        if not options.quick:
            modes["exact"] = stack.enter_context(EngineChild(exact=True))
        plain = stack.enter_context(PlainChild(folder))
        peer = None
        if VLLMPeer.available() and not options.quick and not options.no_vllm:
            console.print("starting vLLM")
            peer = stack.enter_context(VLLMPeer(folder))
        bench = Bench(modes, plain, peer)
        sizes = SIZES[-1:] if options.quick else SIZES
        ttft = measure_ttft(bench, sizes, 1 if options.quick else options.rounds, 3)
        decode = {} if options.quick else measure_decode(bench, options.rounds)
        show(ttft, decode)
        kv_bytes = modes["default"].kv_bytes_per_token
    largest = ttft[str(SIZES[-1])]
    targets = [
        target("cold / plain forward, 8000 tokens", largest["default cold/plain"], at_most=1.15),
        target("cold / hit, 8000 tokens", largest["default cold/hit"], at_least=50),
    ]
    if decode:
        targets.append(target("8 streams / 1 stream", decode["8/1"], at_least=2.5))
    if peer:
        name = "hit / vLLM's hit, 8000 tokens"
        targets.append(target(name, largest["default hit/vllm hit"], at_most=1))
        targets.append(target("1 stream / vLLM's", decode["1/vllm 1"], at_least=0.5))
    figures = {"ttft": ttft, "decode": decode, "kv_bytes_per_token": kv_bytes}
    finish("ttft", figures, targets)


if __name__ == "__main__":
    main()
