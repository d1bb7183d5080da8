"""``headstart audit``: its command line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headstart.cli.failures import fail, tell

if TYPE_CHECKING:
    from headstart.audit.findings import Audit
    from headstart.audit.options import Options

BELOW = 1
"""Exit status when the hit rate is below ``--fail-below``."""
_SHOWN = 20


def _print_schema(wanted: bool) -> None:
    if wanted:
        import json

        from headstart.cli.audit.document import schema

        typer.echo(json.dumps(schema(), indent=1))
        raise typer.Exit


def audit(
    logs: Annotated[
        list[str],
        typer.Argument(
            metavar="LOGS…",
            help="Files, folders, glob patterns; - is standard input. Also .gz and .zst.",
        ),
    ],
    form: Annotated[
        str | None,
        typer.Option("--format", metavar="NAME", help="What the logs are.", show_default="seen"),
    ] = None,
    provider: Annotated[
        str, typer.Option(help="Whose cache it was, where a log does not say.")
    ] = "anthropic",
    model: Annotated[
        str, typer.Option(help="Which model it was, where a log does not say.")
    ] = "claude-opus-5-5",
    gap: Annotated[
        float, typer.Option(min=0, help="Seconds between requests of a log without times.")
    ] = 15.0,
    at: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            help="Rules and prices of that day.",
            show_default="the log's last day",
        ),
    ] = None,
    prices: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Your own prices, in TOML.")
    ] = None,
    compare: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PROVIDER/MODEL",
            help="Another model to reckon the traffic with; may be repeated.",
            show_default="some current ones",
        ),
    ] = None,
    kv_model: Annotated[
        str, typer.Option(help="An open model: whose memory the capacity curve is about.")
    ] = "llama-3.1-8b",
    json_file: Annotated[
        str | None, typer.Option("--json", metavar="FILE|-", help="Write JSON; - prints it alone.")
    ] = None,
    html_file: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a page with pictures.")
    ] = None,
    write: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write what to do: headstart.toml, prompt-changes.md, test_prompt_cache.py.",
        ),
    ] = None,
    app: Annotated[
        str, typer.Option(metavar="MODULE:FUNCTION", help="What the written test runs.")
    ] = "",
    fail_below: Annotated[
        str | None,
        typer.Option(metavar="RATE", help="Exit with 1 below this token hit rate: 0.8 or 80%."),
    ] = None,
    json_schema: Annotated[
        bool,
        typer.Option(
            "--json-schema",
            callback=_print_schema,
            is_eager=True,
            help="Print the schema of --json.",
        ),
    ] = False,
) -> None:
    """What request logs say of the prompt cache: what it does, what it could do, which bytes
    are to blame, and what to change. Needs no server and no key.

    Exit status 0; 1: below --fail-below; 2: bad usage, or no request in the logs.
    """
    from headstart.cli.audit.given import check_outputs, options_of, rate

    with _one_line():
        least = rate(fail_below)
        options = options_of(form, provider, model, gap, at, prices, compare, kv_model)
        check_outputs(logs, json_file, html_file, write, app)
        found = _audited(logs, options)
        if not found.now.total.requests:
            raise _nothing(found)
        _tell(found, json_file, html_file)
        if write is not None:
            from headstart.cli.audit.remedy import write_all

            for path in write_all(found, write, app):
                tell(f"wrote {path}")
    if least is not None and found.now.total.hit_rate < least:
        tell(f"token hit rate {found.now.total.hit_rate:.1%}, below {least:.1%}")
        raise typer.Exit(BELOW)


@contextmanager
def _one_line() -> Iterator[None]:
    """What a user can do something about ends the command with one line."""
    from headstart.audit.importers import NoLogs, UnknownFormat

    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "plotly":
            raise
        raise fail("plotly is not installed: pip install 'headstart[sim]'") from None
    except (NoLogs, UnknownFormat) as error:
        raise fail(str(error)) from None
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        raise fail(f"{place}{error.strerror or error}") from None


def _audited(logs: list[str], options: Options) -> Audit:
    from headstart.audit.audit import audit as audited
    from headstart.cli.audit.progress import shown

    with shown() as progress:
        return audited(logs, options, progress)


def _tell(found: Audit, json_file: str | None, html_file: Path | None) -> None:
    """In the terminal, unless JSON goes there; and in files."""
    from headstart.cli.audit.document import as_json
    from headstart.cli.audit.terminal import show

    if json_file == "-":
        typer.echo(as_json(found))
    else:
        show(found)
    if json_file not in (None, "-"):
        Path(json_file).write_text(as_json(found) + "\n", "utf-8")
    if html_file is not None:
        from headstart.cli.audit.page import render

        html_file.write_text(render(found), "utf-8")


def _nothing(found: Audit) -> typer.Exit:
    """Why, by file; raise what this returns."""
    from headstart.cli.words import visible

    for source in found.sources[:_SHOWN]:
        why = "; ".join(source.notes) or "nothing in it"
        tell(visible(f"{source.path}: {why}"))
    return fail("no request was found in these logs")
