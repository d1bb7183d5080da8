"""Complaints worded and located as the Messages API does."""

from __future__ import annotations

from headstart.dialects.base import DialectError
from headstart.dialects.body import Path, Problem


def dotted(path: Path) -> str:
    """``messages.0.content.1``."""
    return ".".join(str(step) for step in path)


def complain(path: Path, problem: Problem, text: str) -> DialectError:
    """``messages.0.content.1: text``, whatever the kind of problem."""
    return invalid(f"{dotted(path)}: {text}", param=dotted(path))


def invalid(message: str, param: str | None = None) -> DialectError:
    """A 400 with this very message."""
    return DialectError(400, "invalid_request_error", message, param)
