"""``headstart report``: what the traffic in a ledger read, wrote, missed and cost."""

from headstart.cli.report.command import report

__all__ = ["report"]
