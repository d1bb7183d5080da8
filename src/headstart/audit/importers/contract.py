"""The contract of an importer: rows of one kind of log in, records out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar

from headstart.audit.importers.values import Row
from headstart.audit.record import Broken, Place, Record

Item = Record | Broken


class Unreadable(ValueError):
    """A row that can't be read; the text says why in one line, without any of its content."""


class Importer(ABC):
    """Reads one kind of log. One instance reads one file (or a part of it), in order."""

    name: ClassVar[str]
    """By which ``--format`` names it."""
    about: ClassVar[str]
    """What it reads, in a few words."""
    alone: ClassVar[bool] = True
    """Each row can be read without the others: files may be read in parts, and rows of other
    such kinds may stand between."""

    many: ClassVar[bool] = False
    """A row may have many records. Where it is a whole file, its ``Place`` says line 0, and
    that of a record its number."""

    @classmethod
    @abstractmethod
    def takes(cls, row: Row) -> bool:
        """Whether this is what such a row looks like. Never raises."""

    @abstractmethod
    def read(self, row: Row, place: Place) -> Iterator[Item]:
        """The records of one row. Unreadable, and nothing else, where it is broken."""

    def finish(self) -> Iterator[Item]:
        """What was held back until the last row."""
        return iter(())

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the figures should know of this file, once it is read."""
        return ()
