"""Configuration: found, checked, and overruled by options."""

from __future__ import annotations

from pathlib import Path

import pytest

from headstart.audit.lint import CODES, BadConfig, configured, load
from tests.audit.lint.linting import DAY

TABLE = """
[tool.headstart.lint]
select = ["HS00", "HS03"]
ignore = ["HS032"]
exclude = ["gen"]
model = "claude-opus-5-5"

[tool.headstart.lint.per-file-ignores]
"examples/*" = ["HS001"]
"""


def test_the_nearest_table_counts(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(TABLE)
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "a" / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    source, table = load(inner)
    assert source == tmp_path / "pyproject.toml"
    config = configured(table, DAY, source=source)
    assert config.codes == {c for c in CODES if c[:4] in ("HS00", "HS03")} - {"HS032"}
    assert config.model == "claude-opus-5-5"
    assert config.reports("HS001", tmp_path / "x.py")
    assert not config.reports("HS001", tmp_path / "examples" / "x.py")
    assert not config.reports("HS032", tmp_path / "x.py")


def test_options_come_first() -> None:
    config = configured(
        {"select": ["HS001"], "model": "a"},
        DAY,
        select=["HS002,HS003"],
        ignore=["HS003"],
        model="b",
    )
    assert (config.codes, config.model) == ({"HS002"}, "b")


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("sel = 1", "sel: unknown"),
        ("select = 1", "select: a list"),
        ('select = ["E501"]', "'E501' is no code"),
        ("model = 1", "model"),
        ("per-file-ignores = 1", "per-file-ignores"),
        ('per-file-ignores = {"a" = ["X"]}', "per-file-ignores.a"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, table: str, said: str) -> None:
    path = tmp_path / "lint.toml"
    path.write_text(f"[tool.headstart.lint]\n{table}\n")
    with pytest.raises(BadConfig, match=said):
        configured(load(tmp_path, path)[1], DAY, source=path)


@pytest.mark.parametrize("content", [b"[", b"\xff", b"[tool]\nheadstart = 1\n", None])
def test_files_that_are_none(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "lint.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadConfig, match=r"lint\.toml"):
        load(tmp_path, path)
