"""What is said of one request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from headstart.explain.outline import Parting
from headstart.prompt import Split
from headstart.providers import Lookup
from headstart.usage import MissReason, Usage

CALLS: Final = 1000
_ALWAYS: Final = ("fresh", "read")


@dataclass(frozen=True, slots=True)
class Explanation:
    """One request against the earlier one that is nearest to it."""

    provider: str
    model: str
    lookup: Lookup
    split: Split | Parting | None
    """Where the prompts part: to the character, or from digests alone, to the block. None
    where the one continues the other, or there is no other."""
    lost: int
    """Tokens that were seen before and not read, or that would have been read but for what
    stands in front of them."""
    wasted: float | None
    """USD that they cost more than reading them; None without a price."""
    remedy: str
    against: str | None = None
    """Name of the earlier request."""
    confirmed: bool = False
    """The provider gave the reason; otherwise it is inferred from its rules."""

    @property
    def reason(self) -> MissReason | None:
        """Why not all that was ever seen of the prompt was read; None if it was."""
        return self.lookup.reason

    def facts(self) -> dict[str, Any]:
        """As JSON, in the names that the emulating server has for them."""
        lookup, split = self.lookup, self.split
        return {
            "provider": self.provider,
            "model": self.model,
            "against": self.against,
            "usage": _counts(lookup.usage),
            "hit_rate": lookup.usage.hit_rate,
            "cost": lookup.cost,
            "cost_without_cache": lookup.uncached,
            "reason": lookup.reason,
            "confirmed": self.confirmed,
            "lost": self.lost,
            "wasted": self.wasted,
            "divergence": split and {"segment": split.segment, "volatile": split.volatile},
            "diff": split and _place(split),
            "remedy": self.remedy,
            "warnings": list(lookup.warnings),
        }

    def render(self, *, diff: bool = True) -> str:
        """Lines for a terminal; ``diff`` shows where the prompts part."""
        return rendered(self.facts(), diff=diff)


def rendered(facts: Mapping[str, Any], *, diff: bool = True) -> str:
    """``Explanation.facts``, or the same from elsewhere, as lines for a terminal. KeyError,
    TypeError, ValueError or AttributeError if they are not."""
    usage = {name: int(tokens) for name, tokens in facts["usage"].items() if name != "output"}
    remedy, reason = facts.get("remedy"), facts.get("reason")
    lines = [f"{facts['provider']}, {facts['model']}"]
    if diff and facts.get("diff"):
        lines += [f"  {line}" for line in facts["diff"].splitlines()]
    known = "confirmed by the provider" if facts.get("confirmed") else "inferred"
    lines += [
        f"  read    {usage['read']:,} of {sum(usage.values()):,} tokens",
        f"  reason  {f'{reason} ({known})' if reason else 'nothing was missed'}",
        f"  lost    {int(facts['lost']):,} tokens{_dollars(facts.get('wasted'))}",
        *([f"  change  {remedy}"] if remedy else []),
    ]
    # What a provider leaves open, and a default stands for, is no news about this request.
    notes = [text for text in facts.get("warnings", ()) if "does not say" not in text]
    return "\n".join((*lines, *(f"  note    {text}" for text in notes)))


def _dollars(wasted: float | None) -> str:
    if wasted is None:
        return ", no price known"
    if not wasted:
        return ""
    return f", ${wasted:.3g} a call, ${wasted * CALLS:,.2f} in {CALLS:,} calls"


def _place(split: Split | Parting) -> str:
    """Without the remedy that it ends with, which is told apart."""
    return split.render().removesuffix(f"\n{split.remedy}")


def _counts(usage: Usage) -> dict[str, int]:
    """The buckets by name, those that are empty left out but for fresh and read."""
    found = {name: getattr(usage, name) for name in usage.__slots__}
    return {name: tokens for name, tokens in found.items() if tokens or name in _ALWAYS}
