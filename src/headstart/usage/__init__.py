"""Exclusive token buckets, and the closed list of reasons for what was not read."""

from headstart.usage.buckets import Usage
from headstart.usage.reasons import MissReason

__all__ = ["MissReason", "Usage"]
