"""``cache_control``: one directive's shape, and the rules for all of a request's.

Sources: SDK types of anthropic 2.12.0; the error texts are those the API was seen to send
in 2026, which it does not promise to keep. Texts for an automatic marker that clashes with
explicit ones were not seen; ours say what is wrong.
"""

from __future__ import annotations

from headstart.dialects.anthropic.errors import complain, dotted, invalid
from headstart.dialects.assembly import Place
from headstart.dialects.body import Fields

MOST_MARKERS = 4
FIVE_MINUTES = 300.0
ONE_HOUR = 3600.0

_KEY = "cache_control"
_TTLS = {"5m": FIVE_MINUTES, "1h": ONE_HOUR}
_ORDER = (
    "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. "
    "Note that blocks are processed in the following order: `tools`, `system`, `messages`."
)


def ttl_of(block: Fields, tag: str | None = None) -> float | None:
    """The TTL in seconds of the directive on a block, or None without one.

    ``tag`` is the block's type where the API names it in the path of an error.
    """
    directive = block.child(_KEY)
    if directive is None:
        return None
    path = (*block.path, *((tag,) if tag else ()), _KEY)
    kind = directive.data.get("type")
    if kind is None:
        raise complain(path, "missing", "Unable to extract tag using discriminator 'type'")
    if kind != "ephemeral":
        text = f"Input tag '{kind}' found using 'type' does not match any of the expected tags"
        raise complain(path, "value", f"{text}: 'ephemeral'")
    for key in directive.data:
        if key not in ("type", "ttl"):
            raise complain((*path, kind, key), "value", "Extra inputs are not permitted")
    name = directive.data.get("ttl")
    if name is None:
        return FIVE_MINUTES
    if not isinstance(name, str) or name not in _TTLS:
        raise complain((*path, kind, "ttl"), "value", "Input should be '5m' or '1h'")
    return _TTLS[name]


def settle(places: list[Place], automatic: float | None) -> None:
    """Place the automatic marker, if one is asked for, and check them all."""
    explicit = sum(1 for place in places if place.ttl is not None)
    last = next((place for place in reversed(places) if place.eligible), None)
    if automatic is not None and last is not None and last.ttl != automatic:
        if last.ttl is not None:
            text = f"the last block, {dotted(last.path)}, has a cache_control with another ttl"
            raise complain((_KEY,), "value", text)
        last.ttl = automatic
        explicit += 1
    if explicit > MOST_MARKERS:
        raise invalid(
            f"A maximum of {MOST_MARKERS} blocks with cache_control may be provided. "
            f"Found {explicit}."
        )
    shorter = False
    for place in places:
        if shorter and place.ttl == ONE_HOUR:
            raise complain((*place.path, _KEY, "ttl"), "value", _ORDER)
        shorter = shorter or place.ttl == FIVE_MINUTES
