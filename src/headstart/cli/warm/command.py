"""``headstart warm``: its command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headstart.cli.failures import fail, one_line

NOT_ALL = 1
"""Exit status where a line was not written."""
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def warm(
    file: Annotated[
        Path,
        typer.Argument(
            help='JSON lines: request bodies as the provider takes them, or {"path": ..., '
            '"body": ...}.',
        ),
    ],
    route: Annotated[str, typer.Option(help="The gateway's name for the upstream.")],
    server: Annotated[
        str, typer.Option(envvar="HEADSTART_URL", metavar="URL", help="The gateway.")
    ] = "http://127.0.0.1:8080",
    provider: Annotated[
        str | None,
        typer.Option(help="Whose cache and prices.", show_default="the route, or the model's"),
    ] = None,
    ttl: Annotated[
        str | None,
        typer.Option(
            help="How long it is kept: 5m, 1h ... as the provider offers it.",
            show_default="the provider's shortest",
        ),
    ] = None,
    key_env: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The variable with the provider's key, where the gateway passes it on.",
            show_default="ROUTE_API_KEY",
        ),
    ] = None,
    gateway_key: Annotated[
        str | None,
        typer.Option(envvar="HEADSTART_KEY", help="The gateway's own key, where it has keys."),
    ] = None,
    header: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME:VALUE", help="Sent with each request; may be repeated."),
    ] = None,
) -> None:
    """Write prompts to a provider's cache through a running gateway, at the least output.

    A body without cache directives gets two: behind its tools and system text, and at its
    end. The output is cut to the least that is legal: none at Anthropic, where it can be. A
    request that can't be cut without another cache key, or whose tools would run at the
    provider, is not sent. Ends with status 1 if a line was not written.
    """
    with one_line():
        from headstart.cli.warm.bodies import Target
        from headstart.cli.warm.lines import warm_lines
        from headstart.cli.warm.sending import Sender, Unreachable, headers_of
        from headstart.providers import providers

        if provider is not None and provider not in providers():
            raise fail(f"--provider {provider}: unknown (known: {', '.join(providers())})")
        if provider is None and route in providers():
            provider = route
        try:
            target = Target(route, provider, None if ttl is None else seconds(ttl))
            extra = headers_of(header or [], gateway_key)
            sender = Sender(server, route, key_env or f"{_variable(route)}_API_KEY", extra)
        except ValueError as error:
            raise fail(str(error)) from None
        try:
            whole = warm_lines(file, target, sender)
        except Unreachable as error:
            raise fail(str(error)) from None
        except OSError as error:
            raise fail(f"{file}: {error.strerror or error}") from None
    if not whole:
        raise typer.Exit(NOT_ALL)


def seconds(text: str) -> float:
    """Of ``5m`` or ``1h``; ValueError."""
    number, unit = text[:-1], text[-1:]
    if not (number.isdecimal() and number.isascii() and len(number) < 6 and unit in _UNITS):
        raise ValueError(f"--ttl {text}: expected a number and s, m or h, as in 5m")
    return int(number) * _UNITS[unit]


def _variable(route: str) -> str:
    return route.upper().replace("-", "_")
