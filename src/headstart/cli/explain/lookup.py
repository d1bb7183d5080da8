"""One request by its id: at a server that had it, or in a ledger."""

from __future__ import annotations

import http.client
import json
from datetime import UTC, datetime
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import Request, urlopen

from headstart.cli.failures import fail
from headstart.explain import advice, explain_kept, rendered
from headstart.providers import UnknownProvider, rules_for
from headstart.usage import MissReason

_SECONDS = 30.0
_MOST_BYTES = 64 << 20


def at_server(url: str, key: str | None, request_id: str) -> dict[str, Any]:
    """What a server says of a request, in the shape of ``Explanation.facts``."""
    if urlsplit(url).scheme not in ("http", "https"):
        raise fail(f"--server {url}: not an http:// or https:// address")
    path = f"{url.rstrip('/')}/_headstart/requests/{quote(request_id, safe='')}"
    try:
        request = Request(path, headers={"x-api-key": key} if key else {})
        with urlopen(request, timeout=_SECONDS) as answer:
            found = json.loads(answer.read(_MOST_BYTES))
    except HTTPError as error:
        with error:
            raise fail(f"{request_id}: {_message(error)}") from None
    except (URLError, OSError, http.client.HTTPException) as error:
        raise fail(f"cannot reach {url}: {getattr(error, 'reason', error)}") from None
    except (ValueError, RecursionError):
        raise fail(f"{url} gave no JSON") from None
    return _checked(url, found)


def in_ledger(address: str | None, request_id: str) -> dict[str, Any]:
    """What a ledger has of a request."""
    from headstart.ledger import DEFAULT, LedgerError, Reader

    where = address or DEFAULT
    try:
        with Reader.open(where) as reader:
            record = reader.find(request_id)
            before = reader.find(record.against) if record and record.against else None
    except LedgerError as error:
        hint = "" if address else " (--server URL asks a running server, --ledger another ledger)"
        raise fail(f"{request_id} is no file, and {error}{hint}") from None
    if record is None:
        raise fail(f"{request_id}: no such request in {where}, and no such file")
    return {"id": record.id, **explain_kept(record, before).facts()}


def _checked(url: str, found: Any) -> dict[str, Any]:
    """With a remedy, if it has none; only what ``rendered`` can show."""
    try:
        clean: dict[str, Any] = {name: _printable(value) for name, value in found.items()}
        reason = MissReason(clean["reason"]) if clean.get("reason") else None
        if not clean.get("remedy") or reason is None:
            clean["remedy"] = _advised(clean, reason)
        rendered(clean)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise fail(f"{url} gave something else than a request ({error!r})") from None
    return clean


def _advised(found: dict[str, Any], reason: MissReason | None) -> str:
    try:
        today = datetime.now(UTC).date()
        rules, _ = rules_for(found["provider"], found["model"], today)
    except UnknownProvider:
        return ""
    return advice(reason, rules, found["model"])


def _printable(value: Any) -> Any:
    """Text without what would move the cursor."""
    if isinstance(value, list):
        return [_printable(item) for item in value]
    if not isinstance(value, str):
        return value
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in value)


def _message(error: HTTPError) -> str:
    try:
        return str(_printable(str(json.loads(error.read(_MOST_BYTES))["error"]["message"])))
    except (OSError, ValueError, KeyError, TypeError, RecursionError, http.client.HTTPException):
        return f"status {error.code}"
