"""What to ask of a provider's cache, decided from traffic and prices. No I/O, no clock."""

from headstart.planner.allowance import Allowance, Grant
from headstart.planner.budget import CREDIT, SHARE, Budget
from headstart.planner.contract import (
    Features,
    Key,
    Mode,
    Outcome,
    Plan,
    PlannedRequest,
    Planner,
    Rates,
    Reason,
    Wake,
)
from headstart.planner.demand import LEAST_TTL, Demand, Terms
from headstart.planner.explicit import ExplicitPlanner, Lease, Making, Prefix
from headstart.planner.facts import Fact
from headstart.planner.followers import Followers, Seat
from headstart.planner.planner import TrafficPlanner
from headstart.planner.rates import rates_of
from headstart.planner.shares import Runner, runner_of
from headstart.planner.storage import hold, least_reads, worth_creating

__all__ = [
    "CREDIT",
    "LEAST_TTL",
    "SHARE",
    "Allowance",
    "Budget",
    "Demand",
    "ExplicitPlanner",
    "Fact",
    "Features",
    "Followers",
    "Grant",
    "Key",
    "Lease",
    "Making",
    "Mode",
    "Outcome",
    "Plan",
    "PlannedRequest",
    "Planner",
    "Prefix",
    "Rates",
    "Reason",
    "Runner",
    "Seat",
    "Terms",
    "TrafficPlanner",
    "Wake",
    "hold",
    "least_reads",
    "rates_of",
    "runner_of",
    "worth_creating",
]
