"""Complaints and errors as Bedrock words and ships them.

Clients tell exceptions apart by the header ``x-amzn-ErrorType`` alone. Texts about blocks
and directives are the model's own (Anthropic's), those about members the service's; the
latter's wording for cache points is in part of our making.
"""

from __future__ import annotations

import msgspec

from headstart.dialects.base import DialectError, ErrorKind
from headstart.dialects.body import Path, Problem

_EXCEPTIONS: dict[ErrorKind, tuple[int, str]] = {
    "invalid_request_error": (400, "ValidationException"),
    "request_too_large": (400, "ValidationException"),
    "authentication_error": (403, "UnrecognizedClientException"),
    "permission_error": (403, "AccessDeniedException"),
    "not_found_error": (404, "ResourceNotFoundException"),
    "rate_limit_error": (429, "ThrottlingException"),
    "overloaded_error": (503, "ServiceUnavailableException"),
    "api_error": (500, "InternalServerException"),
}


def dotted(path: Path) -> str:
    """``messages.0.content.1``."""
    return ".".join(str(step) for step in path)


def invalid(message: str, param: str | None = None) -> DialectError:
    """A validation error with this very message."""
    return DialectError(400, "invalid_request_error", message, param)


def complain(path: Path, problem: Problem, text: str) -> DialectError:
    """About one member, named by its path."""
    return invalid(f"The value at {dotted(path)} is invalid: {text}", dotted(path))


def of_model(err: DialectError) -> DialectError:
    """The model's complaint, as the service passes it on."""
    return invalid(f"The model returned the following errors: {err.message}", err.param)


def exception_of(err: DialectError) -> tuple[int, str]:
    """Status and exception name."""
    return _EXCEPTIONS[err.kind]


def error_response(err: DialectError, request_id: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body."""
    status, name = exception_of(err)
    headers = {
        "content-type": "application/json",
        "x-amzn-errortype": name,
        "x-amzn-requestid": request_id,
    }
    return status, headers, msgspec.json.encode({"message": err.message})
