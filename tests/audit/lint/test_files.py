"""Which files are linted, and what can't be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from headstart.audit.lint import Config, Linter
from headstart.audit.lint.files import File, excluded, gather
from tests.audit.lint.linting import DAY, outcome


def names(*paths: Path, exclude: tuple[str, ...] = ()) -> list[str]:
    return [one.path.name for one in gather(paths, exclude) if isinstance(one, File)]


def test_of_a_folder_what_may_hold_prompts(tmp_path: Path) -> None:
    for name in ("a.py", "b.jsonl", "notes.md", "system.md", "c.jinja", "d.bin", "README.md"):
        (tmp_path / name).write_text("x")
    for name in ("prompts/e.txt", "node_modules/f.py", ".git/g.py", "gen/h.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    found = names(tmp_path, tmp_path / "a.py", exclude=("gen",))
    assert found == ["a.py", "b.jsonl", "c.jinja", "system.md", "e.txt"]
    assert names(tmp_path / "notes.md") == ["notes.md"]  # since it was asked for


@pytest.mark.parametrize(
    ("path", "pattern", "out"),
    [
        ("a/tests/x.py", "tests", True),
        ("a/tests/x.py", "tests/*", True),
        ("a/x_pb2.py", "*_pb2.py", True),
        ("a/x.py", "b", False),
        ("examples/x.py", "examples/*", True),
    ],
)
def test_patterns(path: str, pattern: str, out: bool) -> None:
    assert excluded(Path(path), (pattern,)) is out


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.py", b"x = '\xff'\n", "not UTF-8"),
        ("a.py", b"def f(:\n", "line 1: not Python"),
        ("a.py", b"\x00\x01\x02", "binary"),
        ("a.py", b"x = " + b"(" * 5000 + b")" * 5000, "nest"),
        ("a.py", b"x = " + b"-" * 200_000 + b"1", "nest"),
        ("a.json", b"{", "not a JSON object"),
        ("a.json", b"\xff\xfe{\x00", "binary"),
        ("a.jsonl", b'{"messages": []}\n', "messages"),
        ("a.txt", b"caf\xe9", "not UTF-8"),
    ],
)
def test_what_can_not_be_read_is_one_line(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    found = outcome(tmp_path / name, content)
    assert found.findings == []
    assert len(found.problems) == 1
    assert said in found.problems[0].message
    assert "\n" not in found.problems[0].message


def test_the_rest_is_linted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = tmp_path / "good_system.txt"
    good.write_text("It is now 2026-11-23T10:00:01Z.")
    big = tmp_path / "big.py"
    big.write_text("x = 1")
    monkeypatch.setattr("headstart.audit.lint.files.MOST_BYTES", {"python": 3, "text": 99})
    os.mkfifo(tmp_path / "pipe.py")
    wanted = [tmp_path / "gone.py", tmp_path / "pipe.py", big, good]
    found = list(Linter(Config(at=DAY)).lint(wanted))
    said = [one.problems[0].message for one in found[:3]]
    assert said[0] == "no such file"
    assert said[1] == "not a regular file"
    assert "larger than" in said[2]
    assert [one.code for one in found[3].findings] == ["HS001"]


def test_a_folder_that_links_to_itself_ends(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1")
    (tmp_path / "loop").symlink_to(tmp_path)
    assert names(tmp_path) == ["a.py"]
