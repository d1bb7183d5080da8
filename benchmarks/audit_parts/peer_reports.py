"""What a peer's output says, in one shape for all of them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Said:
    """One thing that a peer says; None where it does not say it."""

    word: str
    section: str | None = None
    """"tool", "system" or "message"."""
    segment: int | None = None
    """Of its section."""
    position: int | None = None
    """Segment of the whole prompt: tools, system, messages."""
    offset: int | None = None
    """Character of the segment."""
    quotes: tuple[str, ...] = ()
    """Values that it says differ."""
    lost: int | None = None
    """Tokens."""


@dataclass(frozen=True, slots=True)
class Answer:
    """All that a peer says of one log."""

    said: list[Said] = field(default_factory=list)
    hit_rates: tuple[float, ...] = ()
    """More than one where it gives one for each of several caches."""


Reader = Callable[[Sequence[str], Path], Answer]
"""(standard output of each command, their folder) -> what it says; ValueError or KeyError if
it is not what the peer prints."""


def promptcachelint(texts: Sequence[str], folder: Path) -> Answer:
    """One finding a request: told as one a place, with the tokens of all its requests."""
    report = json.loads(texts[0])
    if report["skipped_lines"]:
        raise ValueError("lines were skipped")
    said: list[Said] = []
    for session in report["sessions"]:
        for request in session["requests"]:
            diff = request["diff"] or {"broken": False}
            for one in request["findings"]:
                word = " ".join((one["code"], one["data"].get("pattern", ""))).strip()
                place = _place(one["path"], session["provider"])
                broken = diff["broken"] and one["code"] in ("CL001", "CL002")
                lost = diff["lost_tokens_estimate"] if broken else None
                said.append(Said(word, *place, offset=one["offset"], lost=lost))
    return Answer(said, (report["totals"]["hit_ratio"],))


def _place(path: str | None, provider: str) -> tuple[str | None, int | None]:
    """``system[0]``, ``tools[3]``, ``messages[4].content[0]``; a chat's first message is its
    system prompt."""
    found = re.match(r"(tools|system|messages)(?:\[(\d+)\])?", path or "")
    if not found:
        return None, None
    name, number = found[1], int(found[2] or 0)
    if name == "messages" and provider == "openai":
        return ("system", 0) if number == 0 else ("message", number - 1)
    return name.removesuffix("s") if name != "system" else name, number


def kvlint(texts: Sequence[str], folder: Path) -> Answer:
    """One finding a rule, with the first values that it saw differ."""
    report = json.loads((folder / "report.json").read_text())
    said = [
        Said(
            one["rule_id"],
            section="tool" if one["evidence"].startswith("tool schema") else None,
            quotes=tuple(re.findall(r"'([^']+)'", one["evidence"])),
            lost=one["est_tokens_lost"],
        )
        for one in report["findings"]
    ]
    return Answer(said, tuple(sim["hit_rate"] for sim in report["sims"]))


def cacheeconomics(texts: Sequence[str], folder: Path) -> Answer:
    """Codes with a position; tokens and money are in none of them for logged bodies."""
    report = json.loads(texts[0])
    if report["coverage"]["fraction"] < 1:
        raise ValueError("rows were excluded")
    said = []
    for one in report["findings"]:
        position = re.search(r"at position (\d+)", one["title"])
        said.append(Said(one["code"], position=int(position[1]) if position else None))
    rate = re.search(r"input from cache\s+(\d+)%", texts[1])
    return Answer(said, (int(rate[1]) / 100,) if rate else ())


def kvleak(texts: Sequence[str], folder: Path) -> Answer:
    """Causes, with the tokens that were paid for again."""
    report = json.loads(texts[0])
    causes: Mapping[str, Any] = report["buckets"]
    said = [Said(cause, lost=one["rebuilt"]) for cause, one in causes.items() if one["count"]]
    return Answer(said, (report["hit_rate"],))


def doctor(texts: Sequence[str], folder: Path) -> Answer:
    """A hit rate and money."""
    return Answer([], (json.loads(texts[0])["overall_hit_ratio"],))


READERS: dict[str, Reader] = {
    "promptcachelint": promptcachelint,
    "kvlint": kvlint,
    "prompt-cache-doctor": doctor,
    "cacheeconomics": cacheeconomics,
    "kvleak": kvleak,
}
