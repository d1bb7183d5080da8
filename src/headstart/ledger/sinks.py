"""Where alarms go: the log, a webhook, Prometheus."""

from __future__ import annotations

import json
import logging
import queue
import threading
import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry, Gauge

from headstart.ledger.alerts import Alert

logger = logging.getLogger("headstart.ledger")

_TRIES = 3
_MOST_WAITING = 64


class Sink(ABC):
    """One place that is told. ``tell`` returns at once and raises nothing."""

    @abstractmethod
    def tell(self, changed: Sequence[Alert], standing: Sequence[Alert]) -> None:
        """Alarms that begin or end, and all that stand now."""

    def close(self) -> None:
        """No more will be told."""
        return


class LogSink(Sink):
    """One line an alarm."""

    def tell(self, changed: Sequence[Alert], standing: Sequence[Alert]) -> None:
        """Write what changed."""
        for alert in changed:
            if alert.raised:
                logger.warning("alert %s: %s", alert.rule, alert.text)
            else:
                logger.info("alert %s is over: %s", alert.rule, alert.text)


class GaugeSink(Sink):
    """``headstart_alert{rule, group}``: 1 while an alarm stands, absent otherwise."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._gauge = Gauge(
            "headstart_alert", "Alarms that stand.", ["rule", "group"], registry=registry
        )

    def tell(self, changed: Sequence[Alert], standing: Sequence[Alert]) -> None:
        """Show what stands."""
        for alert in changed:
            if alert.raised:
                self._gauge.labels(alert.rule, alert.group).set(1)
            else:
                self._gauge.remove(alert.rule, alert.group)


class WebhookSink(Sink):
    """Posts ``{"alerts": [{"rule", "group", "raised", "value", "threshold", "text"}]}``.

    From a thread of its own, three times at most, ``pause`` seconds and then twice as long
    apart; follows no redirect. What finds 64 posts waiting is left out. The address may be a
    secret and is not logged, its host is.
    """

    def __init__(self, url: str, *, timeout: float = 5.0, pause: float = 1.0) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("a webhook's address begins with http:// or https:// and has a host")
        self._url, self._host = url, parts.hostname
        self._timeout, self._pause = timeout, pause
        self._waiting: queue.Queue[bytes | None] = queue.Queue(_MOST_WAITING)
        self._opener = urllib.request.build_opener(_NoRedirect)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="headstart-webhook", daemon=True)
        self._thread.start()

    def tell(self, changed: Sequence[Alert], standing: Sequence[Alert]) -> None:
        """Queue what changed."""
        if not changed:
            return
        body = json.dumps({"alerts": [alert._asdict() for alert in changed]}).encode()
        try:
            self._waiting.put_nowait(body)
        except queue.Full:
            logger.warning("webhook %s: too slow, %d alerts left out", self._host, len(changed))

    def close(self, timeout: float = 5.0) -> None:
        """Post what waits, without pauses between tries, within ``timeout`` seconds."""
        self._over.set()
        try:
            self._waiting.put(None, timeout=timeout)
        except queue.Full:
            return
        self._thread.join(timeout)

    def _run(self) -> None:
        while (body := self._waiting.get()) is not None:
            self._post(body)

    def _post(self, body: bytes) -> None:
        headers = {"content-type": "application/json"}
        for attempt in range(_TRIES):
            request = urllib.request.Request(self._url, body, headers)
            try:
                with self._opener.open(request, timeout=self._timeout):
                    return
            except Exception as error:
                # An error's text may quote the address.
                failure = getattr(error, "code", None) or type(error).__name__
            if attempt + 1 < _TRIES:
                self._over.wait(self._pause * 2**attempt)
        logger.warning("webhook %s: %s", self._host, failure)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """A redirect would repeat the post as a GET, to an address nobody chose."""
        return
