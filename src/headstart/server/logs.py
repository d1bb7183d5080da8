"""One log line a request: JSON for machines, short text for a terminal. Never any prompt."""

from __future__ import annotations

import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from headstart.server.record import Record

_logger = logging.getLogger("headstart.server")
FIELDS = "headstart_fields"
"""Name of the ``extra`` of a log call that holds an event's own fields."""


def log_request(record: Record) -> None:
    """Write the line of a request that is over."""
    level = logging.ERROR if record.fault else logging.INFO
    _logger.log(level, "request", extra={FIELDS: _request_fields(record)})


def configure(style: Literal["auto", "json", "text"] = "auto") -> None:
    """Send the server's log lines, and the HTTP stack's warnings, to stderr.

    ``auto`` writes text to a terminal and JSON elsewhere. For programs: a library that
    embeds the server sets up its own logging.
    """
    text = style == "text" or (style == "auto" and sys.stderr.isatty())
    handler = logging.StreamHandler()
    handler.setFormatter(TextFormatter() if text else JsonFormatter())
    for name, level in (("headstart", logging.INFO), ("uvicorn", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.setLevel(level)
        logger.propagate = False


def fault_of(error: BaseException) -> str:
    """A fault's type and place. Not its text: that may quote the client's."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"


class JsonFormatter(logging.Formatter):
    """``time``, ``level``, ``event`` and the event's fields, as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        line.update(_fields_of(record))
        return msgspec.json.encode(line).decode()


class TextFormatter(logging.Formatter):
    """The same for people, without the fields that are empty."""

    def format(self, record: logging.LogRecord) -> str:
        clock = datetime.fromtimestamp(record.created).strftime("%H:%M:%S")
        shown = [
            f"{name}={value}" for name, value in _fields_of(record).items() if value is not None
        ]
        return " ".join([clock, record.levelname.lower(), record.getMessage(), *shown])


def _fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """An event's own fields; of an exception its place, never its text."""
    fields = dict(getattr(record, FIELDS, {}))
    if record.exc_info and record.exc_info[1]:
        fields["fault"] = fault_of(record.exc_info[1])
    return fields


def _request_fields(record: Record) -> dict[str, Any]:
    usage = record.usage
    return {
        "request_id": record.request_id,
        "tenant": record.tenant,
        "dialect": record.dialect,
        "model": record.model,
        "stream": record.stream,
        "status": record.status,
        "prompt_tokens": usage.input if usage else None,
        "read": usage.read if usage else None,
        "written": usage.written if usage else None,
        "output_tokens": usage.output if usage else None,
        "ttft_ms": None if record.ttft is None else round(record.ttft * 1000, 1),
        "total_ms": round(record.elapsed * 1000, 1),
        "fault": record.fault,
    }
