"""The provider-neutral form of a prompt."""

from headstart.prompt.canonical import canonical_json
from headstart.prompt.prompt import Kind, Prompt, Segment

__all__ = ["Kind", "Prompt", "Segment", "canonical_json"]
