"""``headstart simulate``: what a cache of any size would have hit on real traffic."""

from headstart.cli.simulate.command import simulate

__all__ = ["simulate"]
