"""One text for one JSON value, whatever whitespace and escapes the client chose.

The order of keys is kept: it reaches the model, so two orders are two prompts to every
prompt cache, and a form that sorted them would hide a common cause of misses.
"""

from __future__ import annotations

import json
from typing import Any


def canonical_json(value: Any) -> str:
    """Compact JSON, keys in the order given, non-ASCII characters as themselves.

    ValueError for NaN and infinities, RecursionError beyond the interpreter's depth.
    """
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
