"""``headstart cache``: what an operator may ask of a running server's cache."""

from headstart.cli.cache.command import cache

__all__ = ["cache"]
