"""Exclusive token buckets: every token of a request is in exactly one of them."""

from headstart.usage.buckets import Usage

__all__ = ["Usage"]
