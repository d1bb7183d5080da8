"""The report's command line."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Annotated

import typer

from headstart.cli.failures import fail

_SPAN = re.compile(r"(\d+(?:\.\d+)?)([mhdw])")
_SECONDS = {"m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}


def report(
    since: Annotated[
        str, typer.Option(metavar="7d|12h|30m|2w|DATE|all", help="How far back.")
    ] = "7d",
    until: Annotated[
        str | None, typer.Option(metavar="1d|DATE", help="Up to when.", show_default="now")
    ] = None,
    ledger: Annotated[
        str | None,
        typer.Option(
            metavar="PATH|URL",
            envvar="HEADSTART_LEDGER",
            help="A SQLite file, or postgresql+DRIVER://...",
            show_default="./headstart-ledger.db",
        ),
    ] = None,
    tenant: Annotated[str | None, typer.Option(help="Of one tenant.")] = None,
    route: Annotated[str | None, typer.Option(help="Of one route.")] = None,
    model: Annotated[str | None, typer.Option(help="Of one model.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead.")] = False,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a page with pictures, too.")
    ] = None,
) -> None:
    """Token hit rate, spend and saving of recorded traffic, and what its misses cost.

    Ends with status 2 if there is no such ledger.
    """
    import json

    from rich.console import Console

    from headstart.cli.report.terminal import show
    from headstart.ledger import DEFAULT, LedgerError, Reader, Which, report_of

    now = time.time()
    try:
        which = Which(
            moment(since, now), moment(until, now) if until else now, tenant, route, model
        )
        with Reader.open(ledger or DEFAULT) as reader:
            found = report_of(reader, which)
        if html is not None:
            from headstart.cli.report.page import render

            html.write_text(render(found), "utf-8")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "plotly":
            raise
        raise fail("plotly is not installed: pip install 'headstart[sim]'") from None
    except (LedgerError, OSError, ValueError) as error:
        raise fail(str(error)) from None
    if as_json:
        typer.echo(json.dumps(found.as_json(), indent=1))
    else:
        show(Console(highlight=False), found)


def moment(text: str, now: float) -> float:
    """Unix seconds of ``7d`` (before now), ``2026-11-20`` (UTC), ``2026-11-20T08:00+01:00``
    or ``all``, which is as early as can be; ValueError for anything else."""
    from datetime import UTC, datetime
    from math import inf

    text = text.strip()
    if text == "all":
        return -inf
    if match := _SPAN.fullmatch(text):
        return now - float(match[1]) * _SECONDS[match[2]]
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r}: a time is 30m, 12h, 7d, 2w, 2026-11-20 or all") from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
