"""All logs into one ``Log``: read and digested by processes of their own, gathered by this one."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from queue import Queue
from threading import Thread
from typing import Final

from headstart.audit.digest import Digester
from headstart.audit.findings import Source
from headstart.audit.importers import Work, planned
from headstart.audit.log import Gatherer, Log
from headstart.audit.options import Options, Progress
from headstart.audit.reader import Batch, read

_SMALL: Final = 16 << 20
"""Bytes of logs that are not worth a process of their own."""
_PART: Final = 32 << 20
_AHEAD: Final = 8
_MOST_WORKERS: Final = 4
_NOTES: Final = 8


def read_logs(
    paths: Sequence[str | os.PathLike[str]], options: Options, progress: Progress
) -> tuple[Log, tuple[Source, ...]]:
    """NoLogs, UnknownFormat where there is nothing to read."""
    works = planned([os.fspath(path) for path in paths], options.format, _PART)
    gathering = _Gathering(works, options, progress)
    total = sum(work.size or 0 for work in works)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    workers = options.workers or min(_MOST_WORKERS, cores or 1)
    alone = [i for i, work in enumerate(works) if "-" in (work.path, *work.more)]
    shared = [i for i in range(len(works)) if i not in alone]
    if workers == 1 or total < _SMALL or len(shared) < 2:
        alone, shared = list(range(len(works))), []
    digester = Digester(options)
    for number in alone:
        for batch in read(number, works[number], digester):
            gathering.take(0, batch)
    if shared:
        for worker, batch in _shared(works, shared, options, min(workers, len(shared))):
            gathering.take(worker, batch)
    return gathering.log(), gathering.sources()


def _shared(
    works: Sequence[Work], numbers: Sequence[int], options: Options, workers: int
) -> Iterator[tuple[int, Batch]]:
    """Batches of all work, from as many processes; RuntimeError if one of them dies."""
    todo = deque(numbers)
    results: Queue[tuple[int, Batch | None]] = Queue(_AHEAD * workers)
    children = [_Child(number + 1, options, results) for number in range(workers)]
    try:
        for child in children:
            child.give(todo, works)
        left = len(numbers)
        while left:
            worker, batch = results.get()
            if batch is None:
                raise RuntimeError("a process that reads logs ended before its work")
            yield worker, batch
            if batch.done:
                left -= 1
                children[worker - 1].give(todo, works)
    finally:
        for child in children:
            child.end()


class _Child:
    """One process, and the thread that listens to it."""

    def __init__(
        self, number: int, options: Options, results: Queue[tuple[int, Batch | None]]
    ) -> None:
        self._number = number
        self._results = results
        self._process = subprocess.Popen(
            # Not with -m: pickles name their classes by module, and none may be __main__.
            [sys.executable, "-c", "from headstart.audit.reader import main; main()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        self._send(options)
        Thread(target=self._listen, daemon=True).start()

    def give(self, todo: deque[int], works: Sequence[Work]) -> None:
        """The next piece of work, if there is any."""
        if todo:
            number = todo.popleft()
            self._send((number, works[number]))

    def end(self) -> None:
        """Let it go, whatever it is doing."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()

    def _send(self, value: object) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # its end is told by who listens
            self._process.stdin.write(pickle.dumps(value))
            self._process.stdin.flush()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        try:
            while True:
                self._results.put((self._number, pickle.load(self._process.stdout)))
        except Exception:  # whatever it is, who waits has to hear of it
            self._results.put((self._number, None))


class _Gathering:
    """Batches into the log, and what is to be told of each file."""

    def __init__(self, works: Sequence[Work], options: Options, progress: Progress) -> None:
        self._works = works
        self._gatherer = Gatherer(options)
        self._progress = progress
        self._total = sum(work.size or 0 for work in works)
        self._done = 0
        self._broken: Counter[str] = Counter()
        self._formats: dict[str, dict[str, None]] = {}
        self._notes: dict[str, list[str]] = {}

    def take(self, worker: int, batch: Batch) -> None:
        """One batch."""
        for record in batch.records:
            self._gatherer.add(worker, record, batch.work)
        path = self._works[batch.work].path
        notes = self._notes.setdefault(path, [])
        self._broken[path] += batch.broken_count
        for broken in batch.broken:
            if len(notes) < _NOTES:
                notes.append(f"line {broken.place.line}: {broken.why}")
        if batch.done:
            names = self._formats.setdefault(path, {})
            names |= dict.fromkeys(filter(None, batch.format.split("+")))
            notes += [note for note in batch.notes if note not in notes]
        self._done += batch.advanced
        self._progress("reading", self._done, max(self._total, self._done))

    def log(self) -> Log:
        """Once everything was read."""
        return self._gatherer.finish()

    def sources(self) -> tuple[Source, ...]:
        """One for each file."""
        paths = dict.fromkeys(work.path for work in self._works)
        gatherer = self._gatherer
        return tuple(
            Source(
                path,
                "+".join(self._formats.get(path, ())),
                gatherer.records[path],
                self._broken[path],
                gatherer.duplicates[path],
                tuple(self._notes.get(path, ())),
            )
            for path in paths
        )
