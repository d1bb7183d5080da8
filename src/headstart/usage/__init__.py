"""Exclusive token buckets, the closed list of reasons for what was not read, and the record
of a request."""

from headstart.usage.buckets import Usage
from headstart.usage.reasons import MissReason
from headstart.usage.record import CACHE_CREATED, CACHE_STORED, NOBODYS, PING, RequestRecord

__all__ = [
    "CACHE_CREATED",
    "CACHE_STORED",
    "NOBODYS",
    "PING",
    "MissReason",
    "RequestRecord",
    "Usage",
]
