"""``headstart demo``: real clients, a real model, and what the cache saved."""

from headstart.cli.demo.command import demo

__all__ = ["demo"]
