"""Fixes: what they add and nothing else, whole or not at all."""

from __future__ import annotations

import ast
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.audit.lint.finding import Edit, Finding, Place
from headstart.audit.lint.fix import CannotWrite, fixed, write
from headstart.audit.lint.python import lint_python
from tests.audit.lint.linting import outcome

HEAD = "import glob, json, os\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("json.dumps(x)", "json.dumps(x, sort_keys=True)"),
        ("json.dumps(x, indent=2)", "json.dumps(x, indent=2, sort_keys=True)"),
        ("json.dumps(x,)", "json.dumps(x, sort_keys=True,)"),
        ("json.dumps(f(x)  ,  indent = 2 )", "json.dumps(f(x)  ,  indent = 2, sort_keys=True )"),
        (
            "json.dumps(\n    x,  # all\n    indent=2,\n)",
            "json.dumps(\n    x,  # all\n    indent=2,\n    sort_keys=True,\n)",
        ),
        ("json.dumps(\n    x  # all\n)", "json.dumps(\n    x, sort_keys=True  # all\n)"),
        ("json.dumps(')', default=f(x))", None),
        ("json.dumps(x, sort_keys=False)", None),
        ("json.dumps(*x)", None),
        ("json.dumps(x, **y)", None),
        ('", ".join(set(x))', '", ".join(sorted(set(x)))'),
        ('", ".join(k for k in set(x))', '", ".join(sorted(k for k in set(x)))'),
        ('", ".join([k.name for k in {a, b}])', '", ".join(sorted([k.name for k in {a, b}]))'),
        ('", ".join((k for k in {a, b}))', '", ".join((sorted(k for k in {a, b})))'),
        ('", ".join(f"{i} {k}" for i, k in enumerate({a, b}))', None),
        ('", ".join(map(str, {a, b}))', None),
        ("str(list({a, b}))", None),
        ('" ".join(os.listdir("é"))', '" ".join(sorted(os.listdir("é")))'),
        ("str(glob.glob(x))", "str(sorted(glob.glob(x)))"),
    ],
)
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_each_fix(tmp_path: Path, before: str, after: str | None, ending: str) -> None:
    path = tmp_path / "a.py"
    source = f'{HEAD}SYSTEM = "é Be kind to all: " + {before} + " and so on"\n'
    wanted = source if after is None else source.replace(before, after)
    found = outcome(path, source.replace("\n", ending), fix=True)
    assert path.read_bytes().decode() == wanted.replace("\n", ending)
    assert found.fixed == (after is not None)
    again = outcome(path, path.read_bytes(), fix=True)
    assert again.fixed == 0
    assert path.read_bytes().decode() == wanted.replace("\n", ending)


def test_in_f_strings(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    outcome(path, HEAD + 'SYSTEM = f"Fit this schema: {json.dumps(x)} and be kind"\n', fix=True)
    made = path.read_text()
    assert 'f"Fit this schema: {json.dumps(x, sort_keys=True)} and be kind"' in made


def test_a_name_that_hides_sorted(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    source = 'def sorted(x): return x\nSYSTEM = "Be kind to all: " + ", ".join(set(x))\n'
    assert outcome(path, source, fix=True).fixed == 0
    assert path.read_text() == source


def test_what_is_ignored_is_not_fixed(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    source = HEAD + 'SYSTEM = "Fit this schema: " + json.dumps(x)  # headstart: ignore\n'
    assert outcome(path, source, fix=True).fixed == 0
    assert path.read_text() == source


ATOMS = st.sampled_from(
    ["x", "load()", '"é, a"', "{a, b}", "set(x)", "os.listdir('.')", "f(x, y=1)", "[1, 2]"]
)
EXPRESSIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        inner.map(lambda e: f"json.dumps({e})"),
        inner.map(lambda e: f"json.dumps(\n    {e},\n    indent=2,\n)"),
        inner.map(lambda e: f'", ".join({e})'),
        inner.map(lambda e: f'", ".join(str(k) for k in {e})'),
        inner.map(lambda e: f"list({e})"),
        inner.map(lambda e: f"str({e})  "),
        st.tuples(inner, inner).map(lambda e: f"({e[0]} +\n  {e[1]})"),
        inner.map(lambda e: f"(a if b else {e})"),
    ),
    max_leaves=6,
)


class Undone(ast.NodeTransformer):
    """Takes away what fixes add, wherever it stands."""

    def visit_Call(self, node: ast.Call) -> Any:
        self.generic_visit(node)
        node.keywords = [one for one in node.keywords if one.arg != "sort_keys"]
        if isinstance(node.func, ast.Name) and node.func.id == "sorted":
            return node.args[0]
        return node


@settings(max_examples=150, deadline=None)
@given(EXPRESSIONS, st.booleans())
def test_a_fixed_file_differs_only_there(expression: str, windows: bool) -> None:
    source = f'{HEAD}SYSTEM = ("Be kind to all of these: " + {expression} + " and others")\n'
    data = source.replace("\n", "\r\n" if windows else "\n").encode()
    made, rounds = data, 0
    while rounds < 10:
        made, count = fixed(made, lint_python("a.py", made, None))
        rounds += 1
        if not count:
            break
    assert rounds < 10
    assert ast.dump(Undone().visit(ast.parse(made))) == ast.dump(ast.parse(data))
    left = made
    for added in (b", sort_keys=True", b"sort_keys=True,", b"sorted"):
        left = left.replace(added, b"")
    strip = bytes.maketrans(b"", b"")
    assert left.translate(strip, b" ()\r\n") == data.translate(strip, b" ()\r\n")


def test_writing_keeps_mode_and_links(tmp_path: Path) -> None:
    real, link = tmp_path / "real.py", tmp_path / "link.py"
    real.write_bytes(b"a")
    real.chmod(0o750)
    link.symlink_to(real)
    write(link, b"a", b"b")
    assert link.is_symlink()
    assert real.read_bytes() == b"b"
    assert stat.S_IMODE(real.stat().st_mode) == 0o750
    assert sorted(os.listdir(tmp_path)) == ["link.py", "real.py"]


def test_a_file_that_changed_meanwhile_is_left(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(b"other")
    with pytest.raises(CannotWrite, match="meanwhile"):
        write(path, b"a", b"b")
    assert path.read_bytes() == b"other"


def test_a_full_disk_leaves_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(b"a")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CannotWrite, match="No space"):
        write(path, b"a", b"b")
    assert path.read_bytes() == b"a"
    assert os.listdir(tmp_path) == ["a.py"]


def test_what_would_not_parse_is_not_written() -> None:
    place = Place(1, 1, 1, 2)
    wrong = Finding("HS032", "a.py", place, "", "", edits=(Edit(1, b"("),))
    assert fixed(b"x = 1\n", [wrong]) == (b"x = 1\n", 0)
