"""The provider-neutral form of a prompt."""

from headstart.prompt.builder import PromptBuilder
from headstart.prompt.canonical import canonical_json
from headstart.prompt.chain import Chain, Mark, chained
from headstart.prompt.conversation import Conversation, Statistics
from headstart.prompt.cuts import CUT_BYTES, Cuts
from headstart.prompt.diff import Side, Split, diverge
from headstart.prompt.known import Known, Mine
from headstart.prompt.layers import Tier, normalised
from headstart.prompt.prompt import Controls, Kind, Prompt, Segment
from headstart.prompt.volatile import Volatile, spans
from headstart.prompt.volatile_compare import Difference, kind_of_difference
from headstart.prompt.volatile_kinds import VolatileKind

__all__ = [
    "CUT_BYTES",
    "Chain",
    "Controls",
    "Conversation",
    "Cuts",
    "Difference",
    "Kind",
    "Known",
    "Mark",
    "Mine",
    "Prompt",
    "PromptBuilder",
    "Segment",
    "Side",
    "Split",
    "Statistics",
    "Tier",
    "Volatile",
    "VolatileKind",
    "canonical_json",
    "chained",
    "diverge",
    "kind_of_difference",
    "normalised",
    "spans",
]
