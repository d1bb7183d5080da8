from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from headstart.cli.main import app
from headstart.cli.simulate.command import PolicyName
from headstart.cli.simulate.traces import Reader
from headstart.prefix import LRU
from headstart.prefix.belady import belady, foresee
from headstart.prefix.named import POLICIES
from headstart.prefix.simulate import replay


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """Chats of three turns on one system prompt of two blocks, interleaved."""
    rows = []
    for number in range(120):
        chat = number % 40
        ids = [1, 2, *(100 + 10 * chat + turn for turn in range(number // 40 + 1))]
        time = 1000 * number
        rows.append({"timestamp": time, "input_length": 512 * len(ids) + 5, "hash_ids": ids})
    file = tmp_path / "chats.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["simulate", *map(str, arguments)])


def test_what_it_shows_and_writes_is_what_the_tree_hits(trace: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    given = ["--policy", "lru", "--policy", "learned", "--capacity", "20", "--capacity", "50%"]
    result = run(trace, *given, "--ttl", "30", "--ttl", "none", "--json", out)
    assert result.exit_code == 0, result.output
    assert "chats.jsonl" in result.output
    found = json.loads(out.read_text())
    reader = Reader()
    reader.add(trace)
    workload = reader.workload("x")
    assert found["footprint_blocks"] == workload.footprint == 122
    assert found["calls"] == 120
    rates = {(p["policy"], p["capacity_blocks"]): p["token_hit_rate"] for p in found["policies"]}
    assert set(rates) == {(name, c) for name in ("lru", "learned", "min") for c in (20, 61)}
    for capacity in (20, 61):
        lru = sum(step.hit for step in replay(workload, LRU, capacity))
        assert rates["lru", capacity] == pytest.approx(workload.rate(lru))
        bound = belady(foresee(workload), capacity)
        assert rates["min", capacity] == pytest.approx(workload.rate(bound))
        assert f"{100 * rates['lru', capacity]:.2f}" in result.output
    short, unlimited = found["lru_by_capacity"]
    assert (short["ttl_seconds"], unlimited["ttl_seconds"]) == (30.0, None)
    at = unlimited["capacity_blocks"].index(61)
    assert unlimited["token_hit_rate"][at] == pytest.approx(rates["lru", 61])
    by_ttl = found["lru_by_ttl"][1]
    assert by_ttl["capacity_blocks"] == 61
    assert by_ttl["token_hit_rate"][-1] == pytest.approx(rates["lru", 61])


def test_a_page_that_needs_no_network(trace: Path, tmp_path: Path) -> None:
    pytest.importorskip("plotly")
    out = tmp_path / "out.html"
    assert run(trace, "--html", out).exit_code == 0
    page = out.read_text()
    assert "chats.jsonl" in page
    assert "Plotly.newPlot" in page
    assert '<script src="http' not in page
    assert len(page) > 1_000_000  # plotly itself is in it


def test_without_plotly_it_says_what_to_install(
    trace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "plotly", None)
    for name in [name for name in sys.modules if name.startswith("plotly.")]:
        monkeypatch.delitem(sys.modules, name)
    result = run(trace, "--html", tmp_path / "out.html")
    assert result.exit_code == 2
    assert "headstart[sim]" in result.stderr


def test_bad_lines_are_told_and_left_out(trace: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    with trace.open("a") as file:
        file.write("{broken\n")
    result = run(trace, "--json", out)
    assert result.exit_code == 0
    assert f"left out {trace}:121: not JSON" in result.stderr
    found = json.loads(out.read_text())
    assert found["calls"] == 120
    assert len(found["left_out"]) == 1


def test_nothing_to_replay(tmp_path: Path) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    for path, reason in ((empty, "no calls"), (tmp_path, "no calls"), (tmp_path / "x", "no such")):
        result = run(path)
        assert result.exit_code == 2
        assert reason in result.stderr
        assert "Traceback" not in result.stderr


@pytest.mark.parametrize("content", [b"hello\n", b"\x8f\x01\xff" * 99, b"[]", b'{"a": 1}'])
@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_what_is_no_trace_is_refused_by_name(tmp_path: Path, name: str, content: bytes) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    result = run(file)
    assert result.exit_code == 2
    assert f"left out {file}" in result.stderr
    assert "what is known: Mooncake" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_gzip_that_breaks_off_is_told_and_read_so_far(trace: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.jsonl.gz"
    cut.write_bytes(gzip.compress(trace.read_bytes())[:-200])
    out = tmp_path / "out.json"
    result = run(cut, "--json", out)
    assert result.exit_code == 0
    assert f"left out {cut}:" in result.stderr
    assert 0 < json.loads(out.read_text())["calls"] < 120


def test_every_policy_of_the_server_can_be_replayed() -> None:
    assert [policy.value for policy in PolicyName] == list(POLICIES)


@pytest.mark.parametrize(
    "option", [["--capacity", "much"], ["--ttl", "soon"], ["--token-bytes", "few"]]
)
def test_what_an_option_cannot_be(trace: Path, option: list[str]) -> None:
    result = run(trace, *option)
    assert result.exit_code == 2
    assert option[1] in result.stderr


def test_the_command_imports_nothing_heavy_until_it_runs() -> None:
    code = "import sys, headstart.cli.main; print({'numpy', 'numba', 'plotly'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
