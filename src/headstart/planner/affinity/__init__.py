"""Replicas that hold the prefix: which of them a request is sent to. No I/O, no clock."""

from headstart.planner.affinity.blocks import BlockIndex, block_keys, extras_of
from headstart.planner.affinity.choice import Affinity
from headstart.planner.affinity.contract import Level, ReplicaHistory, Touched
from headstart.planner.affinity.feed import Feed, Verdict
from headstart.planner.affinity.history import HistoryTree
from headstart.planner.affinity.loads import Loads
from headstart.planner.affinity.requests import Asked, Choice, Replica, Sent

__all__ = [
    "Affinity",
    "Asked",
    "BlockIndex",
    "Choice",
    "Feed",
    "HistoryTree",
    "Level",
    "Loads",
    "Replica",
    "ReplicaHistory",
    "Sent",
    "Touched",
    "Verdict",
    "block_keys",
    "extras_of",
]
