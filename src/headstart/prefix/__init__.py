"""The prefix tree: how much of a sequence was seen before, and where it diverges."""

from headstart.prefix.contract import (
    Entry,
    Evicted,
    Inserted,
    Lock,
    Match,
    PrefixIndex,
    Scope,
    SizeInfo,
)
from headstart.prefix.naive import NaiveIndex
from headstart.prefix.pack import common, pack, unpack, whole_pages
from headstart.prefix.policies import FIFO, LFU, LRU, Policy
from headstart.prefix.tree import RadixTree

__all__ = [
    "FIFO",
    "LFU",
    "LRU",
    "Entry",
    "Evicted",
    "Inserted",
    "Lock",
    "Match",
    "NaiveIndex",
    "Policy",
    "PrefixIndex",
    "RadixTree",
    "Scope",
    "SizeInfo",
    "common",
    "pack",
    "unpack",
    "whole_pages",
]
