"""How many tokens a prompt has, without asking anyone."""

from headstart.tokens.calibration import Calibration
from headstart.tokens.counter import Counter, counter_of
from headstart.tokens.estimate import ERROR, estimate
from headstart.tokens.vocabulary import Vocabulary, vocabulary_of

__all__ = [
    "ERROR",
    "Calibration",
    "Counter",
    "Vocabulary",
    "counter_of",
    "estimate",
    "vocabulary_of",
]
