"""``headstart gateway``."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from headstart.server import Settings

LEDGER = "headstart-ledger.db"


def gateway(
    host: Annotated[
        str | None, typer.Option(help="Address to bind.", show_default="127.0.0.1")
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to bind; 0 takes a free one.", show_default="8080")
    ] = None,
    api_key: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=KEY", help="A tenant and its key; may be repeated."),
    ] = None,
    mode: Annotated[
        str | None,
        typer.Option(help="observe, plan, own or off, for every upstream.", show_default="plan"),
    ] = None,
    ledger: Annotated[
        str | None,
        typer.Option(metavar="PATH|URL", help="Where requests are recorded; 'off': nowhere."),
    ] = LEDGER,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="TOML file.", show_default="headstart.toml, where it exists"
        ),
    ] = None,
) -> None:
    """Stand between applications and their hosted models: plan the providers' caches, and
    account for every token.

    Upstreams are the upstream.NAME tables of the TOML file, or else the providers' own
    addresses, with the clients' own credentials.
    """
    from headstart.cli.failures import one_line
    from headstart.server import load_settings
    from headstart.server.gateway import DEFAULTS

    with one_line():
        given = {"host": host, "port": port, "api_keys": api_key}
        serve_gateway(load_settings(given, config, DEFAULTS), mode, ledger)


def serve_gateway(settings: Settings, mode: str | None, ledger: str | None) -> None:
    """Serve the settings' upstreams until the first signal. ConfigError, BindError."""
    from headstart.cli.failures import fail
    from headstart.ledger import Ledger, LedgerError
    from headstart.server import EmbeddedServer, bind
    from headstart.server.gateway import gateway_of, journal_beside
    from headstart.server.lifecycle import stop_signals
    from headstart.server.logs import configure
    from headstart.server.upstreams import in_mode

    configure(settings.log_format)
    try:
        upstreams = in_mode(settings.upstream, mode)
        kept = None if ledger in (None, "off") else Ledger.open(ledger)
    except (ValueError, LedgerError) as error:
        raise fail(str(error)) from None
    try:
        settings = settings.model_copy(update={"upstream": upstreams})
        sink, journal = kept.record if kept else None, journal_beside(ledger)
        app = gateway_of(settings, sink, journal=journal)
        sock = bind(settings.host, settings.port)
        server = EmbeddedServer(
            app, host=settings.host, sock=sock, grace=settings.grace, lifespan=True
        )
        with stop_signals() as wait, server:
            typer.echo(banner(server.url, upstreams))
            while server.alive and not wait(0.5):
                pass
    finally:
        if kept is not None:
            kept.close()


def banner(url: str, upstreams: Collection[str]) -> str:
    """Where it listens, and what to paste into a shell to use it."""
    from headstart.server.environment import base_urls

    lines = [f"Headstart stands before {', '.join(upstreams)} at {url}", ""]
    lines += [f"export {name}={value}" for name, value in base_urls(url).items()]
    lines += ["", f"any of them by name: {url}/NAME, and metrics: {url}/metrics"]
    return "\n".join(lines)
