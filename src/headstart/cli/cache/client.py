"""The admin API from a terminal, on the standard library alone."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import Request, urlopen

PATH = "/_headstart/cache"
SECONDS = 600.0
"""How long to wait for an answer: a pin waits for pages on their way to a tier, and a
prompt's line of ``warm`` for its prefill."""


class Unreachable(Exception):
    """No answer that makes sense; the text says from whom."""


class Refused(Exception):
    """The server's answer is an error. ``status`` is that of HTTP."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Client:
    """One server's admin API. Methods raise Unreachable and Refused."""

    def __init__(self, url: str, key: str) -> None:
        """Unreachable if the URL is none."""
        if urlsplit(url).scheme not in ("http", "https"):
            raise Unreachable(f"--url {url}: not an http:// or https:// address")
        self._url = url.rstrip("/")
        self._key = key

    def get(self, path: str, **query: str) -> Any:
        """JSON of a GET; empty values are left out of the query."""
        given = {name: value for name, value in query.items() if value}
        text = "?" + urlencode(given) if given else ""
        return self._json(quote(path) + text, None)

    def post(self, path: str, **body: Any) -> Any:
        """JSON of a POST; None is left out of the body."""
        return self._json(path, {name: v for name, v in body.items() if v is not None})

    def stream(self, path: str, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """JSON lines of a POST, as they come."""
        with self._open(path, body) as response:
            try:
                for line in response:
                    yield json.loads(line)
            except (OSError, ValueError, http.client.HTTPException) as error:
                raise Unreachable(f"{self._url} broke off: {error}") from None

    def _json(self, path: str, body: dict[str, Any] | None) -> Any:
        with self._open(path, body) as response:
            try:
                return json.load(response)
            except (OSError, ValueError, http.client.HTTPException) as error:
                raise Unreachable(f"{self._url} gave no JSON: {error}") from None

    def _open(self, path: str, body: dict[str, Any] | None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"x-api-key": self._key, "content-type": "application/json"}
        request = Request(self._url + PATH + path, data, headers)
        try:
            return urlopen(request, timeout=SECONDS)
        except HTTPError as error:
            with error:
                raise Refused(error.code, _message(error)) from None
        except (URLError, OSError, ValueError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise Unreachable(f"cannot reach {self._url}: {reason}") from None


def _message(error: HTTPError) -> str:
    try:
        told = json.load(error)["error"]
        return str(told["message"])
    except (OSError, ValueError, KeyError, TypeError):
        return f"status {error.code}"
