"""What lint is told: ``[tool.headstart.lint]`` in pyproject.toml, options first."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Final

from headstart.audit.lint.codes import CODES
from headstart.audit.lint.files import excluded
from headstart.audit.lint.ignores import BadSidecar, expanded

_NAME: Final = "tool.headstart.lint"
_KNOWN: Final = ("select", "ignore", "exclude", "model", "per-file-ignores")


class BadConfig(ValueError):
    """What is wrong with the configuration, in one line."""


@dataclass(frozen=True)
class Config:
    """``codes`` are those to report."""

    codes: frozenset[str] = frozenset(CODES)
    exclude: tuple[str, ...] = ()
    model: str | None = None
    per_file: Mapping[str, frozenset[str]] = field(default_factory=dict)
    root: Path = Path()
    """What patterns of paths begin at."""
    at: date = date.min
    """Rules and prices of that day."""

    def reports(self, code: str, path: Path) -> bool:
        """Whether a code is to be reported for a file."""
        if code not in self.codes:
            return False
        return not any(
            code in codes and excluded(self.relative(path), (pattern,))
            for pattern, codes in self.per_file.items()
        )

    def relative(self, path: Path) -> Path:
        """The path as patterns see it."""
        try:
            return path.resolve().relative_to(self.root.resolve())
        except ValueError:
            return path


def load(start: Path, explicit: Path | None = None) -> tuple[Path | None, Mapping[str, Any]]:
    """The table of the nearest pyproject.toml that has one, from ``start`` upwards, and that
    file; or of the file given. BadConfig."""
    if explicit is not None:
        return explicit, _table(explicit, must=True)
    for folder in (start.resolve(), *start.resolve().parents):
        path = folder / "pyproject.toml"
        if path.is_file():
            table = _table(path, must=False)
            if table:
                return path, table
    return None, {}


def configured(
    table: Mapping[str, Any],
    at: date,
    *,
    source: Path | None = None,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    exclude: Sequence[str] = (),
    model: str | None = None,
) -> Config:
    """A table and options as one; BadConfig."""
    name = f"{source.name}: {_NAME}" if source else _NAME
    for key in table:
        if key not in _KNOWN:
            raise BadConfig(f"{name}.{key}: unknown (known: {', '.join(_KNOWN)})")
    chosen = _codes(select, "--select") or _codes(_list(table, "select", name), f"{name}.select")
    left_out = _codes(ignore, "--ignore") | _codes(_list(table, "ignore", name), f"{name}.ignore")
    own = table.get("model")
    if own is not None and not isinstance(own, str):
        raise BadConfig(f"{name}.model: a model's name")
    return Config(
        frozenset((chosen or set(CODES)) - left_out),
        (*_list(table, "exclude", name), *exclude),
        model or own,
        _per_file(table.get("per-file-ignores", {}), name),
        source.parent if source else Path(),
        at,
    )


def _per_file(table: Any, name: str) -> Mapping[str, frozenset[str]]:
    if not isinstance(table, dict):
        raise BadConfig(f"{name}.per-file-ignores: a table of patterns with lists of codes")
    where = f"{name}.per-file-ignores"
    return {
        pattern: frozenset(_codes(_list(table, pattern, where), f"{where}.{pattern}"))
        for pattern in table
    }


def _table(path: Path, *, must: bool) -> Mapping[str, Any]:
    try:
        data: Any = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadConfig(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadConfig(f"{path}: not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise BadConfig(f"{path}: {error}") from None
    for part in _NAME.split("."):
        data = data.get(part) if isinstance(data, dict) else None
    if must and data is None:
        raise BadConfig(f"{path}: it has no table [{_NAME}]")
    if data is not None and not isinstance(data, dict):
        raise BadConfig(f"{path}: {_NAME} is no table")
    return data or {}


def _list(table: Mapping[str, Any], key: str, name: str) -> list[str]:
    found = table.get(key, [])
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise BadConfig(f"{name}.{key}: a list of texts")
    return found


def _codes(codes: Sequence[str], where: str) -> set[str]:
    flat = [one.strip() for code in codes for one in code.split(",")]
    try:
        return expanded([one for one in flat if one], where)
    except BadSidecar as error:
        raise BadConfig(str(error)) from None
