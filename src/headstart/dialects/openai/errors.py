"""Complaints and errors in OpenAI's shape: message, type, param, code; and the shapes that
others give the same four."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from headstart.dialects.base import DialectError, ErrorKind
from headstart.dialects.body import Path, Problem

_CODES: dict[Problem, str] = {
    "missing": "missing_required_parameter",
    "type": "invalid_type",
    "value": "invalid_value",
    "unsupported": "unsupported_parameter",
}
_TYPES: dict[ErrorKind, str] = {
    "invalid_request_error": "invalid_request_error",
    "authentication_error": "invalid_request_error",
    "permission_error": "invalid_request_error",
    "not_found_error": "invalid_request_error",
    "request_too_large": "invalid_request_error",
    "rate_limit_error": "rate_limit_error",
    "api_error": "server_error",
    "overloaded_error": "server_error",
}
_DEFAULT_CODES: dict[ErrorKind, str] = {
    "authentication_error": "invalid_api_key",
    "rate_limit_error": "rate_limit_exceeded",
}

_OVERLOADED = 529
_SERVICE_UNAVAILABLE = 503

ErrorShape = Literal["nested", "flat", "nested-status", "code-message"]
"""nested: OpenAI's. flat: the four beside ``"object": "error"`` (Mistral, SGLang).
nested-status: ``code`` is the HTTP status (vLLM). code-message: these two alone, ``code``
being the HTTP status (OpenRouter)."""


def bracketed(path: Path) -> str:
    """``messages[0].content[1].type``."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return "".join(steps).removeprefix(".")


def complain(path: Path, problem: Problem, text: str) -> DialectError:
    """A 400 whose ``param`` is the path and whose ``code`` is the kind of problem."""
    param = bracketed(path)
    if problem == "missing":
        message = f"Missing required parameter: '{param}'."
    else:
        message = f"Invalid '{param}': {text}."
    return DialectError(400, "invalid_request_error", message, param, _CODES[problem])


def error_object(err: DialectError) -> dict[str, Any]:
    """The body of an error, and the data of one inside a stream."""
    return {
        "error": {
            "message": err.message,
            "type": _TYPES[err.kind],
            "param": err.param,
            "code": err.code or _DEFAULT_CODES.get(err.kind),
        }
    }


def error_response(
    err: DialectError, request_id: str, shape: ErrorShape = "nested"
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body."""
    # 529 is Anthropic's own; OpenAI's clients know the standard status.
    status = _SERVICE_UNAVAILABLE if err.status == _OVERLOADED else err.status
    headers = {"content-type": "application/json", "x-request-id": request_id}
    return status, headers, msgspec.json.encode(_shaped(err, status, shape))


def _shaped(err: DialectError, status: int, shape: ErrorShape) -> dict[str, Any]:
    nested = error_object(err)
    inner: dict[str, Any] = nested["error"]
    if shape == "flat":
        return {"object": "error", **inner, "code": status}
    if shape == "nested-status":
        return {"error": {**inner, "code": status}}
    if shape == "code-message":
        return {"error": {"code": status, "message": err.message}}
    return nested
