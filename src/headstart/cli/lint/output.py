"""Findings for people, for programs, and as annotations of a build; nothing in them is obeyed."""

from __future__ import annotations

import html
import json
import sys
from abc import ABC, abstractmethod
from typing import Any

import typer

from headstart.audit.lint import Finding, Outcome, Problem
from headstart.cli.words import visible

VERSION = 1
"""Of the JSON."""


class Writer(ABC):
    """Writes outcomes as they come."""

    @abstractmethod
    def add(self, outcome: Outcome) -> None:
        """One file's."""

    @abstractmethod
    def end(self) -> None:
        """There are no more."""


def writer(form: str) -> Writer:
    """By the name of a format."""
    made: dict[str, type[Writer]] = {"json": JsonWriter, "github": GithubWriter}
    return made[form]() if form in made else TextWriter()


class TextWriter(Writer):
    """For a terminal, in colours, or for a file; problems go to stderr."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(highlight=False, soft_wrap=True, emoji=False)
        self._files = self._found = self._fixed = self._fixable = 0

    def add(self, outcome: Outcome) -> None:
        self._files += 1
        self._fixed += outcome.fixed
        for finding in outcome.findings:
            self._found += 1
            self._fixable += bool(finding.edits)
            self._show(finding)
        for problem in outcome.problems:
            sys.stderr.write(f"{_told(problem)}\n")

    def end(self) -> None:
        if self._fixed:
            self._console.print(f"{self._fixed} fixed")
        if not self._found:
            self._console.print("nothing found" if self._files else "no files")
            return
        more = f", {self._fixable} of them with --fix" if self._fixable else ""
        self._console.print(f"{self._found} found{more}")

    def _show(self, finding: Finding) -> None:
        from rich.text import Text

        about, place = finding.about, finding.place
        colour = "red" if about.severity == "error" else "yellow"
        times = f" ({finding.times} times)" if finding.times > 1 else ""
        self._console.print(
            Text.assemble(
                (visible(f"{finding.path}:{place.line}:{place.column}: "), "bold"),
                (finding.code, f"bold {colour}"),
                visible(f" {finding.message} [{finding.where}]{times}"),
            )
        )
        lines = [about.reason, f"Do: {finding.advice}", *_money(finding)]
        for line in lines:
            self._console.print(Text(f"    {visible(line)}", style="dim"))


class JsonWriter(Writer):
    """One object on stdout, also where nothing was found."""

    def __init__(self) -> None:
        self._findings: list[dict[str, Any]] = []
        self._problems: list[dict[str, Any]] = []
        self._files = self._fixed = 0

    def add(self, outcome: Outcome) -> None:
        self._files += 1
        self._fixed += outcome.fixed
        self._findings += [finding.facts() for finding in outcome.findings]
        self._problems += [problem._asdict() for problem in outcome.problems]

    def end(self) -> None:
        data = {
            "version": VERSION,
            "files": self._files,
            "fixed": self._fixed,
            "findings": self._findings,
            "problems": self._problems,
        }
        text = json.dumps(data, indent=2)  # ASCII alone: controls are escapes
        for character in "<>&":
            text = text.replace(character, f"\\u{ord(character):04x}")
        typer.echo(text)


class GithubWriter(Writer):
    """Workflow commands, which GitHub shows beside the lines of a change."""

    def add(self, outcome: Outcome) -> None:
        for finding in outcome.findings:
            about, place = finding.about, finding.place
            said = (f"{finding.message}.", about.reason, f"Do: {finding.advice}")
            text = " ".join((*said, *_money(finding)))
            at = {
                "file": finding.path,
                "line": place.line,
                "endLine": place.end_line,
                "col": place.column,
                "endColumn": place.end_column,
                "title": f"{finding.code} {about.name}",
            }
            typer.echo(f"::{about.severity} {_properties(at)}::{_data(text)}")
        for problem in outcome.problems:
            level = "notice" if problem.skipped else "error"
            at = {"file": problem.path, "line": problem.line or 1}
            typer.echo(f"::{level} {_properties(at)}::{_data(problem.message)}")

    def end(self) -> None:
        """Nothing to sum up."""


def _told(problem: Problem) -> str:
    line = f":{problem.line}" if problem.line else ""
    return visible(f"headstart: {problem.path}{line}: {problem.message}")


def _money(finding: Finding) -> list[str]:
    if not finding.tokens:
        return []
    least = "at least " if finding.path.endswith((".py", ".pyi")) else "about "
    tokens = f"{least}{finding.tokens:,} tokens behind it"
    if finding.usd is None:
        return [tokens]
    bound = "up to " if finding.about.loses == "change" else ""
    return [f"{tokens}: {bound}${finding.usd:,.2f} in 1,000 calls of {finding.model}"]


def _data(text: str) -> str:
    """Escaped as workflow commands have it, and as HTML, which annotations may end up in."""
    shown = html.escape(visible(text), quote=False)
    return shown.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _properties(values: dict[str, Any]) -> str:
    return ",".join(
        f"{name}={_data(str(value)).replace(':', '%3A').replace(',', '%2C')}"
        for name, value in values.items()
    )
