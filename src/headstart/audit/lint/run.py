"""Linting files, one after the other: what each holds, and what of that is to be reported."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from headstart.audit.lint.bodies import bodies
from headstart.audit.lint.config import Config
from headstart.audit.lint.files import File, Unreadable, gather, read
from headstart.audit.lint.finding import Finding, Problem
from headstart.audit.lint.fix import CannotWrite, fixed, write
from headstart.audit.lint.ignores import BadSidecar, Ignores, in_python, in_sidecar, in_text
from headstart.audit.lint.money import Model
from headstart.audit.lint.pairs import Pairs
from headstart.audit.lint.python import NotPython, lint_python
from headstart.audit.lint.requests import Requests
from headstart.audit.lint.template import lint_template

_MOST_ROUNDS: Final = 10
_MOST_PROBLEMS: Final = 20
"""Of one file: a file of another kind would give one for each line."""


@dataclass
class Outcome:
    """Of one file."""

    path: str
    findings: list[Finding] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    fixed: int = 0


class Linter:
    """Lints the files of one run; requests are compared across them."""

    def __init__(self, config: Config) -> None:
        """UnknownModel."""
        self._config = config
        self._model = Model.of_name(config.model, config.at) if config.model else None
        self._pairs = Pairs()

    def lint(self, paths: Sequence[Path], *, fix: bool = False) -> Iterator[Outcome]:
        """One outcome a file, in order; nothing in a file ends the run."""
        exclude = self._config.exclude
        for found in gather(paths, exclude):
            if isinstance(found, Problem):
                yield Outcome(found.path, problems=[found])
                continue
            yield self._file(found, fix)

    def _file(self, file: File, fix: bool) -> Outcome:
        outcome = Outcome(str(file.path))
        try:
            data = read(file)
            if file.language == "python":
                self._python(file, data, outcome, fix)
            elif file.language == "text":
                text = data.decode("utf-8-sig")
                found = lint_template(outcome.path, data, self._model)
                self._keep(outcome, found, in_text(text), file)
            else:
                self._requests(file, data, outcome)
        except (Unreadable, BadSidecar, NotPython, CannotWrite) as error:
            outcome.problems.append(Problem(outcome.path, None, str(error)))
        if not file.named:
            outcome.problems = [one for one in outcome.problems if not one.skipped]
        return outcome

    def _python(self, file: File, data: bytes, outcome: Outcome, fix: bool) -> None:
        before = data
        for _ in range(_MOST_ROUNDS):
            outcome.findings = []
            found = lint_python(outcome.path, data, self._model)
            ignores = in_python(data.decode("utf-8-sig")) if found else Ignores()
            self._keep(outcome, found, ignores, file)
            if not fix:
                break
            data, count = fixed(data, outcome.findings)
            outcome.fixed += count
            if not count:
                break
        if data != before:
            write(file.path, before, data)

    def _requests(self, file: File, data: bytes, outcome: Outcome) -> None:
        reader = Requests(outcome.path, data, self._config.model, self._config.at)
        found: dict[tuple[str, str], Finding] = {}
        for body in bodies(outcome.path, data, file.language):
            if isinstance(body, Problem):
                outcome.problems.append(body)
            else:
                request = reader.lint(body)
                if isinstance(request, str):
                    line = data.count(b"\n", 0, body.start) + 1
                    outcome.problems.append(Problem(outcome.path, line, request))
                else:
                    more = self._pairs.lint(request.dialect, request.layout, request.maker)
                    _count(found, (*request.findings, *more))
            if len(outcome.problems) >= _MOST_PROBLEMS:
                outcome.problems.append(Problem(outcome.path, None, "no further lines are read"))
                break
        self._keep(outcome, list(found.values()), in_sidecar(file.path), file)

    def _keep(
        self, outcome: Outcome, found: Sequence[Finding], ignores: Ignores, file: File
    ) -> None:
        outcome.findings += [
            finding
            for finding in found
            if self._config.reports(finding.code, file.path) and not ignores.hides(finding)
        ]


def _count(found: dict[tuple[str, str], Finding], more: Sequence[Finding]) -> None:
    """Each code once a place; bodies that repeat it are counted."""
    for finding in more:
        key = (finding.code, finding.where)
        first = found.get(key)
        if first is None:
            found[key] = finding
        elif finding.place.line != first.place.line:
            found[key] = replace(first, times=first.times + 1)
