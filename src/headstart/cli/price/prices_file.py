"""A file of the user's own prices; what is wrong with it, to the line."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from headstart.cli.failures import fail
from headstart.pricing import OverrideError, Row, overrides_from


def read_prices(path: Path | None) -> tuple[Row, ...]:
    """Rows of the file, () without one; ends the command with one line if it is broken."""
    if path is None:
        return ()
    try:
        text = path.read_text(encoding="utf-8")
        return overrides_from(tomllib.loads(text), str(path))
    except OSError as error:
        raise fail(f"--prices {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise fail(f"--prices {path}: not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise fail(f"--prices {path}: {error}") from None
    except OverrideError as error:
        line = line_of(text, error.table, error.key)
        place = f", line {line}" if line else ""
        raise fail(f"--prices {error}{place}") from None


def line_of(text: str, table: tuple[str, ...], key: str) -> int | None:
    """The line, from 1 on, of a key in a table, or else of the table's header; None where
    the file writes it in another way (inline, dotted)."""
    wanted, number = table[:2], int(table[2]) if len(table) > 2 else 1
    header = None
    seen = 0
    inside = False
    for at, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("["):
            path = _keys(line)
            inside = False
            if path[: len(wanted)] == wanted:
                seen += 1
                inside = seen == number
                header = at if inside else header
        elif inside and key and _keys(line)[:1] == (key,):
            return at
    return header


def _keys(line: str) -> tuple[str, ...]:
    """The names that one line of TOML leads to."""
    try:
        found: Any = tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return ()
    names = []
    while isinstance(found, dict | list) and found:
        if isinstance(found, list):
            found = found[0]
            continue
        name, found = next(iter(found.items()))
        names.append(name)
    return tuple(names)
