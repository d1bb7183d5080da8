"""What shared state costs: CPU of telling a request, bytes of it, facts/s taken in, and Valkey.

    python -m benchmarks.shared [--quick | --outage SECONDS]

One planner and one emulated cache tell, through a real Valkey, another pair of them. With
``--outage`` two gateway processes are under traffic instead, while Valkey and then a real
PostgreSQL are gone for so long.
"""

from __future__ import annotations

import asyncio
import secrets
import statistics
import time
from dataclasses import replace
from datetime import date

from benchmarks.report import finish, parser, target
from benchmarks.shared_outage import measure_outage
from headstart.planner import Fact, Features, Key, Outcome, PlannedRequest, Rates, TrafficPlanner
from headstart.prompt import Chain
from headstart.providers import BreakpointEmulator, emulate, rules_for
from headstart.server.lifecycle import settle_memory
from headstart.server.shared import Entries, SharedState
from tests.kv.tiers.support import valkey_server

DAY, MODEL = date(2026, 11, 1), "claude-sonnet-4-6"
RULES = rules_for("anthropic", MODEL, DAY)[0]
RATES = Rates(0.1, ((300.0, 1.25), (3600.0, 2.0)), 5.0)


class Pair:
    """A planner and a cache, and their part of the shared state."""

    def __init__(self, url: str) -> None:
        self.planner = TrafficPlanner()
        found = emulate("anthropic", MODEL, DAY, count=lambda _: 0)
        assert isinstance(found, BreakpointEmulator)
        self.emulator = found
        self.faults: list[str] = []
        self.state = SharedState(
            url, b"common", lambda kind, _: self.faults.append(kind), self.learn, self.observe
        )

    def learn(self, fact: Fact) -> None:
        self.planner.learn(fact, time.time())

    def observe(self, entries: Entries) -> None:
        if entries.trace is not None:
            self.emulator.observe(entries.trace, time.time())

    def ask(self, chain: Chain, share: bool) -> float:
        """One request; seconds of CPU for it all."""
        self.planner.tell = self.state.tell if share else None
        began, now = time.thread_time(), time.time()
        request = PlannedRequest(
            Key("acme", "anthropic", MODEL), chain, b"", Features(("text",), 1, 0), RULES, RATES,
            1024, range(len(chain.keys)),
            lambda marks: self.emulator.peek(replace(chain, marks=tuple(marks)), now),
        )  # fmt: skip
        plan = self.planner.plan(request, now)
        ticket = self.emulator.begin(replace(chain, marks=plan.placements), now)
        ticket.first_byte(now)
        self.planner.settle(plan, Outcome(ticket.lookup.usage, "end_turn", now, now))
        if share:
            self.state.traced("anthropic", MODEL, self.emulator.trace(ticket))
        return time.thread_time() - began


def chains(count: int, seed: int) -> list[Chain]:
    """Conversations of 20 turns, 3 blocks a turn after 12 that they share."""
    shared = [b"shared %d" % i for i in range(12)]
    return [
        Chain.of_blocks(
            MODEL,
            shared + [b"%d.%d.%d" % (seed, number // 20, i) for i in range(3 * (number % 20 + 1))],
            512, system=12,
        )
        for number in range(count)
    ]  # fmt: skip


async def measure(url: str, count: int) -> dict[str, float]:
    from valkey.asyncio import Valkey

    one, two = Pair(f"{url}?namespace={secrets.token_hex(4)}"), None
    costs: dict[bool, list[float]] = {False: [], True: []}
    settle_memory()  # as a gateway does at its start
    for quiet, loud in zip(chains(count, 1), chains(count, 2), strict=True):
        costs[False].append(one.ask(quiet, False))
        costs[True].append(one.ask(loud, True))
    told, plain = (statistics.median(costs[share]) for share in (True, False))
    async with Valkey.from_url(url) as client:
        before = (await client.info("memory"))["used_memory"]
        one.state.start()
        while one.state.counts["sent"] < 2 * count:
            await asyncio.sleep(0.01)
        memory = (await client.info("memory"))["used_memory"] - before
    two = Pair(one.state._url)
    began, cpu = time.perf_counter(), time.thread_time()
    two.state.start()
    while two.state.counts["applied"] < 2 * count:
        await asyncio.sleep(0.01)
    seconds, cpu = time.perf_counter() - began, time.thread_time() - cpu
    assert not one.faults
    assert not two.faults
    await one.state.close()
    await two.state.close()
    return {
        "tell_us_a_request": round(1e6 * (told - plain), 2),
        "bytes_a_request": round(one.state.counts["bytes"] / count, 1),
        "valkey_bytes_a_request": round(memory / count, 1),
        "requests_per_s_taken_in": round(count / seconds),
        "take_in_us_a_request": round(1e6 * cpu / count, 1),
    }


def main() -> None:
    arguments = parser(__doc__, "5,000 requests instead of 9,000")
    arguments.add_argument("--outage", type=float, metavar="SECONDS")
    options = arguments.parse_args()
    if options.outage is not None:
        finish("shared", *measure_outage(options.outage))
        return
    with valkey_server() as url:
        figures = asyncio.run(measure(url, 5_000 if options.quick else 9_000))
    targets = [target("tell_us_a_request", figures["tell_us_a_request"], at_most=20)]
    finish("shared", figures, targets)


if __name__ == "__main__":
    main()
