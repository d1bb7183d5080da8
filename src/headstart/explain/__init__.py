"""Why a request did not read from the cache what it could have: where it parts from the one
before, the reason, what that costs, and what to change."""

from headstart.explain.advice import advice
from headstart.explain.detect import Undetected, detect, dialect_named, served
from headstart.explain.explainer import Explainer, explain
from headstart.explain.explanation import Explanation, rendered
from headstart.explain.kept import explain_kept
from headstart.explain.loss import recoverable, wasted
from headstart.explain.outline import Outline, Parting, Piece, part

__all__ = [
    "Explainer",
    "Explanation",
    "Outline",
    "Parting",
    "Piece",
    "Undetected",
    "advice",
    "detect",
    "dialect_named",
    "explain",
    "explain_kept",
    "part",
    "recoverable",
    "rendered",
    "served",
    "wasted",
]
