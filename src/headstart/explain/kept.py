"""Requests of which a record was kept."""

from __future__ import annotations

from datetime import UTC, date, datetime

from headstart.dialects import DialectError
from headstart.explain.advice import advice, changes
from headstart.explain.detect import Undetected, detect
from headstart.explain.explanation import Explanation
from headstart.explain.outline import Outline, Parting, part
from headstart.prompt import Prompt, Split, diverge
from headstart.providers import Lookup, UnknownProvider, rules_for
from headstart.usage import RequestRecord


def explain_kept(record: RequestRecord, before: RequestRecord | None = None) -> Explanation:
    """What a record and that of the earlier request (``record.against``) say: to the character
    where both have their prompts, to the block where both have outlines."""
    one, two = _prompt(before), _prompt(record)
    split: Split | Parting | None = None
    changed = ""
    if one is not None and two is not None:
        split, changed = diverge(one, two), changes(one, two)
    elif before is not None:
        split = _parted(before, record)
    return Explanation(
        record.provider,
        record.model,
        Lookup(
            record.usage,
            record.cost,
            record.cost_uncached,
            record.reason,
            record.lost,
            None,
            None,
            ("the provider reported no usage: it is estimated",) if record.estimated else (),
        ),
        split,
        record.lost,
        record.lost_cost,
        _remedy(record, before, split, changed),
        record.against,
        record.confirmed,
    )


def _prompt(record: RequestRecord | None) -> Prompt | None:
    if record is None or record.prompt is None:
        return None
    body = record.prompt.encode()
    try:
        return detect(body, record.model).read(body, model=record.model).prompt
    except (Undetected, DialectError):
        return None


def _parted(before: RequestRecord, record: RequestRecord) -> Parting | None:
    """None as well for outlines that cannot be read."""
    try:
        return part(Outline.unpack(before.outline or b""), Outline.unpack(record.outline or b""))
    except ValueError:
        return None


def _remedy(
    record: RequestRecord,
    before: RequestRecord | None,
    split: Split | Parting | None,
    changed: str,
) -> str:
    day: date = datetime.fromtimestamp(record.time, UTC).date()
    try:
        rules, _ = rules_for(record.provider, record.model, day)
    except UnknownProvider:
        return split.remedy if split else "Nothing is known of this provider's cache."
    return advice(
        record.reason,
        rules,
        record.model,
        place=split.remedy if split else None,
        volatile=split.volatile if split else None,
        changed=changed,
        after=None if before is None else record.time - before.time,
    )
