"""One process that reads: work comes in on its standard input, digested records go out on its
standard output, as pickles between a parent and its own child."""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple

from headstart.audit.digest import Digested, Digester
from headstart.audit.importers import Reading, Work
from headstart.audit.options import Options
from headstart.audit.record import Broken

_BATCH: Final = 128
_NOTES: Final = 8
"""Broken rows of one piece of work that are told one by one."""


class Batch(NamedTuple):
    """Some records of one piece of work, in order. ``done``: there are no more of it."""

    work: int
    records: list[Digested]
    broken: list[Broken]
    broken_count: int
    advanced: int
    """Bytes of the file since the last batch."""
    done: bool
    format: str = ""
    notes: tuple[str, ...] = ()


def read(number: int, work: Work, digester: Digester) -> Iterator[Batch]:
    """Everything of one piece of work."""
    advanced = [0]

    def advance(count: int) -> None:
        advanced[0] += count

    reading = Reading(work, advance)
    records: list[Digested] = []
    broken: list[Broken] = []
    count = told = 0
    for item in reading:
        if isinstance(item, Broken):
            count += 1
            if told < _NOTES:
                broken.append(item)
                told += 1
        else:
            records.append(digester.digest(item))
        if len(records) >= _BATCH:
            yield Batch(number, records, broken, count, advanced[0], False)
            records, broken, count, advanced[0] = [], [], 0, 0
    yield Batch(number, records, broken, count, advanced[0], True, reading.format, reading.notes)


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Options first, then (number, work) pairs until there are none."""
    options: Options = pickle.load(source)
    digester = Digester(options)
    try:
        while True:
            number, work = pickle.load(source)
            for batch in read(number, work, digester):
                pickle.dump(batch, sink, protocol=pickle.HIGHEST_PROTOCOL)
                sink.flush()
    except EOFError:
        return


def main() -> None:
    """The whole life of such a process."""
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=1 << 20)
    # Nothing else may be printed between the pickles.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    serve(sys.stdin.buffer, out)
