"""Many replays of one log, on as many cores as there are.

Each runs on its own, from what is in memory already: the process is forked where that is
possible (Linux), and otherwise one replay follows the other.
"""

from __future__ import annotations

import gc
import os
import pickle
import sys
import tempfile
import warnings
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any, Final, TypeVar

from headstart.audit.log import Row
from headstart.audit.replay import Change, Outcome, Replay, World

_LARGE: Final = 30_000
"""Replayed requests in all that are worth another process."""
_MOST_PROCESSES: Final = 4

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Job:
    """The log with something changed. ``rows`` are all that the change can matter to."""

    changes: Sequence[Change]
    rows: Collection[int] | None = None


def replayed(
    world: World, base: Outcome, jobs: Sequence[Job], step: Callable[[], None] = lambda: None
) -> list[Outcome]:
    """One outcome for each; rows that a job does not name get what they got in ``base``."""
    every = world.log.rows

    def run(job: Job) -> Outcome:
        rows: list[Row] = every
        if job.rows is not None:
            rows = [every[number] for number in sorted(job.rows)]
        outcome = Replay(world, job.changes).run(rows)
        return outcome if job.rows is None else outcome.over(base, job.rows)

    size = sum(len(every) if job.rows is None else len(job.rows) for job in jobs)
    tasks: list[Callable[[], Outcome]] = [_bound(run, job) for job in jobs]
    return shared(tasks, world.log.options.workers, step, worth=size >= _LARGE)


def _bound(run: Callable[[Job], Outcome], job: Job) -> Callable[[], Outcome]:
    return lambda: run(job)


def shared(
    tasks: Sequence[Callable[[], T]],
    workers: int | None,
    step: Callable[[], None],
    *,
    worth: bool = True,
) -> list[T]:
    """Results in the order of the tasks, which must not wait for each other."""
    count = _processes(workers, len(tasks)) if worth else 1
    children = [_Child(tasks, range(first, len(tasks), count)) for first in range(1, count)]
    results: dict[int, T] = {}
    for number in range(0, len(tasks), count):
        results[number] = tasks[number]()
        step()
    for child in children:
        found = child.results()
        for number in child.numbers:
            # What a process could not do is done here.
            results[number] = found[number] if number in found else tasks[number]()
            step()
    return [results[number] for number in range(len(tasks))]


def _processes(workers: int | None, tasks: int) -> int:
    if sys.platform != "linux" or workers == 1:
        return 1
    cores = len(os.sched_getaffinity(0))
    return max(1, min(workers or _MOST_PROCESSES, cores, tasks))


class _Child:
    """A copy of this process that does some of the tasks and ends."""

    def __init__(self, tasks: Sequence[Callable[[], Any]], numbers: range) -> None:
        self.numbers = numbers
        self._file: IO[bytes] | None = None
        self._pid = 0
        with suppress(OSError):  # no room for a file or a process: nothing comes of it
            self._file = tempfile.TemporaryFile()  # noqa: SIM115
            gc.freeze()
            with warnings.catch_warnings():
                # Other threads may show progress; none of them is needed in the copy.
                warnings.simplefilter("ignore", DeprecationWarning)
                self._pid = os.fork()
            if self._pid == 0:
                self._work(tasks)
        gc.unfreeze()

    def results(self) -> dict[int, Any]:
        """By number of the task; some may be missing."""
        found: dict[int, Any] = {}
        if self._file is None:
            return found
        if self._pid:
            os.waitpid(self._pid, 0)
        self._file.seek(0)
        with suppress(EOFError, pickle.UnpicklingError), self._file:
            while True:
                number, result = pickle.load(self._file)
                found[number] = result
        return found

    def _work(self, tasks: Sequence[Callable[[], Any]]) -> None:
        assert self._file is not None
        status = 1
        try:
            for number in self.numbers:
                pickle.dump((number, tasks[number]()), self._file, pickle.HIGHEST_PROTOCOL)
                self._file.flush()
            status = 0
        finally:
            # Neither the caller's handlers nor its buffers are this copy's to run.
            os._exit(status)
