"""What a file says is to be left alone: ``# headstart: ignore HS001``, and sidecars for JSON."""

from __future__ import annotations

import io
import re
import tokenize
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from headstart.audit.lint.codes import CODES
from headstart.audit.lint.finding import Finding

SIDECAR: Final = ".headstart.toml"
_MARK: Final = re.compile(r"headstart:\s*ignore\b(?P<codes>(?:[ ,:]+HS\d{3})*)")
_CODE: Final = re.compile(r"HS\d{3}")
_COMMENT: Final = re.compile(r"^\s*(?:#|//|\{#|<!--)\s*headstart:\s*ignore\b[^\n]*$")
_TRAILING: Final = re.compile(r"(?:#|//|\{#|<!--)\s*headstart:\s*ignore\b")
_LAYOUT: Final = (
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
)
EVERY: Final = frozenset(CODES)


class BadSidecar(ValueError):
    """What is wrong with a sidecar file, in one line."""


@dataclass
class Ignores:
    """Codes by where they count."""

    everywhere: set[str] = field(default_factory=set)
    lines: dict[int, set[str]] = field(default_factory=dict)
    places: dict[str, set[str]] = field(default_factory=dict)
    """Dotted paths, each with what is below it."""

    def hides(self, finding: Finding) -> bool:
        """The finding is to be left alone."""
        code = finding.code
        if code in self.everywhere:
            return True
        ends = (finding.place.line, finding.place.end_line)
        if any(code in self.lines.get(line, ()) for line in ends):
            return True
        return any(
            code in codes and (finding.where == where or finding.where.startswith(f"{where}."))
            for where, codes in self.places.items()
        )


def in_python(text: str) -> Ignores:
    """From comments: behind code they count for its line (the last line of a text that goes
    over several), alone for the next line of code, and above all code for the file."""
    found = Ignores()
    waiting: set[str] = set()
    begun = False
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                codes = _codes(token.string)
                alone = not token.line[: token.start[1]].strip()
                if not alone:
                    found.lines.setdefault(token.start[0], set()).update(codes)
                elif begun:
                    waiting |= codes
                else:
                    found.everywhere |= codes
            elif token.type not in _LAYOUT:
                begun = True
                if waiting:
                    found.lines.setdefault(token.start[0], set()).update(waiting)
                    waiting = set()
    except (tokenize.TokenError, SyntaxError):
        pass  # it could be parsed all the same: what was found so far counts
    return found


def in_text(text: str) -> Ignores:
    """From lines of a template: the first line for the file, others for the next line, or for
    their own if there is something in front of the comment."""
    found = Ignores()
    for number, line in enumerate(text.splitlines(), 1):
        if "headstart:" not in line or not _TRAILING.search(line):
            continue
        codes = _codes(line)
        if not _COMMENT.match(line):
            found.lines.setdefault(number, set()).update(codes)
        elif number == 1:
            found.everywhere |= codes
        else:
            found.lines.setdefault(number + 1, set()).update(codes)
    return found


def in_sidecar(path: Path) -> Ignores:
    """From ``NAME.json.headstart.toml`` beside a file: ``ignore = ["HS001"]``, and a table
    ``[ignore-at]`` of dotted paths with their codes. BadSidecar."""
    side = path.with_name(path.name + SIDECAR)
    found = Ignores()
    try:
        data = tomllib.loads(side.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return found
    except (OSError, ValueError) as error:
        raise BadSidecar(f"{side.name}: {error}") from None
    for key in data:
        if key not in ("ignore", "ignore-at"):
            raise BadSidecar(f"{side.name}: {key}: unknown (known: ignore, ignore-at)")
    found.everywhere |= checked(data.get("ignore", []), f"{side.name}: ignore")
    places = data.get("ignore-at", {})
    if not isinstance(places, Mapping):
        raise BadSidecar(f"{side.name}: ignore-at: a table of dotted paths")
    for where, codes in places.items():
        found.places[where] = checked(codes, f"{side.name}: ignore-at.{where}")
    return found


def checked(codes: object, where: str) -> set[str]:
    """Codes or beginnings of codes (``HS04``, ``ALL``) as the codes they stand for; BadSidecar
    for what is none."""
    if not isinstance(codes, list):
        raise BadSidecar(f"{where}: a list of codes")
    return expanded(codes, where)


def expanded(codes: Iterable[object], where: str) -> set[str]:
    """The same for what is known to be a list."""
    found: set[str] = set()
    for code in codes:
        wanted = "HS" if code == "ALL" else code
        named = {known for known in CODES if isinstance(wanted, str) and known.startswith(wanted)}
        if not named or not wanted:
            raise BadSidecar(f"{where}: {code!r} is no code (HS001, HS04, ALL)")
        found |= named
    return found


def _codes(comment: str) -> set[str]:
    match = _MARK.search(comment)
    if match is None:
        return set()
    return set(_CODE.findall(match["codes"])) or set(EVERY)
