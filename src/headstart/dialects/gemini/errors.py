"""Errors in Google's shape: code, message, status.

Texts that were seen on the wire or in Google's own words stand here; ours say what is wrong.
"""

from __future__ import annotations

from typing import Any

import msgspec

from headstart.dialects.base import DialectError, ErrorKind
from headstart.dialects.body import Path, Problem

_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_OTHER_CODES = {413: 400, 529: 503}
_BAD_KEY: ErrorKind = "authentication_error"
_KEY_REASON = {
    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
    "reason": "API_KEY_INVALID",
    "domain": "googleapis.com",
}


def complain(path: Path, problem: Problem, text: str) -> DialectError:
    """A 400 about one field, named by its dotted path."""
    param = dotted(path)
    if problem == "missing":
        message = f"* {param}: {param.rpartition('.')[2]} is not specified"
    elif problem == "type":
        message = f"Invalid value at '{param}': {text}"
    else:
        message = f"* {param}: {text}"
    return DialectError(400, "invalid_request_error", message, param)


def invalid(message: str, param: str | None = None) -> DialectError:
    """INVALID_ARGUMENT in these very words."""
    return DialectError(400, "invalid_request_error", message, param)


def too_small(tokens: int, minimum: int) -> DialectError:
    """A cachedContent below the model's minimum."""
    text = f"total_token_count={tokens}, min_total_token_count={minimum}"
    return invalid(f"Cached content is too small. {text}")


def no_such_cache() -> DialectError:
    """For a cachedContent that never was, has expired, was deleted, or is someone else's."""
    text = "CachedContent not found (or permission denied)"
    return DialectError(403, "permission_error", text)


def error_response(err: DialectError, request_id: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body. A bad key is a 400 here, not a 401."""
    details: list[dict[str, Any]] = []
    status = _OTHER_CODES.get(err.status, err.status)
    if err.kind == _BAD_KEY:
        status, details = 400, [_KEY_REASON]
    error: dict[str, Any] = {
        "code": status,
        "message": err.message,
        "status": _STATUSES.get(status, "UNKNOWN"),
    }
    if details:
        error["details"] = details
    headers = {"content-type": "application/json; charset=UTF-8", "x-request-id": request_id}
    return status, headers, msgspec.json.encode({"error": error})


def dotted(path: Path) -> str:
    """``contents[0].parts[1].text``."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return "".join(steps).removeprefix(".")
