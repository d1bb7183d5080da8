"""The hosted demo's two runs, each against caches of its own that are empty at first."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from headstart.cli.demo.hosted_traffic import REQUESTS, Sent, run_hosted
from headstart.server import EmbeddedServer
from headstart.server.emulate import Journal, State, create_emulator, emulated_accounts
from headstart.server.gateway import Gateway, Upstream

_GRACE = 0.1


class Run(NamedTuple):
    """What was sent, and what the emulated providers made of it."""

    sent: tuple[Sent, ...]
    journal: Journal


def run_both(console: Console) -> tuple[Run, Run]:
    """Straight to the provider, then through a gateway; under a progress bar."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )
    with bar:
        task = bar.add_task("straight to the provider", total=2 * REQUESTS)
        before = _run(bar, task, through_gateway=False)
        bar.update(task, description="through the gateway")
        return before, _run(bar, task, through_gateway=True)


def _run(bar: Progress, task: TaskID, *, through_gateway: bool) -> Run:
    state = State(emulated_accounts())
    sent: list[Sent] = []
    with (
        EmbeddedServer(create_emulator(state), grace=_GRACE) as provider,
        _urls(provider.url, through_gateway) as (claude, gpt),
    ):
        for request in run_hosted(claude, gpt, state.answers.give):
            sent.append(request)
            bar.advance(task)
    return Run(tuple(sent), state.journal)


@contextmanager
def _urls(url: str, through_gateway: bool) -> Iterator[tuple[str, str]]:
    """Base URLs for the two SDKs."""
    if not through_gateway:
        yield url, f"{url}/v1"
        return
    upstreams = {name: Upstream(base_url=url, provider=name) for name in ("anthropic", "openai")}
    with Gateway(upstreams, mode="plan") as gateway:
        yield gateway.anthropic, gateway.openai
