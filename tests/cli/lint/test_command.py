"""``headstart lint`` as it is called: statuses, formats, fixes, hostile files, hooks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from headstart.cli.main import app

ROOT = Path(__file__).parents[3]
SYSTEM = 'SYSTEM = f"It is {datetime.now()} now, be kind to all."\n'
SOURCE = f"from datetime import datetime\n{SYSTEM}"
EVIL = "\x1b[31m<script>alert(1)</script>\x1b]0;x\x07\u202e[bold]::error::"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.headstart.lint]\nignore = []\n")
    monkeypatch.chdir(tmp_path)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["lint", *arguments])


def facts(*arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(*arguments, "--format", "json").stdout)
    return found


def test_statuses() -> None:
    Path("clean.py").write_text("x = 1\n")
    Path("found.py").write_text(SOURCE)
    Path("broken.py").write_text("def (\n")
    Path("package.json").write_text('{"name": "x"}')
    assert run("clean.py").exit_code == 0
    assert run("clean.py", "package.json").exit_code == 0
    assert run("clean.py", "found.py").exit_code == 1
    both = run("broken.py", "found.py", "gone.py")
    assert both.exit_code == 2
    assert "found.py:2:19: HS001" in both.stdout
    assert both.stderr.splitlines() == [
        "headstart: broken.py: line 1: not Python: invalid syntax",
        "headstart: gone.py: no such file",
    ]


def test_json_has_all_that_is_documented() -> None:
    function = 'def system():\n    return f"It is {datetime.now()} now, be kind to all."\n'
    Path("a.py").write_text(f"from datetime import datetime\n{function}")
    found = facts("a.py", "--model", "claude-opus-5-5")
    page = (ROOT / "docs" / "lint.md").read_text(encoding="utf-8")
    assert found["version"] == 1
    assert found["problems"] == []
    (one,) = found["findings"]
    for name in (*one, *found):
        assert f"`{name}`" in page or f'"{name}"' in page
    place = (one["line"], one["column"], one["end_line"], one["end_column"])
    assert (one["code"], place) == ("HS001", (3, 21, 3, 35))
    assert one["usd_per_1000_calls"] > 0


def test_github_puts_findings_beside_lines() -> None:
    Path("a,b.py").write_text(SOURCE)
    Path("broken.py").write_text("def (\n")
    said = run("a,b.py", "broken.py", "--format", "github").stdout.splitlines()
    assert said[0].startswith(
        "::error file=a%2Cb.py,line=2,endLine=2,col=19,endColumn=33,title=HS001 timestamp::"
    )
    assert said[1].startswith("::error file=broken.py,line=1::")


@pytest.mark.parametrize("form", ["text", "json", "github"])
def test_nothing_in_a_prompt_is_obeyed(form: str) -> None:
    tool = {"name": "t", "input_schema": {"properties": {EVIL: {"description": "now {now}"}}}}
    body = {
        "model": f"claude{EVIL}",
        "max_tokens": 1,
        "tools": [{**tool, "description": "It is now 2026-11-23T10:00:01Z"}],
        "system": f"It is now 2026-11-23T10:00:01Z {EVIL}",
        "messages": [{"role": "user", "content": "Hi"}],
        EVIL: 1,
    }
    body["tools"][0]["input_schema"]["properties"][EVIL]["description"] = (  # type: ignore[index]
        "It is now 2026-11-23T10:00:01Z"
    )
    name = f"a{EVIL.replace('/', '')}.json"
    Path(name).write_text(json.dumps(body))
    Path("b.py").write_text(
        f"from datetime import datetime\nX = {EVIL!r}\nSYSTEM = {EVIL!r} + ''\n"
    )
    ran = run(name, "b.py", f"gone{EVIL.replace('/', '')}", "--format", form)
    shown = ran.stdout + ran.stderr
    assert "HS001" in shown
    assert not any(bad in shown for bad in ("\x1b", "\x07", "\u202e"))
    if form != "text":
        assert "<script>" not in shown
    if form == "json":
        assert len(json.loads(ran.stdout)["findings"]) >= 3
    if form == "github":
        assert all(line.startswith(("::error ", "::warning ")) for line in shown.splitlines())


def test_options_and_configuration() -> None:
    Path("a.py").write_text(SOURCE)
    Path("gen").mkdir()
    Path("gen/b.py").write_text(SOURCE)
    assert len(facts(".")["findings"]) == 2
    assert len(facts(".", "--exclude", "gen")["findings"]) == 1
    assert facts(".", "--ignore", "HS001")["findings"] == []
    assert facts(".", "--select", "HS03")["findings"] == []
    Path("pyproject.toml").write_text(
        '[tool.headstart.lint]\nexclude = ["gen"]\nmodel = "gpt-5.6"\n'
    )
    (one,) = facts(".")["findings"]
    assert one["model"] == "gpt-5.6"
    Path("other.toml").write_text('[tool.headstart.lint]\nignore = ["HS001"]\n')
    assert facts(".", "--config", "other.toml")["findings"] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--select", "E501"), "--select: 'E501' is no code"),
        (("--config", "gone.toml"), "gone.toml: No such file"),
        (("--model", "nobody-1"), "no provider's rules name the model 'nobody-1'"),
    ],
)
def test_what_it_can_not_be_told(arguments: tuple[str, ...], said: str) -> None:
    ran = run(".", *arguments)
    assert ran.exit_code == 2
    assert said in ran.stderr
    assert len(ran.stderr.splitlines()) == 1


def test_fix() -> None:
    source = 'import json\nSYSTEM = "Fit this schema: " + json.dumps(x)\n'
    Path("a.py").write_text(source)
    assert run("a.py").exit_code == 1
    assert Path("a.py").read_text() == source
    ran = run("a.py", "--fix")
    assert (ran.exit_code, ran.stdout) == (0, "1 fixed\nnothing found\n")
    assert Path("a.py").read_text() == source.replace("(x)", "(x, sort_keys=True)")
    assert run("a.py", "--fix").stdout == "nothing found\n"


def test_hooks_call_what_there_is() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert {hook["language"] for hook in hooks} == {"python"}
    for hook in hooks:
        command, *arguments = hook["entry"].split()
        assert command == "headstart"
        Path("a.py").write_text("import json\nSYSTEM = 'Fit the schema: ' + json.dumps(x)\n")
        ran = CliRunner().invoke(app, [*arguments, "a.py"])
        assert ran.exit_code == (0 if "--fix" in arguments else 1)


def test_as_a_process_into_a_closed_pipe() -> None:
    Path("a.py").write_text(SOURCE * 500)
    code = "import sys; from headstart.cli.main import main; main()"
    command = f'"{sys.executable}" -c "{code}" lint a.py | head -1'
    ran = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert "HS001" in ran.stdout
    assert "Traceback" not in ran.stderr
