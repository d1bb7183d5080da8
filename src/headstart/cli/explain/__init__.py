"""``headstart explain``."""

from headstart.cli.explain.command import explain

__all__ = ["explain"]
