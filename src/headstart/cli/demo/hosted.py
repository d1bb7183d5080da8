"""``headstart demo hosted``: the same traffic without a gateway and with one."""

from __future__ import annotations

import typer

NOTHING_SAVED = 1


def hosted() -> None:
    """Send an agent's traffic through the gateway, to emulated providers: no key, no model.

    The same requests go out twice through the providers' own SDKs: straight to the
    provider, then through the gateway. Ends with status 1 if that saved nothing.
    """
    from rich.console import Console

    from headstart.cli.failures import one_line

    console = Console(highlight=False)
    with one_line():
        from headstart.cli.demo.hosted_report import print_hosted, saving
        from headstart.cli.demo.hosted_run import run_both

        before, after = run_both(console)
        print_hosted(console, before, after)
        if saving(before.sent, after.sent) <= 0:
            console.print("[bold red]The gateway saved nothing.")
            raise typer.Exit(NOTHING_SAVED)
