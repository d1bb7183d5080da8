"""An audit as JSON, and the schema of that JSON."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from math import isfinite
from typing import Any, Final

from headstart.audit.findings import Audit, Tally

_RATES: Final = {
    "hit_rate": "Token hit rate, 0 to 1: read / input.",
    "request_hit_rate": "Share of the requests that read anything, 0 to 1.",
    "creation_rate": "Share of the input that was written to a cache, 0 to 1.",
}
"""Fields of a tally that follow from the others."""


def as_json(audit: Audit) -> str:
    """One object, in ASCII; ``null`` is what is not known, or endless (the last ``x`` of
    lifetimes). No character of it means anything to HTML or to a terminal."""
    text = json.dumps(document(audit), indent=1, allow_nan=False)
    for character in "<>&\x7f":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def document(found: Any) -> Any:
    """The same as dictionaries and lists."""
    if is_dataclass(found):
        told = {field.name: document(getattr(found, field.name)) for field in fields(found)}
        return told | rates(found) if isinstance(found, Tally) else told
    if isinstance(found, tuple | list):
        return [document(item) for item in found]
    return None if isinstance(found, float) and not isfinite(found) else found


def rates(tally: Tally) -> dict[str, float]:
    """What follows from a tally's sums."""
    return {
        "hit_rate": tally.hit_rate,
        "request_hit_rate": tally.hits / tally.requests if tally.requests else 0.0,
        "creation_rate": tally.creation_rate,
    }


def schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of ``document``."""
    import msgspec

    found: dict[str, Any] = msgspec.json.schema(Audit)
    tally = found["$defs"]["Tally"]
    for name, about in _RATES.items():
        tally["properties"][name] = {"type": "number", "description": about}
        tally["required"].append(name)
    # The longest lifetime is endless, which JSON has no number for.
    found["$defs"]["Curve"]["properties"]["x"]["items"] = {"type": ["number", "null"]}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}
