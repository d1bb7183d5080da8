"""The demo's command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headstart.cli.demo.hosted import hosted

NOTHING_READ = 1

demo = typer.Typer(invoke_without_command=True)
demo.command()(hosted)


@demo.callback()
def local(
    context: typer.Context,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the server running on --port afterwards.")
    ] = False,
    port: Annotated[
        int | None,
        typer.Option(help="Port to bind.", show_default="a free one; with --keep, 8080"),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="Model directory or hub id.", show_default="built-in smollm2-135m"),
    ] = None,
    cache_memory: Annotated[
        str | None, typer.Option(help="Memory for all KV.", show_default="2GiB")
    ] = None,
    exact: Annotated[
        bool | None,
        typer.Option("--exact/--no-exact", help="A hit equals a miss bit for bit."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="TOML file.", show_default="headstart.toml, where it exists"
        ),
    ] = None,
) -> None:
    """Ask a real model about a long text through the real SDKs, and show what was reused.

    Ends with status 1 if nothing was read from the cache.
    """
    overrides = {
        "port": port if port is not None or keep else 0,
        "model": model,
        "cache_memory": cache_memory,
        "exact": exact,
    }
    if context.invoked_subcommand is not None:
        if keep or config or any(value is not None for value in (port, model, cache_memory, exact)):
            context.fail("options before `hosted` are those of the local demo")
        return

    from rich.console import Console

    from headstart.cli.failures import one_line
    from headstart.cli.startup import banner, serving
    from headstart.server import load_settings, serve_until_signal
    from headstart.server.logs import configure

    console = Console(highlight=False)
    with one_line():
        from headstart.cli.demo.report import print_report
        from headstart.cli.demo.traffic import run_traffic

        settings = load_settings(overrides, config)
        key = next((key.get_secret_value() for key in settings.api_keys.values()), "any-key")
        with serving(settings, console.print) as (engine, server):
            asked = run_traffic(console, server.url, key, engine.info.id)
            print_report(console, asked, engine.info)
            if not any(request.usage.read for request in asked):
                console.print("[bold red]Nothing was read from the cache.")
                raise typer.Exit(NOTHING_READ)
            if keep:
                configure(settings.log_format)
                typer.echo(banner(engine, server, settings))
                typer.echo("  stop     Ctrl-C")
                serve_until_signal(server, engine, settings.grace)
