"""The provider-neutral form of a prompt."""

from headstart.prompt.canonical import canonical_json
from headstart.prompt.chain import Chain, Mark, chained
from headstart.prompt.prompt import Controls, Kind, Prompt, Segment

__all__ = [
    "Chain",
    "Controls",
    "Kind",
    "Mark",
    "Prompt",
    "Segment",
    "canonical_json",
    "chained",
]
