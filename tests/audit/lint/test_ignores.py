"""What is left alone, by line, by file and by place."""

from __future__ import annotations

from pathlib import Path

from headstart.audit.lint.ignores import EVERY, in_python, in_text
from tests.audit.lint.linting import block, body, codes, outcome

IMPORTS = "from datetime import date\nimport uuid\n"
LINE = 'SYSTEM = f"You are kind. Today is {date.today()}, {uuid.uuid4()}."'


def test_lines_and_files(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    assert codes(path, f"{IMPORTS}{LINE}\n") == ["HS002", "HS004"]
    assert codes(path, f"{IMPORTS}{LINE}  # headstart: ignore HS002\n") == ["HS004"]
    assert codes(path, f"{IMPORTS}{LINE}  # headstart: ignore HS002, HS004\n") == []
    assert codes(path, f"{IMPORTS}{LINE}  # headstart: ignore\n") == []
    assert codes(path, f"{IMPORTS}# headstart: ignore HS004\n{LINE}\n") == ["HS002"]
    assert codes(path, f"# headstart: ignore HS004\n{IMPORTS}\n{LINE}\n") == ["HS002"]
    assert codes(path, f"{IMPORTS}{LINE} # headstart: ignored\n") == ["HS002", "HS004"]


def test_the_last_line_of_a_text_over_several(tmp_path: Path) -> None:
    text = 'SYSTEM = f"""You are a kind agent.\nIt is {date.today()}."""  # headstart: ignore\n'
    assert codes(tmp_path / "a.py", IMPORTS + text) == []


def test_a_comment_in_a_text_is_none() -> None:
    assert in_python('x = "# headstart: ignore HS001"\n').lines == {}
    assert in_python("x = 1  # headstart: ignore\n").lines == {1: set(EVERY)}


def test_templates() -> None:
    found = in_text(
        "{# headstart: ignore HS001 #}\nNow {now} <!-- headstart: ignore HS003 -->\n"
        "# headstart: ignore HS004\n{uuid}\n"
    )
    assert found.everywhere == {"HS001"}
    assert found.lines == {2: {"HS003"}, 4: {"HS004"}}


def test_sidecars(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    text = body(system=[block("Now 2026-11-23T10:00:01Z"), block("Now 2026-11-23T10:00:01Z")])
    side = tmp_path / "a.json.headstart.toml"
    side.write_text('[ignore-at]\n"system.0" = ["HS001"]\n')
    assert codes(path, text) == ["HS001"]
    side.write_text('ignore = ["HS00"]\n')
    assert codes(path, text) == []
    for wrong in ("ignore = 1", 'ignore = ["HS999"]', "x = 1", "ignore-at = 1", "]"):
        side.write_text(wrong)
        found = outcome(path, text)
        assert "a.json.headstart.toml" in found.problems[0].message
