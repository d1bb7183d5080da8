from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import typer
from typer.testing import CliRunner, Result

from headstart.cli.audit import audit
from tests.cli.audit.samples import HOSTILE, faulty, support, write

app = typer.Typer()
app.command()(audit)
GUARDED = set("\x1b\x07\u202e\u2066")


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(one) for one in arguments])


def told(*arguments: str | Path) -> dict[str, Any]:
    result = run(*arguments, "--json", "-")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return faulty(tmp_path_factory.mktemp("logs") / "faulty.jsonl", 26)


@pytest.mark.parametrize("columns", ["80", "120"])
def test_the_terminal_names_the_culprits_with_carets_and_money(
    log: Path, columns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    result = run(log)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= int(columns)
    assert lines[1].startswith("The cache reads 0% of the input")
    assert " 1. Tools in changing order" in result.stdout
    at = next(i for i, line in enumerate(lines) if "- You are the help desk" in line)
    start = lines[at].index("2026-11-20")
    assert lines[at + 1].rstrip() == " " * start + "^" * 19
    assert lines[at + 3][start : start + 10] == "2026-11-20"
    assert re.search(r"Saves \$[\d.]+ a\s+month", result.stdout)
    for heading in ("Now", "Who is to blame", "What if", "How long to keep it", "Your prompts"):
        assert heading in lines


def test_json_is_what_its_schema_says(log: Path) -> None:
    found = told(log)
    schema = run("--json-schema")
    assert schema.exit_code == 0
    jsonschema.Draft202012Validator(json.loads(schema.stdout)).validate(found)
    assert [one["cause"] for one in found["culprits"]][:2] == ["tool_order", "timestamp"]
    total = found["now"]["total"]
    assert total["hit_rate"] == total["read"] / total["input"]
    assert found["curves"][0]["x"][-1] is None


def test_json_goes_into_a_file_beside_the_terminal_s_output(log: Path, tmp_path: Path) -> None:
    result = run(log, "--json", tmp_path / "audit.json")
    assert "Who is to blame" in result.stdout
    assert json.loads((tmp_path / "audit.json").read_text()) == told(log)


def test_a_build_fails_below_a_rate(log: Path, tmp_path: Path) -> None:
    assert run(log, "--fail-below", "50%").exit_code == 1
    assert run(log, "--fail-below", "0").exit_code == 0
    bad = run(log, "--fail-below", "50")
    assert bad.exit_code == 2
    assert "not a share" in bad.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--format", "x"), "--format x: unknown (known: agent-sessions"),
        (("--provider", "x"), "--provider x: unknown"),
        (("--compare", "openai"), "expected PROVIDER/MODEL"),
        (("--compare", "openai/never-made"), "headstart price list"),
        (("--kv-model", "x"), "--kv-model x: unknown"),
        (("--html", "missing/page.html"), "no such folder"),
        (("--app", "a:b"), "together with --write"),
    ],
)
def test_bad_usage_is_told_in_one_line(
    log: Path, arguments: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    result = run(log, *arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_log_is_never_written_over(log: Path) -> None:
    before = log.read_bytes()
    for option in ("--json", "--html"):
        result = run(log.parent, option, log)
        assert result.exit_code == 2
        assert "not written over" in result.stderr
    assert log.read_bytes() == before


def test_another_model_and_own_prices(log: Path, tmp_path: Path) -> None:
    prices = tmp_path / "prices.toml"
    table = '[anthropic."claude-opus-5-5"]'
    prices.write_text(f"{table}\ninput = 1000.0\nread = 1.0\nwrite = 1000.0\noutput = 1.0\n")
    found = told(log, "--compare", "openai/gpt-6.1-sol")
    assert [o["name"] for o in found["options"] if o["kind"] == "model"] == ["gpt-6.1-sol"]
    dear = told(log, "--prices", prices)
    assert dear["now"]["total"]["cost"] > 50 * found["now"]["total"]["cost"]


def test_nothing_hostile_reaches_a_terminal(tmp_path: Path) -> None:
    log = faulty(tmp_path / "\x1b]0;x\x07.jsonl", 8, head=HOSTILE)
    for arguments in ((log,), (log, "--json", "-"), (log, "--write", tmp_path / "do")):
        result = run(*arguments)
        assert result.exit_code == 0, result.output
        assert not set(result.output) & GUARDED
    for path in (tmp_path / "do").iterdir():
        assert not set(path.read_text("utf-8")) & GUARDED


def test_bad_files_are_told_of_and_the_rest_is_audited(tmp_path: Path) -> None:
    """Empty, binary, truncated, mixed with rows that are none, duplicates, clock skew, no time,
    a model that nobody knows."""
    good = write(tmp_path / "good.jsonl", support(3))
    rows = [json.loads(line) for line in good.read_text().splitlines()]
    (tmp_path / "empty.jsonl").touch()
    (tmp_path / "binary.jsonl").write_bytes(bytes(range(256)) * 40)
    packed = gzip.compress("\n".join(map(json.dumps, rows)).encode())
    (tmp_path / "short.jsonl.gz").write_bytes(packed[:-12])
    skewed = [dict(rows[0], timestamp="2031-01-01T00:00:00Z", conversation_id="skewed")]
    unknown = [dict(row, request=dict(row["request"], model="acme-9")) for row in rows[:2]]
    untimed = [{"request": row["request"]} for row in rows[:1]]
    mixed = [*rows, rows[0], *skewed, *unknown, *untimed]
    text = "\n".join(map(json.dumps, mixed))
    (tmp_path / "mixed.jsonl").write_text(f'not json\n{text}\n{{"a": 1}}\n[]\n')
    result = run(tmp_path)
    assert result.exit_code == 0, result.output
    assert "A date with a time in the system text" in result.stdout
    found = told(tmp_path)
    sources = {Path(one["path"]).name: one for one in found["sources"]}
    assert sources["mixed.jsonl"]["broken"] == 3
    assert sources["good.jsonl"]["records"] == 12
    assert any("middle" in note for note in sources["short.jsonl.gz"]["notes"])
    assert {one["name"] for one in found["now"]["by_model"]} >= {"claude-opus-5-5", "acme-9"}


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\x00\xff\xfe", b'{"a": 1}\n', b"{}"])
def test_nothing_to_read_ends_with_why(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(content)
    result = run(path, "--html", tmp_path / "page.html")
    assert result.exit_code == 2
    assert result.stderr.endswith("headstart: no request was found in these logs\n")
    assert not (tmp_path / "page.html").exists()


def test_no_file_at_all(tmp_path: Path) -> None:
    result = run(tmp_path / "none*.jsonl")
    assert result.exit_code == 2
    assert "no such file or folder" in result.stderr
    assert run().exit_code == 2


def test_standard_input_and_a_reader_that_goes_away(log: Path) -> None:
    """As a shell has it: ``cat log | headstart audit - --json - | head -c 1``."""
    command = [sys.executable, "-m", "headstart", "audit", "-", "--json", "-"]
    with (
        log.open("rb") as file,
        subprocess.Popen(
            command, stdin=file, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as child,
    ):
        assert child.stdout is not None
        assert child.stderr is not None
        assert child.stdout.read(1) == b"{"
        child.stdout.close()
        assert b"Traceback" not in child.stderr.read()
