"""Which suspects are to blame, and of how many tokens: each is taken away in the emulator,
alone, and with all others gone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from headstart.audit.cures import Restored, Same, ToolsInOrder
from headstart.audit.links import Links
from headstart.audit.partings import Found, Partings
from headstart.audit.replay import Change, Outcome, Replay, World
from headstart.audit.suspects import Suspect, applications, by_content, by_rule

LEAST: Final = 0.001
"""Share of all input that is worth naming a culprit for."""


@dataclass
class Verdicted:
    """One suspect, tried."""

    suspect: Suspect
    alone: Outcome
    """The log without it."""
    lost: int
    behind: int
    """Tokens that are still lost by it once all others are gone."""
    requests: int


@dataclass
class Trial:
    """Everything that was found out about the log."""

    base: Outcome
    """The log as it is."""
    links: Links
    found: Found
    culprits: list[Verdicted]
    together: Outcome
    """Without any of them."""


def tried(world: World, step: Callable[[], None] = lambda: None) -> Trial:
    """Find suspects and try them; ``step`` is called after each replay."""
    log = world.log
    known = [world.known(row) for row in log.rows]
    links = Links(log, known)
    world.lanes = links.lanes
    base = Replay(world, why=True).run(log.rows)
    step()
    found = Partings(log, links).found
    content = by_content(log, links, found)
    cured = base
    if content:
        every: list[Change] = [Same(log, found, {t.number: None for t in found.templates})]
        every += [ToolsInOrder(log), Restored(log, links, found.moved)]
        cured = Replay(world, every, why=True).run(log.rows)
        step()
    apps = applications(log, links, found)
    suspects = [*content, *by_rule(world, [base, cured], apps)]
    return _judged(world, links, found, base, suspects, step)


def changes_of(suspects: Sequence[Suspect]) -> list[Change]:
    """All of them, in the order in which they are to be made."""
    ordered = sorted(suspects, key=lambda suspect: suspect.order)
    return [change for suspect in ordered for change in suspect.changes]


def _judged(
    world: World,
    links: Links,
    found: Found,
    base: Outcome,
    suspects: list[Suspect],
    step: Callable[[], None],
) -> Trial:
    rows = world.log.rows
    least = LEAST * base.total_input
    together = base
    if suspects:
        together = Replay(world, changes_of(suspects)).run(rows)
    culprits = []
    for suspect in suspects:
        alone = Replay(world, suspect.changes).run(rows)
        step()
        lost = max(0, alone.total_read - base.total_read)
        behind = lost
        if len(suspects) > 1:
            others = [one for one in suspects if one is not suspect]
            rest = Replay(world, changes_of(others)).run(rows)
            behind = max(0, together.total_read - rest.total_read)
        if max(lost, behind) <= least:
            continue
        better = sum(x > y for x, y in zip(alone.read, base.read, strict=True))
        culprits.append(Verdicted(suspect, alone, lost, behind, better))
    if len(culprits) < len(suspects):
        kept = [one.suspect for one in culprits]
        together = Replay(world, changes_of(kept)).run(rows) if kept else base
    return Trial(base, links, found, culprits, together)
