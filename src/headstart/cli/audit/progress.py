"""Bars on stderr while logs are read and replayed; nothing where nobody watches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TransferSpeedColumn,
)
from rich.text import Text

from headstart.audit.options import Progress as Report
from headstart.audit.options import silent

_BYTES = "reading"


@contextmanager
def shown() -> Iterator[Report]:
    """Takes an audit's progress while the block runs."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield silent
        return
    with Progress(
        TextColumn("{task.description:>9}"),
        BarColumn(),
        _Done(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    ) as progress:
        tasks: dict[str, TaskID] = {}

        def report(stage: str, done: int, total: int) -> None:
            task = tasks.get(stage)
            if task is None:
                task = tasks[stage] = progress.add_task(stage, total=total or None)
            progress.update(task, completed=done, total=total or None)

        yield report


class _Done(ProgressColumn):
    """Bytes and their speed while reading, steps afterwards."""

    def __init__(self) -> None:
        super().__init__()
        self._bytes, self._speed = DownloadColumn(), TransferSpeedColumn()
        self._steps = MofNCompleteColumn()

    def render(self, task: Task) -> Text:
        if task.description != _BYTES:
            return self._steps.render(task)
        return Text("  ").join((self._bytes.render(task), self._speed.render(task)))
