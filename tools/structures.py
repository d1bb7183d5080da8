"""Rewrite the module tables of ``docs/structures.md`` from the modules' own docstrings.

python tools/structures.py [--check]
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "headstart"
PAGE = ROOT / "docs" / "structures.md"
FLOORS = {
    "Floor 1: pure": ("usage", "prompt", "prefix", "pricing"),
    "Floor 2: formats, storage, rules": ("dialects", "kv", "providers", "tokens"),
    "Floor 3: engine, planner, ledger": ("engine", "planner", "ledger", "explain"),
    "Floor 4: servers, audit": ("server", "audit"),
    "Floor 5: commands and plugins": ("cli", "integrations"),
}
MARK = "## Modules"


def first_sentence(path: Path) -> str:
    """Of the module's docstring, without its full stop."""
    text = " ".join((ast.get_docstring(ast.parse(path.read_text())) or "").split())
    return re.split(r"(?<=[.!?])\s|:\s*$", text)[0].rstrip(".").replace("|", "\\|")


def tables() -> str:
    """The whole part from ``MARK`` on."""
    parts = [MARK, "", "One line each; the first sentence of the module's own docstring."]
    for title, rooms in FLOORS.items():
        paths = [
            path
            for room in rooms
            for path in sorted((SOURCE / room).rglob("*.py"))
            if path.name != "__init__.py"
        ]
        if not paths:
            continue
        parts += ["", f"### {title}", "", "| module | what it holds |", "|---|---|"]
        parts += [f"| `{path.relative_to(SOURCE)}` | {first_sentence(path)} |" for path in paths]
    return "\n".join(parts) + "\n"


def main() -> None:
    """Write the page, or with ``--check`` say whether it is as it should be."""
    page = PAGE.read_text()
    wanted = page[: page.index(MARK)] + tables()
    if "--check" in sys.argv:
        sys.exit(page != wanted and "docs/structures.md is out of date: tools/structures.py")
    PAGE.write_text(wanted)


if __name__ == "__main__":
    main()
