"""The ``headstart`` command."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from headstart import __version__
from headstart.cli.audit import audit
from headstart.cli.cache import cache
from headstart.cli.demo import demo
from headstart.cli.emulate import emulate
from headstart.cli.explain import explain
from headstart.cli.gateway import gateway
from headstart.cli.lint import lint
from headstart.cli.price import price
from headstart.cli.report import report
from headstart.cli.run import run
from headstart.cli.serve import serve
from headstart.cli.simulate import simulate
from headstart.cli.warm import warm

INTERRUPTED = 130
"""Exit status of a program that Ctrl-C ended, as shells have it."""

app = typer.Typer(
    help="Headstart: a prompt prefix that has been processed once is never paid for again.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"headstart {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print it."),
    ] = False,
) -> None:
    """Options that belong to no command."""


app.command()(serve)
app.command()(gateway)
app.command()(run)
app.add_typer(demo, name="demo")
app.command()(emulate)
app.command()(explain)
app.command()(audit)
app.command()(lint)
app.command()(report)
app.command()(simulate)
app.command()(warm)
app.add_typer(cache, name="cache")
app.add_typer(price, name="price")


def main() -> None:
    """The entry point: runs a command, turns Ctrl-C into its exit status."""
    try:
        sys.exit(app(standalone_mode=True))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
