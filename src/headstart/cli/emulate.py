"""``headstart emulate``."""

from __future__ import annotations

from datetime import datetime
from math import inf
from typing import Annotated

import typer


def emulate(
    host: Annotated[str, typer.Option(help="Address to bind.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to bind; 0 takes a free one.")] = 8090,
    provider: Annotated[
        str,
        typer.Option(
            help="Whose cache /v1/chat/completions has; auto goes by the model's name.",
        ),
    ] = "auto",
    at: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], help="Rules and prices as of this day.", show_default="today"
        ),
    ] = None,
    knob: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Replace a field of the rules; may be repeated."),
    ] = None,
    seconds_per_1k: Annotated[
        float, typer.Option(help="Delay for each 1,000 tokens that are not read.")
    ] = 0.0,
    limit: Annotated[int, typer.Option(help="Requests that the journal keeps.")] = 10_000,
) -> None:
    """Serve the providers' APIs with their prompt caches, and no model.

    Point an application at it and see what its provider would read, write and charge. It
    conforms to the providers' documentation, not to their machines.
    """
    from headstart.cli.failures import fail, one_line
    from headstart.providers import providers
    from headstart.server import EmbeddedServer, bind
    from headstart.server.emulate import (
        State,
        create_emulator,
        emulated_accounts,
        parse_knobs,
    )
    from headstart.server.lifecycle import stop_signals

    if provider not in ("auto", *providers()):
        raise fail(f"--provider {provider}: unknown (known: auto, {', '.join(providers())})")
    if limit < 1:
        raise fail(f"--limit takes a number from 1 on, not {limit}")
    if not 0 <= seconds_per_1k < inf:
        raise fail(f"--seconds-per-1k takes a number from 0 on, not {seconds_per_1k}")
    if not 0 <= port <= 65_535:
        raise fail(f"--port takes a number from 0 to 65535, not {port}")
    try:
        accounts = emulated_accounts(at.date() if at else None, parse_knobs(knob or []))
    except ValueError as error:
        raise fail(f"--knob: {error}") from None
    state = State(accounts, provider=provider, seconds_per_1k=seconds_per_1k)
    state.journal.limit = limit
    with one_line():
        sock = bind(host, port)
        with (
            stop_signals() as wait,
            EmbeddedServer(create_emulator(state), host=host, sock=sock, grace=1.0) as server,
        ):
            typer.echo(banner(server.url))
            while server.alive and not wait(0.5):
                pass


def banner(url: str) -> str:
    """Where it listens, and what to paste into a shell to use it."""
    from headstart.server.environment import base_urls

    lines = [f"Headstart emulates the providers' prompt caches at {url}", ""]
    lines += [f"export {name}={value}" for name, value in base_urls(url).items()]
    return "\n".join(
        (
            *lines,
            "",
            f"what was read, and why the rest was not:  {url}/_headstart/requests",
            f"move its clock:  curl -X POST {url}/_headstart/clock -d '{{\"advance\": 301}}'",
        )
    )
