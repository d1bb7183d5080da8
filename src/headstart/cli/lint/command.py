"""``headstart lint``: its command line."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from headstart.cli.failures import CANNOT, fail

FOUND = 1
"""Exit status when something was found; 2 if something could not be read as well."""


class Format(StrEnum):
    """What findings are written as."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


def lint(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILES…",
            help="Requests (JSON, JSONL), prompts and templates (text), Python source; of a "
            "folder, all that it holds of these.",
        ),
    ],
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help="Its rules, tokens and prices, instead of the bodies'."),
    ] = None,
    fix: Annotated[
        bool, typer.Option("--fix", help="Mend in Python source what can be mended safely.")
    ] = False,
    form: Annotated[
        Format, typer.Option("--format", help="What to write findings as.")
    ] = Format.TEXT,
    select: Annotated[
        list[str] | None,
        typer.Option(metavar="CODES", help="Only these: HS001, HS04 (all that begin so)."),
    ] = None,
    ignore: Annotated[
        list[str] | None, typer.Option(metavar="CODES", help="All but these.")
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(metavar="GLOB", help="Files and folders to leave out.")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="The TOML file with a table \\[tool.headstart.lint].",
            show_default="the nearest pyproject.toml",
        ),
    ] = None,
    at: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], help="Rules and prices of that day.", show_default="today"
        ),
    ] = None,
) -> None:
    """What will keep a prompt cache from being read: in requests, templates and programs.

    Exit status 0: nothing found. 1: something was. 2: something could not be read.
    """
    from headstart.audit.lint import BadConfig, Linter, UnknownModel, configured, load
    from headstart.cli.lint.output import writer

    try:
        source, table = load(Path(), config)
        settings = configured(
            table,
            (at or datetime.now(UTC)).date(),
            source=source,
            select=select or (),
            ignore=ignore or (),
            exclude=exclude or (),
            model=model,
        )
        linter = Linter(settings)
    except (BadConfig, UnknownModel) as error:
        raise fail(str(error)) from None
    out = writer(form.value)
    found = unread = False
    for outcome in linter.lint(files, fix=fix):
        out.add(outcome)
        found = found or bool(outcome.findings)
        unread = unread or any(not one.skipped for one in outcome.problems)
    out.end()
    if unread:
        raise typer.Exit(CANNOT)
    if found:
        raise typer.Exit(FOUND)
