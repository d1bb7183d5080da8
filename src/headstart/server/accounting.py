"""What a request's prompt tokens count as, once it is known how many of them were read."""

from __future__ import annotations

from collections.abc import Iterable

from headstart.engine.contract import Lease
from headstart.usage import Usage

FIVE_MINUTES = 300.0
ONE_HOUR = 3600.0


def split_usage(prompt_tokens: int, read: int, leases: Iterable[Lease], output: int = 0) -> Usage:
    """Exclusive buckets, by Anthropic's rule for mixed lifetimes.

    ``read`` tokens were reused (A). From there, tokens up to the last 1-hour marker (B) are
    a 1-hour write, from B to the last 5-minute marker (C) a 5-minute write, from C to the
    last marker of any other lifetime an "other" write; what follows is fresh. A marker at
    or before A writes nothing; a marker beyond the prompt counts as its end.
    """
    last: dict[float | None, int] = {FIVE_MINUTES: 0, ONE_HOUR: 0, None: 0}
    for lease in leases:
        kind = lease.ttl if lease.ttl in last else None
        last[kind] = max(last[kind], min(lease.tokens, prompt_tokens))
    one_hour = max(read, last[ONE_HOUR])
    five_minutes = max(one_hour, last[FIVE_MINUTES])
    other = max(five_minutes, last[None])
    return Usage(
        fresh=prompt_tokens - other,
        read=read,
        write_5m=five_minutes - one_hour,
        write_1h=one_hour - read,
        write_other=other - five_minutes,
        output=output,
    )
