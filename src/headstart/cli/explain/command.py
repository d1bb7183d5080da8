"""``headstart explain``: what it takes, and who answers it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from headstart.cli.failures import fail

_SUFFIXES = (".json", ".jsonl", ".ndjson")


def explain(
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="FILES | REQUEST_ID",
            help="Request bodies in the order they were sent, a .jsonl file of them, or the id "
            "of a request.",
        ),
    ],
    dialect: Annotated[
        str | None,
        typer.Option(help="The wire format of the bodies.", show_default="by their fields"),
    ] = None,
    provider: Annotated[
        str | None,
        typer.Option(help="Whose cache.", show_default="all that take the dialect"),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="Instead of the bodies'.")
    ] = None,
    at: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], help="Rules and prices of that day.", show_default="today"
        ),
    ] = None,
    after: Annotated[
        float, typer.Option(min=0, help="Seconds from each request to the next.")
    ] = 60.0,
    server: Annotated[
        str | None,
        typer.Option(metavar="URL", help="The emulating server or gateway that had the request."),
    ] = None,
    admin_key: Annotated[
        str | None,
        typer.Option("--admin-key", envvar="HEADSTART_ADMIN_KEY", help="That server's admin key."),
    ] = None,
    ledger: Annotated[
        str | None,
        typer.Option(
            metavar="PATH|URL",
            envvar="HEADSTART_LEDGER",
            help="The ledger that has the request.",
            show_default="./headstart-ledger.db",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> None:
    """Why a request did not read more from the prompt cache, and what to change.

    Where it parts from the one before it, to the character; the reason by the provider's
    rules; tokens and money lost. Of many requests, each is explained against the nearest
    earlier one.
    """
    if server is not None or not _are_files(what):
        from headstart.cli.explain.lookup import at_server, in_ledger

        if len(what) != 1:
            raise fail(f"{what[1]}: one request id at a time")
        facts = at_server(server, admin_key, what[0]) if server else in_ledger(ledger, what[0])
        return _show([facts], {"requests": [facts]}, as_json)
    from headstart.cli.explain.bodies import read_bodies
    from headstart.cli.explain.runs import pair, series

    bodies = read_bodies([Path(name) for name in what], dialect, provider, model)
    day = (at or datetime.now(UTC)).date()
    if len(bodies) < 2:
        raise fail(f"{what[0]}: one request alone; give the one that was sent before it, first")
    if len(what) == len(bodies) == 2:
        found = pair(bodies, provider, day, after)
        return _show(found, {"requests": found}, as_json)
    rows, totals = series(bodies, provider, day, after)
    if as_json:
        return _show([], {"requests": rows, "totals": totals}, True)
    from headstart.cli.explain.tables import show_series

    show_series(rows, totals)
    return None


def _are_files(what: list[str]) -> bool:
    """Not a request's id. A path that is not there is one all the same."""
    return len(what) > 1 or what[0].endswith(_SUFFIXES) or "/" in what[0] or Path(what[0]).exists()


def _show(found: list[dict[str, Any]], data: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(data, indent=2))
        return
    from headstart.explain import rendered

    shown: set[str | None] = set()
    texts = []
    for facts in found:
        texts.append(rendered(facts, diff=facts.get("diff") not in shown))
        shown.add(facts.get("diff"))
    typer.echo("\n\n".join(texts))
