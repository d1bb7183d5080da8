"""``headstart run``."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Annotated

import typer

_SPEECH = {
    "ANTHROPIC_BASE_URL": "anthropic",
    "ANTHROPIC_BEDROCK_BASE_URL": "bedrock",
    "ANTHROPIC_VERTEX_BASE_URL": "vertex",
    "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "bedrock",
    "AZURE_OPENAI_ENDPOINT": "azure",
    "GOOGLE_GEMINI_BASE_URL": "gemini",
    "GOOGLE_VERTEX_BASE_URL": "vertex",
    "OPENAI_BASE_URL": "openai",
}
"""Variable to the dialect of who reads it."""


def run(
    command: Annotated[
        list[str], typer.Argument(metavar="-- CMD...", help="The program, and its arguments.")
    ],
    mode: Annotated[
        str | None,
        typer.Option(help="observe, plan, own or off, for every upstream.", show_default="plan"),
    ] = None,
    ledger: Annotated[
        str | None,
        typer.Option(metavar="PATH|URL", help="Also record requests.", show_default="off"),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="TOML file.", show_default="headstart.toml, where it exists"
        ),
    ] = None,
) -> None:
    """Run a program with a gateway before its hosted models; then print its bill.

    The SDKs' base-URL variables are set for that program alone; its credentials pass on.
    """
    import os
    import signal
    import subprocess
    import sys

    from headstart.cli.failures import fail, one_line
    from headstart.ledger import LedgerError
    from headstart.server import load_settings
    from headstart.server.gateway import DEFAULTS, Gateway
    from headstart.server.upstreams import in_mode

    with one_line():
        settings = load_settings({}, config, DEFAULTS)
        try:
            gateway = Gateway(in_mode(settings.upstream, mode), ledger=ledger)
        except (ValueError, LedgerError) as error:
            raise fail(str(error)) from None
        with gateway:
            environment = {**os.environ, **variables(gateway.url, gateway.speeches)}
            # Ctrl-C is the program's to handle; its bill is told all the same.
            before = signal.signal(signal.SIGINT, signal.SIG_IGN)
            try:
                status = subprocess.run(
                    command, env=environment, check=False, preexec_fn=_interruptible
                ).returncode
            except OSError as error:
                raise fail(f"{command[0]}: {error.strerror}") from None
            finally:
                signal.signal(signal.SIGINT, before)
        sys.stderr.write(f"\n{gateway.report()}\n")
    raise typer.Exit(status if status >= 0 else 128 - status)


def variables(url: str, speeches: Collection[str]) -> dict[str, str]:
    """Base URLs for the SDKs whose dialect an upstream speaks, and no proxy in between."""
    from headstart.server.environment import base_urls

    found = {name: base for name, base in base_urls(url).items() if _SPEECH.get(name) in speeches}
    return {**found, "NO_PROXY": "127.0.0.1,localhost"}


def _interruptible() -> None:
    """In the child: Ctrl-C does what it always does."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_DFL)
