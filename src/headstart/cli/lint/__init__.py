"""``headstart lint``."""

from headstart.cli.lint.command import lint

__all__ = ["lint"]
