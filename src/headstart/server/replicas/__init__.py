"""Replicas of one route: who lives, who holds the prefix, and the way of each request."""

from headstart.server.replicas.admin import PATH, ReplicaAdmin
from headstart.server.replicas.fleets import Fleets
from headstart.server.replicas.metrics import ReplicaMetrics
from headstart.server.replicas.route import Route

__all__ = [
    "PATH",
    "Fleets",
    "ReplicaAdmin",
    "ReplicaMetrics",
    "Route",
]
