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
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import IO, Any, Final, TypeVar

from headstart.audit.outcome import Outcome
from headstart.audit.replay import Change, Replay
from headstart.audit.world import World

_LARGE: Final = 10_000
"""Replayed requests in all that are worth another process."""
_MOST_PROCESSES: Final = 4
_NUMBER: Final = 4
"""Bytes of a task's number in the queue."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Job:
    """The log with something changed. ``rows`` are all that the change can matter to."""

    changes: Sequence[Change] = ()
    rows: Collection[int] | None = None
    why: bool = False


def replayed(
    world: World,
    jobs: Sequence[Job],
    base: Outcome | None = None,
    step: Callable[[], None] = lambda: None,
) -> list[Outcome]:
    """One outcome for each; rows that a job does not name get what they got in ``base``."""
    count = len(world.log.rows)
    sizes = [count if job.rows is None else len(job.rows) for job in jobs]
    worth = sum(sizes) >= _LARGE
    parts = [_parts(world, job, worth) for job in jobs]
    tasks = [
        partial(_run, world, job, part)
        for job, several in zip(jobs, parts, strict=True)
        for part in several
    ]
    outcomes = iter(shared(tasks, world.log.options.workers, step, worth=worth))
    result = []
    for job, several in zip(jobs, parts, strict=True):
        found = [(next(outcomes), part) for part in several]
        if job.rows is None and len(found) == 1:
            result.append(found[0][0])
        else:
            result.append(Outcome.joined(count, found, base if job.rows is not None else None))
    return result


def _run(world: World, job: Job, rows: Sequence[int]) -> Outcome:
    every = world.log.rows
    return Replay(world, job.changes, why=job.why).run([every[number] for number in rows])


def _parts(world: World, job: Job, worth: bool) -> list[Sequence[int]]:
    """Rows that may be replayed without each other: those of one provider, where the changes
    have nothing against it."""
    every = world.log.rows
    rows = range(len(every)) if job.rows is None else sorted(job.rows)
    if not worth or not all(change.apart for change in job.changes):
        return [rows]
    found: dict[str, list[int]] = {}
    for number in rows:
        found.setdefault(every[number].provider, []).append(number)
    return sorted(found.values(), key=len, reverse=True) or [rows]


def shared(
    tasks: Sequence[Callable[[], T]],
    workers: int | None,
    step: Callable[[], None],
    *,
    worth: bool = True,
) -> list[T]:
    """Results in the order of the tasks, which must not wait for each other. They are begun
    in that order, each by whoever is free."""
    results: dict[int, T] = {}
    count = _processes(workers, len(tasks)) if worth else 1
    if count > 1:
        with suppress(OSError), tempfile.TemporaryFile(buffering=0) as queue:
            queue.write(b"".join(number.to_bytes(_NUMBER) for number in range(len(tasks))))
            queue.seek(0)
            children = [_Child(tasks, queue) for _ in range(1, count)]
            for number in _numbers(queue):
                results[number] = tasks[number]()
                step()
            for child in children:
                for number, result in child.results():
                    results[number] = result
                    step()
    for number, task in enumerate(tasks):
        # All of them, or what other processes could not do.
        if number not in results:
            results[number] = task()
            step()
    return [results[number] for number in range(len(tasks))]


def _numbers(queue: IO[bytes]) -> Iterator[int]:
    """What is left to do. Copies of a process share the place in a file that is open."""
    while taken := queue.read(_NUMBER):
        yield int.from_bytes(taken)


def _processes(workers: int | None, tasks: int) -> int:
    if sys.platform != "linux" or workers == 1:
        return 1
    cores = len(os.sched_getaffinity(0))
    return max(1, min(workers or _MOST_PROCESSES, cores, tasks))


class _Child:
    """A copy of this process that does some of the tasks and ends."""

    def __init__(self, tasks: Sequence[Callable[[], Any]], queue: IO[bytes]) -> None:
        self._file: IO[bytes] | None = None
        self._pid = 0
        with suppress(OSError):  # no room for a file or a process: nothing comes of it
            # Closed once the answer was read, which is another method's.
            self._file = tempfile.TemporaryFile()  # noqa: SIM115
            gc.freeze()
            with warnings.catch_warnings():
                # Other threads may show progress; none of them is needed in the copy.
                warnings.simplefilter("ignore", DeprecationWarning)
                self._pid = os.fork()
            if self._pid == 0:
                self._work(tasks, queue)
        gc.unfreeze()

    def results(self) -> Iterator[tuple[int, Any]]:
        """Numbers of tasks and what they gave, once the copy has ended."""
        if self._file is None:
            return
        if self._pid:
            os.waitpid(self._pid, 0)
        self._file.seek(0)
        with suppress(EOFError, pickle.UnpicklingError), self._file:
            while True:
                yield pickle.load(self._file)

    def _work(self, tasks: Sequence[Callable[[], Any]], queue: IO[bytes]) -> None:
        assert self._file is not None
        status = 1
        try:
            for number in _numbers(queue):
                pickle.dump((number, tasks[number]()), self._file, pickle.HIGHEST_PROTOCOL)
                self._file.flush()
            status = 0
        finally:
            # Neither the caller's handlers nor its buffers are this copy's to run.
            os._exit(status)
