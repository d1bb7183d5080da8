"""A ledger, and who looks at it, around a server's life."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from headstart.cli.failures import fail

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from headstart.ledger import Ledger
    from headstart.server import Settings

LEDGER = "headstart-ledger.db"
"""Where requests are recorded that upstreams may have answered, unless the settings say."""
OFF = "off"


@contextmanager
def recording(address: str | None) -> Iterator[Ledger | None]:
    """An open ledger while the block runs; None for "off" and for no address. Ends the
    command for one that cannot be used."""
    if address in (None, OFF):
        yield None
        return
    from headstart.ledger import Ledger, LedgerError

    try:
        ledger = Ledger.open(address)
    except LedgerError as error:
        raise fail(str(error)) from None
    try:
        yield ledger
    finally:
        ledger.close()


@contextmanager
def watching(
    settings: Settings, address: str | None, registry: CollectorRegistry
) -> Iterator[None]:
    """Alarms about that ledger while the block runs."""
    watch = None
    if address not in (None, OFF):
        from headstart.server.alerting import watch_of

        try:
            watch = watch_of(settings.alerts, address, registry)
        except ValueError as error:
            raise fail(f"alerts: {error}") from None
    if watch is not None:
        watch.start()
    try:
        yield
    finally:
        if watch is not None:
            watch.stop()
