"""Requests to a gateway, on the standard library alone."""

from __future__ import annotations

import http.client
import json
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from headstart.cli.warm.bodies import Priming
from headstart.usage import Usage

_ANTHROPIC = "2026-10-21"
"""Of Anthropic's SDK since 2.0, which sends keys as bearer tokens; earlier versions of the API
came with ``x-api-key``."""
_SECONDS = 600.0
_MOST_ANSWER = 16 << 20
_ROUTE = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_HEADER = re.compile(r"[!#-'*+.^_`|~0-9A-Za-z-]+")


class Unreachable(Exception):
    """No answer; the text says from whom."""


class Refused(Exception):
    """The answer is an error; the text says which."""


class _NoRedirect(HTTPRedirectHandler):
    """A credential goes where it was sent, and nowhere else."""

    def redirect_request(self, *_: Any) -> None:
        return None


class Sender:
    """One route of one gateway."""

    def __init__(self, url: str, route: str, key_env: str, headers: Mapping[str, str]) -> None:
        """``key_env`` names the variable with the provider's key; it may be unset.
        ValueError."""
        if urlsplit(url).scheme not in ("http", "https"):
            raise ValueError(f"--server {url}: not an http:// or https:// address")
        if not _ROUTE.fullmatch(route):
            raise ValueError(f"--route {route}: no name of an upstream")
        self._url = url.rstrip("/")
        self._route = route
        self._key = os.environ.get(key_env, "").strip()
        self._headers = headers
        self._opener = build_opener(_NoRedirect)

    def send(self, priming: Priming) -> Usage | None:
        """What it used, if the answer says so. Unreachable, Refused."""
        headers = _spoken_headers(priming.spoken.speech, self._key, self._headers)
        url = f"{self._url}/{self._route}{priming.path}"
        request = Request(url, priming.body, headers)
        try:
            with self._opener.open(request, timeout=_SECONDS) as response:
                kind = response.headers.get("content-type", "")
                answer: bytes = response.read(_MOST_ANSWER)
        except HTTPError as error:
            with error:
                raise Refused(f"{error.code}: {_message(error)}") from None
        except (URLError, OSError, ValueError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise Unreachable(f"cannot reach {self._url}: {reason}") from None
        if kind.startswith(("text/event-stream", "application/vnd.amazon.eventstream")):
            reader = priming.spoken.hosted.usage_reader()
            reader.feed(answer)
            return reader.usage
        return priming.spoken.hosted.usage(answer)


def headers_of(given: Iterable[str], gateway_key: str | None) -> dict[str, str]:
    """``NAME:VALUE`` each; ValueError, which never tells the value."""
    headers = {}
    for pair in given:
        name, colon, value = pair.partition(":")
        if not colon or not _HEADER.fullmatch(name) or not value.isprintable():
            raise ValueError(f"--header {name[:40]}: expected NAME:VALUE")
        headers[name.lower()] = value.strip()
    if gateway_key:
        headers["x-headstart-key"] = gateway_key
    return headers


def _spoken_headers(speech: str, key: str, given: Mapping[str, str]) -> dict[str, str]:
    """Those of the provider's own SDK, under the ones that were given.

    A gateway tells tenants by their credential: it has to come as the application sends it.
    """
    headers = {"content-type": "application/json"}
    name = {"gemini": "x-goog-api-key", "azure": "api-key"}.get(speech, "authorization")
    if speech == "anthropic":
        headers["anthropic-version"] = _ANTHROPIC
        if given.get("anthropic-version", _ANTHROPIC) != _ANTHROPIC:
            name = "x-api-key"
    if key:
        headers[name] = f"Bearer {key}" if name == "authorization" else key
    return {**headers, **given}


def _message(error: HTTPError) -> str:
    """The text that every provider has at the same place, or else the status's own."""
    try:
        return str(json.loads(error.read(1 << 20))["error"]["message"])[:500]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return str(error.reason)
