"""``headstart demo``: real clients, and what the cache saved them."""

from headstart.cli.demo.command import demo

__all__ = ["demo"]
