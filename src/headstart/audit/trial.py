"""Which suspects are to blame, and of how many tokens: each is taken away in the emulator,
alone, and with all others gone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from headstart.audit.causes import Found
from headstart.audit.cures import Restored, Same, ToolsInOrder
from headstart.audit.jobs import Job, replayed
from headstart.audit.links import Links
from headstart.audit.outcome import Outcome
from headstart.audit.partings import Partings
from headstart.audit.replay import Change
from headstart.audit.suspects import Suspect, applications, by_content, by_rule
from headstart.audit.world import World

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
    groups: Groups
    culprits: list[Verdicted]
    together: Outcome
    """Without any of them."""


def tried(world: World, step: Callable[[], None] = lambda: None) -> Trial:
    """Find suspects and try them; ``step`` is called after each replay."""
    log = world.log
    known = [world.known(row) for row in log.rows]
    links = Links(log, known)
    world.lanes = links.lanes
    base = replayed(world, [Job(why=True)], step=step)[0]
    found = Partings(log, links).found
    content = by_content(log, links, found)
    cured = base
    if content:
        every: list[Change] = [Same(log, found, {t.number: None for t in found.templates})]
        every += [ToolsInOrder(log), Restored(log, links, found.moved)]
        cured = replayed(world, [Job(every, why=True)], step=step)[0]
    apps = applications(world, links, found)
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
    groups = Groups(world, found)
    least = LEAST * base.total_input
    without = _Without(world, groups, base, suspects, step)
    every = frozenset(range(len(suspects)))
    alone, others = [frozenset({i}) for i in every], [every - {i} for i in every]
    without.replay([every, *alone, *others])
    culprits, kept = [], set()
    content = any(one.section is not None for one in suspects)
    for i, suspect in enumerate(suspects):
        outcome = without.of(alone[i])
        lost = max(0, outcome.total_read - base.total_read)
        behind = max(0, without.of(every).total_read - without.of(others[i]).total_read)
        # What a rule takes only because of contents that are to blame anyway is no cause.
        if suspect.section is None and content and behind <= least:
            continue
        if max(lost, behind) > least:
            better = sum(x > y for x, y in zip(outcome.read, base.read, strict=True))
            culprits.append(Verdicted(suspect, outcome, lost, behind, better))
            kept.add(i)
    if len(culprits) == 1 and culprits[0].lost > least:
        # There are no others that it could hide behind.
        culprits[0].behind = culprits[0].lost
    without.replay([frozenset(kept)])
    return Trial(base, links, found, groups, culprits, without.of(frozenset(kept)))


class _Without:
    """The log without some of the suspects, by their indices; each set is replayed once."""

    def __init__(
        self,
        world: World,
        groups: Groups,
        base: Outcome,
        suspects: Sequence[Suspect],
        step: Callable[[], None],
    ) -> None:
        self._world = world
        self._groups = groups
        self._suspects = suspects
        self._step = step
        self._known: dict[frozenset[int], Outcome] = {frozenset(): base}

    def of(self, some: frozenset[int]) -> Outcome:
        """KeyError where it was not replayed."""
        return self._known[some]

    def replay(self, sets: Sequence[frozenset[int]]) -> None:
        """Those that were not."""
        new = [some for some in dict.fromkeys(sets) if some not in self._known]
        jobs = [self._job([self._suspects[i] for i in sorted(some)]) for some in new]
        outcomes = replayed(self._world, jobs, self.of(frozenset()), self._step)
        self._known.update(zip(new, outcomes, strict=True))

    def _job(self, some: Sequence[Suspect]) -> Job:
        return Job(changes_of(some), self._groups.of(some))


class Groups:
    """Rows that begin with the same segment: what is cached of one group is of no use to
    another."""

    def __init__(self, world: World, found: Found) -> None:
        self._rows: dict[object, list[int]] = {}
        self._models: dict[tuple[str, str], set[object]] = {}
        self._group: dict[int, object] = {}
        log = world.log
        for row in log.rows:
            if row.node:
                first = log.segments.faces[log.segments_of(row)[0]].digest
                group = found.of_digest.get(first, first)
                self._group[row.number] = group
                self._rows.setdefault(group, []).append(row.number)
                self._models.setdefault((row.provider, row.model), set()).add(group)

    def of(self, suspects: Sequence[Suspect]) -> set[int] | None:
        """Rows that may read something else without these suspects; None: all."""
        groups: set[object] = set()
        for suspect in suspects:
            if suspect.pairs:
                groups |= {self._group[row] for pair in suspect.pairs for row in pair[:2]}
            elif suspect.models:
                groups |= {group for model in suspect.models for group in self._models[model]}
            else:
                return None
        return {row for group in groups for row in self._rows[group]}
