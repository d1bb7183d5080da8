"""The audit: logs in, findings out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Final

from headstart.audit.blocks import shortened
from headstart.audit.culprits import culprits_of
from headstart.audit.curves import CAPACITY, curves_of
from headstart.audit.digest import Digester
from headstart.audit.families import Families
from headstart.audit.findings import VERSION, Audit, Curve, Family, Source
from headstart.audit.jobs import shared
from headstart.audit.log import Gatherer, Log
from headstart.audit.options import Options, Progress, silent
from headstart.audit.outcome import Outcome
from headstart.audit.present import now_of
from headstart.audit.reading import read_logs
from headstart.audit.record import Broken, Record
from headstart.audit.trial import Trial, tried
from headstart.audit.trust import ratios, trust_of
from headstart.audit.verdict import verdict_of
from headstart.audit.whatif import Way, options_of, ways_of
from headstart.audit.world import World
from headstart.providers import UnknownProvider

_STEPS: Final = 20
"""Replays of an ordinary audit."""
_LARGE: Final = 20_000
"""Requests to replay in all that are worth another process."""


def audit(
    paths: Sequence[str | os.PathLike[str]],
    options: Options | None = None,
    progress: Progress = silent,
) -> Audit:
    """What the logs in these files, folders and glob patterns (``-`` is standard input) say.
    NoLogs and UnknownFormat, both ValueErrors, where there is nothing to read."""
    given = options or Options()
    log, sources = read_logs(paths, given, progress)
    return audited(log, sources, progress)


def audit_records(
    records: Iterable[Record | Broken],
    options: Options | None = None,
    progress: Progress = silent,
) -> Audit:
    """The same of records that the caller has."""
    given = options or Options()
    gatherer, digester = Gatherer(given), Digester(given)
    broken: dict[str, list[Broken]] = {}
    for record in records:
        if isinstance(record, Broken):
            broken.setdefault(record.place.path, []).append(record)
        else:
            gatherer.add(0, digester.digest(record))
    log = gatherer.finish()
    paths = dict.fromkeys([*gatherer.records, *gatherer.duplicates, *broken])
    sources = tuple(
        Source(
            path,
            "",
            gatherer.records[path],
            len(broken.get(path, ())),
            gatherer.duplicates[path],
            tuple(f"line {one.place.line}: {one.why}" for one in broken.get(path, ())[:8]),
        )
        for path in paths
    )
    return audited(log, sources, progress)


def audited(log: Log, sources: tuple[Source, ...], progress: Progress = silent) -> Audit:
    """The audit of what was read."""
    shortened(log)
    world = World(log)
    _assume(world)
    world.ratios = ratios(world)
    steps = [0]

    def step() -> None:
        steps[0] += 1
        progress("replaying", steps[0], max(_STEPS, steps[0] + 1))

    trial = tried(world, step)
    families = Families(world, trial.found, trial.base.input)
    culprits, together, latent = culprits_of(world, trial, families, step)
    now = now_of(world, trial.base)
    # Trust names the ratios of models in the log alone: before others join them.
    trust = trust_of(world, trial.base)
    ways = list(ways_of(world, trial))
    outcomes, curves, told = _tried(world, trial, ways, families, step)
    if curves and CAPACITY not in [curve.name for curve in curves]:
        log.notes.append("no hit rates over capacity: they need numpy (headstart[sim])")
    options = options_of(world, trial.base, now, together, zip(ways, outcomes, strict=True))
    progress("replaying", steps[0] + 1, steps[0] + 1)
    return Audit(
        VERSION,
        sources,
        verdict_of(world, trial, now, options, culprits, together),
        now,
        trust,
        told,
        culprits,
        together,
        latent,
        options,
        curves,
        tuple(log.notes),
    )


def _tried(
    world: World, trial: Trial, ways: Sequence[Way], families: Families, step: Callable[[], None]
) -> tuple[list[Outcome], tuple[Curve, ...], tuple[Family, ...]]:
    """What needs nothing but the trial, on all cores."""
    tasks: list[Callable[[], Any]] = [way.run for way in ways]
    tasks += [partial(curves_of, world, trial.base.input), families.told]
    worth = sum(way.rows for way in ways) >= _LARGE
    *outcomes, curves, told = shared(tasks, world.log.options.workers, step, worth=worth)
    return outcomes, curves, told


def _assume(world: World) -> None:
    """Whose directives are not known, and what can't be replayed at all."""
    log = world.log
    bare = unknown = continued = 0
    providers: set[str] = set()
    for row in log.rows:
        if not row.node:
            bare += 1
            continue
        try:
            rules = world.rules(row.provider, row.model)
        except UnknownProvider:
            unknown += 1
            providers.add(row.provider)
            continue
        if not world.known(row):
            continued += 1
        elif (
            rules.scheme == "breakpoints"
            and not row.marks
            and rules.implicit in ("none", "optional")
        ):
            used = row.usage is not None and (row.usage.read or row.usage.written)
            if row.dialect is None or row.number in log.assumed or used:
                world.automatic.add(row.number)
    notes = log.notes
    if not log.rows:
        notes.append("there is no request in these logs")
    if bare:
        notes.append(f"{bare:,} requests have no prompt: only their usage is counted")
    if unknown:
        names = ", ".join(sorted(providers))
        notes.append(f"{unknown:,} requests are of providers without rules here: {names}")
    if continued:
        notes.append(
            f"{continued:,} requests continue content that the provider keeps: not replayed"
        )
    if world.automatic:
        notes.append(
            f"{len(world.automatic):,} requests do not show their cache directives: automatic "
            "caching is assumed, one breakpoint at each prompt's end"
        )
