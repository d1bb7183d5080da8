"""What exact mode costs: at random lengths, and turn by turn in a chat.

``python -m benchmarks.exact [--quick]``. Exact mode reuses whole prefill chunks only and
nothing that was made while decoding. The same traffic goes to the default mode and to exact
mode at several chunk sizes, in turn; the figure is total time to first token over the
traffic, relative to the default mode. It is to become the default if it costs under 10%.
"""

from __future__ import annotations

import argparse
import random
import statistics
from collections.abc import Callable
from contextlib import ExitStack

from rich.console import Console

from benchmarks.engine_client import ask
from benchmarks.prompts import tokens
from benchmarks.report import finish, target
from headstart.engine import Engine, builtin, load

CHUNKS = (512, 128, 64)
MAX_COST = 1.10
console = Console(stderr=True)
Traffic = Callable[[Engine, random.Random, "Text"], float]


class Text:
    """The documentation as tokens, and a way to make more."""

    def __init__(self) -> None:
        from transformers import AutoTokenizer

        self._tokenizer = AutoTokenizer.from_pretrained(str(builtin.ensure(console.print)))
        self._tokens = tokens(self._tokenizer, 10_000)

    def __getitem__(self, part: slice) -> list[int]:
        return self._tokens[part]

    def encode(self, text: str) -> list[int]:
        """As a chat template would be encoded, without special tokens."""
        ids: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids


def random_lengths(engine: Engine, rng: random.Random, text: Text) -> float:
    """A cold prompt of random length, then three that share a random part of it."""
    size = rng.randint(200, 2000)
    prompt = [rng.randrange(1000, 40_000), *text[: size - 1]]
    total = ask(engine, prompt).ttft
    for _ in range(3):
        shared = rng.randint(size // 2, size)
        total += ask(engine, [*prompt[:shared], *text[5000 : 5000 + rng.randint(8, 200)]]).ttft
    return total


def chat(engine: Engine, rng: random.Random, text: Text) -> float:
    """Six turns behind a system prompt of 600 tokens, with answers of 24 tokens."""
    history = [rng.randrange(1000, 40_000), *text[:599]]
    total = 0.0
    for _ in range(6):
        at = rng.randrange(6000, 9000)
        history += text[at : at + rng.randint(20, 120)]
        answer = ask(engine, history, max_tokens=24)
        total += answer.ttft
        history += text.encode(answer.text)
    return total


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round, one chunk size")
    options = parser.parse_args()
    chunks = CHUNKS[1:2] if options.quick else CHUNKS
    rounds = 1 if options.quick else 5
    text = Text()
    figures: dict[str, float] = {}
    with ExitStack() as stack:
        engines = {"default": load()}
        engines |= {f"exact, chunk {c}": load(exact=True, chunk=c) for c in chunks}
        for engine in engines.values():
            stack.callback(engine.close)
        traffics: dict[str, Traffic] = {"random lengths": random_lengths, "chat": chat}
        for kind, traffic in traffics.items():
            costs: dict[str, list[float]] = {name: [] for name in engines}
            for seed in range(rounds):
                console.print(f"{kind}, round {seed + 1} of {rounds}", style="dim")
                for name, engine in engines.items():
                    costs[name].append(traffic(engine, random.Random(seed), text))
            for name in list(engines)[1:]:
                pairs = zip(costs[name], costs["default"], strict=True)
                figures[f"{kind}: {name} / default"] = statistics.median(a / b for a, b in pairs)
    for label, value in figures.items():
        console.print(f"{label}: {value:.3f}")
    worst = {
        name: max(value for label, value in figures.items() if name in label)
        for name in list(engines)[1:]
    }
    best = min(worst, key=lambda name: worst[name])
    finish("exact", figures, [target(f"{best} / default", worst[best], at_most=MAX_COST)])


if __name__ == "__main__":
    main()
