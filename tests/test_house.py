"""The house rules that no linter knows: floors, exports, and what a command imports."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "headstart"

FLOORS = {
    "usage": 1,
    "prompt": 1,
    "prefix": 1,
    "pricing": 1,
    "providers": 2,
    "kv": 2,
    "dialects": 2,
    "tokens": 2,
    "planner": 3,
    "ledger": 3,
    "explain": 3,
    "engine": 3,
    "server": 4,
    "audit": 4,
    "cli": 5,
    "integrations": 5,
}
NEIGHBOURS = {("pricing", "usage")}
"""Rooms of one floor that may look into another: a cost is that of exclusive buckets."""

PURE = {"usage", "prompt", "prefix", "pricing"}
IMPURE_MODULES = {
    "asyncio",
    "http",
    "httpx",
    "io",
    "logging",
    "msgspec",
    "os",
    "pathlib",
    "pydantic",
    "random",
    "requests",
    "socket",
    "sqlite3",
    "starlette",
    "subprocess",
    "threading",
    "time",
    "torch",
    "transformers",
    "urllib",
    "uvicorn",
}
"""I/O, clocks and frameworks: floor 1 has none of them."""

HEAVY = {
    "torch",
    "transformers",
    "numpy",
    "safetensors",
    "gguf",
    "anthropic",
    "openai",
    "hypothesis",
}

ROOMS = sorted(path.name for path in SOURCE.iterdir() if (path / "__init__.py").is_file())


def modules(room: str) -> Iterator[Path]:
    return (SOURCE / room).rglob("*.py")


def imports(path: Path) -> Iterator[str]:
    """Every absolute module name imported anywhere in a file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module is not None
            yield node.module
            if node.module == "headstart":
                yield from (f"headstart.{alias.name}" for alias in node.names)


def test_every_room_has_a_floor() -> None:
    assert set(ROOMS) <= set(FLOORS)
    assert len(ROOMS) >= 8


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_rooms_on_lower_floors(room: str) -> None:
    for path in modules(room):
        for name in imports(path):
            root, _, rest = name.partition(".")
            other = rest.partition(".")[0]
            if root != "headstart" or other not in FLOORS or other == room:
                continue
            allowed = FLOORS[other] < FLOORS[room] or (room, other) in NEIGHBOURS
            assert allowed, f"{path} imports {name}"


@pytest.mark.parametrize("room", sorted(PURE & set(ROOMS)))
def test_the_ground_floor_is_pure(room: str) -> None:
    for path in modules(room):
        found = {name.partition(".")[0] for name in imports(path)} & IMPURE_MODULES
        assert not found, f"{path} imports {found}"


def packages() -> list[Path]:
    return sorted(path for path in SOURCE.rglob("__init__.py") if path.parent != SOURCE)


@pytest.mark.parametrize("path", packages(), ids=lambda path: path.parent.name)
def test_a_package_that_exports_says_so(path: Path) -> None:
    tree = ast.parse(path.read_text())
    exported = [
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module != "__future__"
        for alias in node.names
    ]
    declared = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        and any(isinstance(target, ast.Name) and target.id == "__all__" for target in node.targets)
    ]
    assert ast.get_docstring(tree)
    assert sorted(exported) == sorted(declared[0] if declared else [])


def loaded(code: str) -> set[str]:
    """Top-level packages in a fresh interpreter after it ran ``code``."""
    listing = "import sys; print('\\n'.join({name.partition('.')[0] for name in sys.modules}))"
    ran = subprocess.run(
        [sys.executable, "-c", f"{code}\n{listing}"], capture_output=True, text=True, check=True
    )
    return set(ran.stdout.split())


def test_import_headstart_loads_the_standard_library_alone() -> None:
    added = loaded("import headstart") - loaded("pass")
    assert added <= {"headstart", "__future__"}


HELP = """
from headstart.cli.main import app
import contextlib, io
with contextlib.redirect_stdout(io.StringIO()):
    app({arguments!r}, standalone_mode=False)
"""


@pytest.mark.parametrize(
    "arguments",
    [["--help"], *([name, "--help"] for name in ("serve", "demo", "lint", "audit"))],
)
def test_help_loads_nothing_that_a_command_needs(arguments: list[str]) -> None:
    added = loaded(HELP.format(arguments=arguments))
    assert "typer" in added
    assert not added & (
        HEAVY | {"starlette", "uvicorn", "pydantic_settings", "msgspec", "prometheus_client"}
    )


@pytest.mark.parametrize(
    ("module", "needs", "spares"),
    [
        # A gateway has no model: the app must do without the model's libraries.
        ("headstart.server", {"starlette", "uvicorn", "pydantic_settings"}, HEAVY),
        ("headstart.cli.startup", {"starlette"}, HEAVY),
        ("headstart.cli.demo.traffic", {"anthropic", "openai"}, {"torch", "transformers"}),
        ("headstart.dialects", {"msgspec"}, HEAVY | {"starlette", "pydantic"}),
        (
            "headstart.audit.lint",
            {"msgspec"},
            HEAVY | {"starlette", "pydantic", "sqlalchemy", "aiohttp", "typer", "rich"},
        ),
        (
            "headstart.audit.audit, headstart.cli.audit.terminal, headstart.cli.audit.given",
            {"msgspec", "rich"},
            HEAVY | {"starlette", "pydantic", "sqlalchemy", "aiohttp", "plotly"},
        ),
        ("headstart.engine", set(), HEAVY | {"starlette", "pydantic", "msgspec"}),
        ("headstart.prefix", set(), HEAVY | {"msgspec"}),
        ("headstart.pricing", set(), HEAVY | {"msgspec"}),
    ],
)
def test_what_a_module_loads(module: str, needs: set[str], spares: set[str]) -> None:
    added = loaded(f"import {module}")
    assert needs <= added
    assert not added & spares


@pytest.mark.parametrize("tool", ["structures.py", "providers.py"])
def test_generated_pages_are_up_to_date(tool: str) -> None:
    path = SOURCE.parent.parent / "tools" / tool
    ran = subprocess.run(
        [sys.executable, str(path), "--check"], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
