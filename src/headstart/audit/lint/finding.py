"""One finding of lint, and what can be done about it at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from headstart.audit.lint.codes import CODES, Code


class Place(NamedTuple):
    """Lines and columns, in characters, from 1 on; the end is behind the last character."""

    line: int
    column: int
    end_line: int
    end_column: int


class Edit(NamedTuple):
    """``text`` goes into the file's bytes at ``at``. Edits never take anything away."""

    at: int
    text: bytes


@dataclass(frozen=True, slots=True)
class Finding:
    """One place of one file. Free of prompt text but for short spans that are no secret."""

    code: str
    path: str
    place: Place
    where: str
    """Dotted path in a request, function and argument in a program."""
    message: str
    remedy: str = ""
    """What to do, where it is not what the code says."""
    tokens: int | None = None
    """Input tokens behind it that are lost; of a program at least so many."""
    usd: float | None = None
    """USD that 1,000 calls lose; an upper bound where the code ``loses`` by "change"."""
    model: str | None = None
    """Whose prices."""
    edits: tuple[Edit, ...] = ()
    times: int = 1
    """Bodies of the file that have it in the same place."""

    @property
    def about(self) -> Code:
        """The code's entry in the registry."""
        return CODES[self.code]

    @property
    def advice(self) -> str:
        """What to do."""
        return self.remedy or self.about.remedy

    def facts(self) -> dict[str, Any]:
        """For programs; plain JSON types."""
        about = self.about
        return {
            "code": self.code,
            "name": about.name,
            "severity": about.severity,
            "path": self.path,
            **self.place._asdict(),
            "where": self.where,
            "message": self.message,
            "reason": about.reason,
            "remedy": self.advice,
            "tokens": self.tokens,
            "usd_per_1000_calls": None if self.usd is None else round(self.usd, 6),
            "usd_is_upper_bound": about.loses == "change" if self.usd is not None else None,
            "model": self.model,
            "fixable": bool(self.edits),
            "times": self.times,
        }


class Problem(NamedTuple):
    """What could not be linted, and why, in one line."""

    path: str
    line: int | None
    message: str
    skipped: bool = False
    """Nothing is wrong with it: it merely holds no prompt."""
