"""``headstart warm``: write prompts to a hosted model's cache before they are needed."""

from headstart.cli.warm.command import warm

__all__ = ["warm"]
