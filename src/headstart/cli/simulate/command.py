"""The simulator's command line."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headstart.cli.failures import fail, tell

if TYPE_CHECKING:
    from headstart.cli.simulate.outcome import Outcome
    from headstart.prefix.workload import Workload

SHOWN_PROBLEMS = 20


class PolicyName(StrEnum):
    """The eviction policies."""

    lru = "lru"
    lfu = "lfu"
    fifo = "fifo"
    learned = "learned"


def simulate(
    traces: Annotated[
        list[Path],
        typer.Argument(
            metavar="TRACE...",
            help="Files, or folders of them, that together are one workload: Mooncake, Claude "
            "Code block traces, sessions with prompt text, OpenAI chat conversations; also .gz.",
            show_default=False,
        ),
    ],
    policy: Annotated[
        list[PolicyName] | None,
        typer.Option(help="Policy to replay; may be repeated.", show_default="lru"),
    ] = None,
    capacity: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SIZE|BLOCKS|%",
            help="Cache size: 2GiB of KV, 5000 blocks, or 10% of the footprint; may be repeated.",
            show_default="1% 3% 10% 30%",
        ),
    ] = None,
    ttl: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SECONDS|5m|1h|none",
            help="Lifetime after a use, for the LRU curve; may be repeated.",
            show_default="none",
        ),
    ] = None,
    token_bytes: Annotated[
        str, typer.Option(help="KV of one token, where a capacity is in bytes.")
    ] = "128KiB",
    block: Annotated[
        int, typer.Option(min=1, help="Tokens a block, where a trace has text (4 bytes a token).")
    ] = 16,
    open_sessions: Annotated[
        int, typer.Option(min=1, help="Sessions at a time, where a trace has no common clock.")
    ] = 8,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the outcome as JSON.")
    ] = None,
    html_file: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write an interactive page.")
    ] = None,
) -> None:
    """Replay real traffic through the prefix index: token hit rates by capacity, lifetime and
    eviction policy.

    Ends with status 2 if there is nothing to replay.
    """
    import json

    from rich.console import Console

    try:
        from headstart.cli.simulate.terminal import show

        workload, problems = _read(traces, block, open_sessions)
        outcome = _run(workload, policy or [PolicyName.lru], capacity, ttl, token_bytes, problems)
        show(Console(highlight=False), outcome)
        if json_file is not None:
            json_file.write_text(json.dumps(outcome.as_json(), indent=1) + "\n", "utf-8")
        if html_file is not None:
            from headstart.cli.simulate.page import render

            html_file.write_text(render(outcome), "utf-8")
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        extra = {"numpy": "sim", "plotly": "sim"}.get(package)
        if extra is None:
            raise
        raise fail(f"{package} is not installed: pip install 'headstart[{extra}]'") from None
    except (OSError, ValueError) as error:
        raise fail(str(error)) from None


def _read(traces: list[Path], block: int, open_sessions: int) -> tuple[Workload, list[str]]:
    """The workload, and what of the files was left out, which the user is told."""
    from headstart.cli.simulate.traces import Reader, TraceError, files_of

    reader = Reader(block)
    for path in traces:
        if not path.exists():
            raise fail(f"{path}: no such file or folder")
        for file in files_of(path):
            reader.add(file)
    problems = [str(problem) for problem in reader.problems]
    for problem in problems[:SHOWN_PROBLEMS]:
        tell(f"left out {problem}")
    if len(problems) > SHOWN_PROBLEMS:
        tell(f"left out {len(problems) - SHOWN_PROBLEMS} more")
    try:
        return reader.workload(", ".join(path.name for path in traces), open_sessions), problems
    except TraceError as error:
        raise fail(str(error)) from None


def _run(
    workload: Workload,
    policies: list[PolicyName],
    capacities: list[str] | None,
    ttls: list[str] | None,
    token_bytes: str,
    problems: list[str],
) -> Outcome:
    from rich.progress import Progress

    from headstart.cli.simulate.limits import capacity_blocks, size_bytes, ttl_seconds
    from headstart.cli.simulate.outcome import find_out

    block_bytes = size_bytes(token_bytes) * workload.block_tokens
    given = capacities or ["1%", "3%", "10%", "30%"]
    blocks = sorted({capacity_blocks(text, workload.footprint, block_bytes) for text in given})
    lifetimes = [ttl_seconds(text) for text in ttls or ["none"]]
    names = list(dict.fromkeys(policy.value for policy in policies))
    with Progress(transient=True) as progress:
        task = progress.add_task("replaying", total=len(workload.calls) * len(names) * len(blocks))
        return find_out(
            workload, names, blocks, lifetimes, problems, lambda: progress.advance(task)
        )
