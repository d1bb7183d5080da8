"""How fast the emulator of caches with breakpoints is, and how small.

``python -m benchmarks.emulator [--quick] [--traces FOLDER]``. A request is ``begin`` and
``first_byte``; hashing is not in the figures but where they say raw JSON. Seconds are those
of the processor, on one thread; of several passes the median counts. ``--traces`` is a
folder of recorded Claude Code sessions (``*.json.gz``), each block of 64 tokens a segment.
"""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from pathlib import Path
from statistics import median

from benchmarks.emulator_workload import (
    MODEL,
    bodies,
    conversations,
    short,
    traces,
    unheard,
)
from benchmarks.report import finish, parser, target
from headstart.prompt import Chain, Segment
from headstart.providers import Emulator, Recall, emulate

AT = date(2026, 11, 23)


def made(model: str = MODEL, limit: int = 2_000_000, recall: Recall | None = None) -> Emulator:
    """Anthropic's cache."""
    return emulate("anthropic", model, AT, count=estimated, limit=limit, recall=recall)


def estimated(segment: Segment) -> int:
    """Tokens, four characters each."""
    return len(segment.text) // 4


def serve(emulator: Emulator, chains: Iterable[Chain], now: float = 0.0) -> None:
    """Whole requests, a millisecond apart."""
    for chain in chains:
        now += 0.001
        emulator.begin(chain, now).first_byte(now)


def rate(chains: Sequence[Chain], passes: int) -> float:
    """Requests a second, each pass through an emulator of its own."""
    return median(len(chains) / timed(serve, made(), chains) for _ in range(passes))


def timed(call: Callable[..., object], *given: object) -> float:
    """Processor seconds of one call."""
    gc.collect()
    began = time.process_time()
    call(*given)
    return time.process_time() - began


def at_scale(entries: Sequence[int], passes: int) -> dict[int, float]:
    """Microseconds a request with so many entries live; passes of all sizes take turns, so
    that whatever else the machine does hits them alike."""
    emulators = {count: made() for count in entries}
    for count, emulator in emulators.items():
        serve(emulator, short(count // 4))
        assert emulator.entries == count
    found: dict[int, list[float]] = {count: [] for count in entries}
    for number in range(passes):
        chains = conversations(100, f"pass {number} ")
        for count, emulator in emulators.items():
            seconds = timed(serve, emulator, chains, 250.0)
            found[count].append(seconds / len(chains) * 1e6)
    return {count: median(times) for count, times in found.items()}


def bytes_an_entry(entries: int, recall: Recall | None) -> float:
    """Traced bytes of an emulator with so many entries, for each."""
    gc.collect()
    tracemalloc.start()
    emulator = made(limit=entries, recall=recall)
    serve(emulator, short(entries // 4))
    gc.collect()
    traced = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return traced / emulator.entries


def raw(sessions: int) -> dict[str, float]:
    """Bodies of the Messages API, read, hashed and looked up."""
    from headstart.dialects import AnthropicHosted

    hosted, emulator = AnthropicHosted(), made()
    requests = bodies(sessions)

    def all_of_them() -> None:
        for number, body in enumerate(requests):
            now = number / 1000
            emulator.begin(hosted.read(body).prompt, now).first_byte(now)

    seconds = timed(all_of_them)
    size = sum(map(len, requests))
    return {
        "raw_requests_per_s": len(requests) / seconds,
        "raw_megabytes_per_s": size / seconds / 1e6,
        "raw_bytes_a_request": size / len(requests),
    }


def recorded(folder: Path, most: int | None) -> dict[str, float]:
    """The recorded sessions under Anthropic's rules, breakpoints of five minutes."""
    seconds, requests, blocks, read, tokens = 0.0, 0, 0, 0, 0
    recall = Recall(1_000_000)
    emulators: dict[str, Emulator] = {}
    for number, turns in enumerate(traces(folder, most)):
        start = number * 1e6  # sessions have nothing in common: one after the other
        for turn in turns:
            if turn.model not in emulators:
                emulators[turn.model] = made(turn.model, recall=recall)
        gc.collect()
        began = time.process_time()
        for at, model, chain in turns:
            ticket = emulators[model].begin(chain, start + at)
            ticket.first_byte(start + at)
            read += ticket.lookup.usage.read
            tokens += ticket.lookup.usage.input
        seconds += time.process_time() - began
        requests += len(turns)
        blocks += sum(len(turn.chain.keys) for turn in turns)
    return {
        "trace_requests_per_s": requests / seconds,
        "trace_requests": float(requests),
        "trace_blocks_a_request": blocks / requests,
        "trace_hit_rate": read / tokens,
    }


def main() -> None:
    """Measure and report."""
    options = parser(__doc__, "fewer requests and passes, fewer recorded sessions")
    options.add_argument("--traces", type=Path, help="folder of recorded sessions")
    given = options.parse_args()
    quick = given.quick
    passes = 3 if quick else 7
    figures: dict[str, float] = {
        "conversation_requests_per_s": rate(conversations(100 if quick else 400), passes),
        "unheard_requests_per_s": rate(unheard(800 if quick else 3000), passes),
    }
    scale = at_scale((1000, 1_000_000), passes)
    figures |= {f"us_a_request_at_{count}": us for count, us in scale.items()}
    ratio = scale[1_000_000] / scale[1000]
    held = 20_000 if quick else 200_000
    figures["bytes_an_entry"] = bytes_an_entry(held, Recall(2))
    figures["bytes_an_entry_with_reasons"] = bytes_an_entry(held, None)
    figures |= raw(10 if quick else 40)
    if given.traces:
        figures |= recorded(given.traces, 12 if quick else None)
    for name, value in figures.items():
        print(f"{name:<32} {value:>14,.3f}", flush=True)
    finish(
        "emulator",
        figures,
        [
            target(
                "conversations, requests/s", figures["conversation_requests_per_s"], at_least=2e4
            ),
            target(
                "prompts never seen, requests/s", figures["unheard_requests_per_s"], at_least=2e4
            ),
            target("1,000,000 entries against 1,000", ratio, at_most=2),
        ],
    )


if __name__ == "__main__":
    main()
