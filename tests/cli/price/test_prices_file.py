from __future__ import annotations

from pathlib import Path

import pytest
import typer

from headstart.cli.price.prices_file import line_of, read_prices

GOOD = """# ours
[anthropic."claude-opus-5-5"]
input = 3
read = 0.15
output = 15

[[openai."gpt-6*"]]
input = 1
read = 0.1
output = 9

[[openai."gpt-6*"]]
input = 2
output = 9
read = 0.2
above = 1000
"""


def test_good_files(tmp_path: Path) -> None:
    path = tmp_path / "prices.toml"
    path.write_text(GOOD)
    assert [row.input for row in read_prices(path)] == [3, 1, 2]
    assert read_prices(None) == ()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("read = 0.15", 'read = "x"', ", line 4"),
        ("read = 0.2", "read = 5", ", line 15"),
        ("read = 0.2\n", "", ", line 12"),
        ("above = 1000", "abvoe = 1000", ", line 16"),
        ("input = 3", "input = = 3", "line 3"),
        ("# ours", "groq = 3 #", "groq: must be a table"),
    ],
)
def test_what_is_broken_is_named_to_the_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, said: str
) -> None:
    path = tmp_path / "prices.toml"
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(typer.Exit) as stopped:
        read_prices(path)
    assert stopped.value.exit_code == 2
    error = capsys.readouterr().err
    assert error.startswith(f"headstart: --prices {path}")
    assert said in error
    assert error.count("\n") == 1


def test_no_such_file_and_no_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for name, said in (("none", "No such file"), ("binary", "not UTF-8"), ("", "directory")):
        with pytest.raises(typer.Exit):
            read_prices(tmp_path / name)
        assert said in capsys.readouterr().err


def test_other_ways_to_write_it() -> None:
    inline = 'anthropic = {m = {input = 1, read = "x", output = 1}}'
    assert line_of(inline, ("anthropic", "m"), "read") is None
    dotted = '[anthropic]\nm.input = 1\nm.read = "x"'
    assert line_of(dotted, ("anthropic", "m"), "read") is None
    spaced = "[ anthropic . m ] # x\n  'read' = 3"
    assert line_of(spaced, ("anthropic", "m"), "read") == 2
