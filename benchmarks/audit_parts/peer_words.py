"""What peers call things, and which planted defects each of their words stands for.

Generous to the peer: a word *names* every kind that its own documentation subsumes under it,
and it *covers* every kind that could have caused what it says happened ("the prefix changed"
covers all that can change in a prefix). Hit rates are of the log's own usage.
"""

from __future__ import annotations

from typing import NamedTuple

CLOCK = frozenset(("timestamp", "time", "date"))
IDS = frozenset(
    ("uuid", "ulid", "request_id", "trace_id", "session_id", "hash", "jwt", "token", "counter")
)
PERSON = frozenset(("email", "user"))
SPELLING = frozenset(("whitespace", "unicode_form", "line_endings"))
CONTENT = frozenset(
    (
        *CLOCK,
        *IDS,
        *PERSON,
        *SPELLING,
        *("temp_path", "port", "example_order", "key_order", "number_format", "case"),
        "tool_order",
    )
)
"""Every kind that changes the text of a prompt."""
NOTHING: frozenset[str] = frozenset()


class Word(NamedTuple):
    """``names``: kinds it tells from all others. ``covers``: kinds that it may be about."""

    names: frozenset[str] = NOTHING
    covers: frozenset[str] = NOTHING
    mild: bool = False
    """A remark or a suspicion, by the peer's own words: no accusation."""


WORDS: dict[str, dict[str, Word]] = {
    "promptcachelint": {
        # A diff: it shows the place and both texts, and has one word for all of them.
        "CL001": Word(covers=CONTENT),
        "CL002": Word(names=frozenset(("tool_order",)), covers=CONTENT),
        "CL003": Word(names=frozenset(("model_changed",))),
        "CL004": Word(),
        # "Suspects outside the payload ... or prefix below minimum."
        "CL005": Word(covers=frozenset(("below_minimum",)), mild=True),
        "CL006": Word(names=frozenset(("expired",))),
        "CL007": Word(names=frozenset(("lookback_exceeded",))),
        "CL010": Word(names=frozenset(("no_breakpoint",))),
        "CL011": Word(names=frozenset(("below_minimum",))),
        # "A suspicion from patterns; CL001 is the confirmation": by pattern.
        "CL012 iso-datetime": Word(names=CLOCK, mild=True),
        "CL012 date-phrase": Word(names=CLOCK, mild=True),
        "CL012 rfc-date": Word(names=CLOCK, mild=True),
        "CL012 uuid": Word(names=frozenset(("uuid",)), covers=IDS, mild=True),
        "CL012 hex-id": Word(names=frozenset(("hash", "trace_id")), covers=IDS, mild=True),
        "CL013": Word(),
        "CL014": Word(covers=CONTENT | {"no_breakpoint"}),
    },
    "kvlint": {
        "dynamic_time": Word(names=CLOCK),
        # "UUIDs, hex digests, correlation ids and counters."
        "dynamic_id": Word(
            names=frozenset(("uuid", "hash", "request_id", "session_id", "trace_id", "counter")),
            covers=IDS | {"temp_path", "port"},
        ),
        "user_in_system": Word(names=PERSON, covers=frozenset(("session_id",))),
        "whitespace_drift": Word(names=SPELLING),
        "key_order": Word(names=frozenset(("key_order",)), covers=frozenset(("tool_order",))),
        "volatile_fewshot": Word(names=frozenset(("example_order",))),
        "short_prefix": Word(covers=CONTENT | {"below_minimum"}),
        # Where a prefix ends in a block of 16 tokens: true of nearly every log.
        "block_straddle": Word(mild=True),
    },
    "cacheeconomics": {
        "VOL-1": Word(covers=CONTENT),
        "REB-1": Word(covers=CONTENT),
        "EFF-1": Word(covers=CONTENT),
        "MIN-1": Word(names=frozenset(("below_minimum",))),
        "TTL-1": Word(names=frozenset(("expired",))),
        "TTL-2": Word(),
        "SPL-1": Word(names=frozenset(("model_changed",))),
        "FAN-1": Word(),
        # What it could not measure, and whether caching pays.
        "REB-0": Word(mild=True),
        "CAC-1": Word(mild=True),
    },
    "kvleak": {
        "ttl_expiry": Word(names=frozenset(("expired",))),
        "prefix_bust": Word(covers=CONTENT | {"lookback_exceeded", "no_breakpoint"}),
        "tools_changed": Word(names=frozenset(("tool_order",)), covers=CONTENT),
        "system_changed": Word(covers=CONTENT),
        "model_switch": Word(names=frozenset(("model_changed",))),
        "server_unavailable": Word(),
        "compaction": Word(),
        "cold_start": Word(mild=True),
        "subagent_cold_start": Word(mild=True),
    },
    # It measures and prices; of a log it names no cause.
    "prompt-cache-doctor": {},
}


def known(peer: str) -> frozenset[str]:
    """Kinds that a peer has a word of their own for."""
    return NOTHING.union(*(word.names for word in WORDS[peer].values()))
