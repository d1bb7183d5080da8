"""``headstart price``: what providers charge, and when caching pays."""

from headstart.cli.price.command import price

__all__ = ["price"]
