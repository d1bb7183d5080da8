"""Logs of every kind as one kind of record: what reads them, and how the work is split."""

from headstart.audit.importers.anthropic_report import Compared, Sum, reconciled
from headstart.audit.importers.contract import Item
from headstart.audit.importers.duplicates import Duplicates
from headstart.audit.importers.kinds import KINDS, UnknownFormat
from headstart.audit.importers.plan import planned
from headstart.audit.importers.reading import Reading
from headstart.audit.importers.work import NoLogs, Work, files_of

__all__ = [
    "KINDS",
    "Compared",
    "Duplicates",
    "Item",
    "NoLogs",
    "Reading",
    "Sum",
    "UnknownFormat",
    "Work",
    "files_of",
    "planned",
    "reconciled",
]
