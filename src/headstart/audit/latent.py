"""What looks volatile in front of the messages and never changed in these logs."""

from __future__ import annotations

from typing import Final

from headstart.audit.families import Families
from headstart.audit.findings import Latent
from headstart.audit.spots import spot, where
from headstart.audit.trial import Trial
from headstart.audit.world import World
from headstart.prompt import VolatileKind, spans
from headstart.prompt.remedies import remedy

_LOOKED_AT: Final = 20_000
"""Characters of a text."""
_TEXTS: Final = 24
"""The ones that most requests have."""
_MOST: Final = 3
"""Told of one text."""
_KINDS: Final = frozenset(
    (
        VolatileKind.TIMESTAMP,
        VolatileKind.DATE,
        VolatileKind.TIME,
        VolatileKind.UUID,
        VolatileKind.ULID,
        VolatileKind.REQUEST_ID,
        VolatileKind.SESSION_ID,
        VolatileKind.TRACE_ID,
        VolatileKind.JWT,
        VolatileKind.COUNTER,
        VolatileKind.USER,
        VolatileKind.TEMP_PATH,
    )
)


def latent_of(world: World, trial: Trial, families: Families) -> tuple[Latent, ...]:
    """Those of most requests first."""
    log, faces = world.log, world.log.segments.faces
    heads: dict[int, list[int]] = {}
    for row in log.rows:
        if not row.blocks and world.known(row):
            heads.setdefault(world.heads[row.node], []).append(row.number)
    counts: dict[int, list[int]] = {}
    for head, rows in heads.items():
        for at, number in enumerate(log.trie.path(head)):
            if faces[number].digest not in trial.found.of_digest:
                counts.setdefault(number, [0, rows[0], at])[0] += len(rows)
    often = sorted(counts, key=lambda number: counts[number][0], reverse=True)
    found = []
    for number in often[:_TEXTS]:
        requests, first, at = counts[number]
        text = log.segments.text(number)
        if requests < 2 or not text:
            continue
        row = log.rows[first]
        segments = log.segments_of(row)
        ahead = sum(faces[n].tokens for n in segments[:at])
        average = families.average(first)
        shown = [span for span in spans(text[:_LOOKED_AT]) if span.kind in _KINDS]
        for span in shown[:_MOST]:
            before = ahead + faces[number].tokens * span.start // len(text)
            section = log.segments.kind(number)
            found.append(
                Latent(
                    span.kind.value,
                    families.name_of(first),
                    section.value,
                    where(faces, segments, at),
                    at,
                    spot(log, row, at, text, span.start, span.end),
                    requests,
                    max(0, average - before),
                    remedy(span.kind, "edit", section),
                )
            )
    return tuple(found)
