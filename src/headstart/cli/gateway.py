"""``headstart gateway``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headstart.cli.recording import LEDGER

if TYPE_CHECKING:
    from headstart.server import Settings


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
        typer.Option(
            metavar="PATH|URL",
            help="Where requests are recorded; 'off': nowhere.",
            show_default=LEDGER,
        ),
    ] = None,
    shared_state: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="valkey://HOST:PORT/DB that this gateway shares with others."
        ),
    ] = None,
    alert_webhook: Annotated[
        str | None, typer.Option(metavar="URL", help="Where alarms are posted to.")
    ] = None,
    alert_spend: Annotated[
        float | None, typer.Option(metavar="USD", help="Raise an alarm at so much an hour.")
    ] = None,
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
    addresses, with the clients' own credentials. Its alerts table has more thresholds.
    """
    from headstart.cli.failures import one_line
    from headstart.server import load_settings
    from headstart.server.gateway import DEFAULTS

    with one_line():
        given = {"host": host, "port": port, "api_keys": api_key, "ledger": ledger}
        given["shared_state"] = shared_state
        settings = load_settings(given, config, DEFAULTS)
        asked = {"webhook": alert_webhook, "spend": alert_spend}
        serve_gateway(alerting(settings, asked), mode)


def alerting(settings: Settings, given: Mapping[str, object]) -> Settings:
    """The settings, with what the command line says of alarms; ConfigError."""
    from pydantic import ValidationError

    from headstart.server import ConfigError

    given = {name: value for name, value in given.items() if value is not None}
    if not given:
        return settings
    table = settings.alerts.model_dump(exclude_unset=True) | given
    try:
        alerts = type(settings.alerts).model_validate(table)
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(f"alerts: {first['loc'][0]}: {first['msg']}") from None
    return settings.model_copy(update={"alerts": alerts})


def serve_gateway(settings: Settings, mode: str | None) -> None:
    """Serve the settings' upstreams until the first signal. ConfigError, BindError."""
    from headstart.cli.failures import fail
    from headstart.cli.recording import recording, watching
    from headstart.server import EmbeddedServer, bind
    from headstart.server.gateway import gateway_of, journal_beside
    from headstart.server.lifecycle import settle_memory, stop_signals
    from headstart.server.logs import configure
    from headstart.server.upstreams import in_mode

    configure(settings.log_format)
    try:
        upstreams = in_mode(settings.upstream, mode)
    except ValueError as error:
        raise fail(str(error)) from None
    ledger = settings.ledger or LEDGER
    settings = settings.model_copy(update={"upstream": upstreams})
    with recording(ledger) as kept:
        sink, journal = kept.record if kept else None, journal_beside(ledger)
        app = gateway_of(settings, sink, journal=journal)
        sock = bind(settings.host, settings.port)
        server = EmbeddedServer(
            app, host=settings.host, sock=sock, grace=settings.grace, lifespan=True
        )
        settle_memory()
        alarms = watching(settings, ledger, app.metrics.registry)
        with alarms, stop_signals() as wait, server:
            typer.echo(banner(server.url, upstreams))
            while server.alive and not wait(0.5):
                pass


def banner(url: str, upstreams: Collection[str]) -> str:
    """Where it listens, and what to paste into a shell to use it."""
    from headstart.server.environment import base_urls

    lines = [f"Headstart stands before {', '.join(upstreams)} at {url}", ""]
    lines += [f"export {name}={value}" for name, value in base_urls(url).items()]
    lines += ["", f"any of them by name: {url}/NAME, and metrics: {url}/metrics"]
    return "\n".join(lines)
