from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from headstart.audit.audit import audit
from headstart.audit.findings import Audit
from headstart.audit.options import Options
from headstart.cli.audit.remedy import FILES, write_all
from headstart.cli.audit.remedy.gateway import gateway
from headstart.cli.audit.remedy.guard import least
from headstart.server import load_settings
from tests.cli.audit.samples import HOSTILE, faulty
from tests.cli.conftest import Command

ROOT = Path(__file__).parents[4]
SAMPLE = """
from tests.integrations.sample_app import ask

QUESTIONS = [f"Which chapter is about {name}?" for name in ("trees", "keys", "pages", "time")]

def mended():
    ask(QUESTIONS)

def clock():
    ask(QUESTIONS, timestamp=True)

def shuffled():
    ask(QUESTIONS, shuffled=True)
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    log = tmp_path_factory.mktemp("logs") / "faulty.jsonl"
    return audit([faulty(log, 12, head=HOSTILE)], Options(workers=1))


@pytest.fixture(scope="module")
def guarded(found: Audit, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The written test, run on a sample application: what pytest says of each of its states."""
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "my_app.py").write_text(SAMPLE)
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --import-mode=importlib\n")
    for name in ("mended", "clock", "shuffled"):
        write_all(found, folder / name, f"my_app:{name}")
    write_all(found, folder / "unsaid")
    clean = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
    paths = os.pathsep.join((str(folder), str(ROOT / "src"), str(ROOT)))
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-rA", "-p", "no:cacheprovider", "-p", "no:xdist"],
        cwd=folder,
        env={**clean, "PYTHONPATH": paths, "COLUMNS": "1000"},
        capture_output=True,
        text=True,
        check=False,
    )
    found_lines = re.findall(r"^(PASSED|FAILED) (\w+)/(.*)$", ran.stdout, re.M)
    return {name: f"{state} {rest}" for state, name, rest in found_lines}


def test_the_written_test_passes_on_an_application_that_was_mended(
    guarded: dict[str, str],
) -> None:
    assert guarded["mended"].startswith("PASSED")


@pytest.mark.parametrize("name", ["clock", "shuffled"])
def test_the_written_test_fails_while_it_is_not(guarded: dict[str, str], name: str) -> None:
    assert guarded[name].startswith("FAILED")
    assert "prompt cache: 0.0% of" in guarded[name]


def test_without_an_application_it_says_what_is_missing(guarded: dict[str, str]) -> None:
    assert guarded["unsaid"].startswith("FAILED")
    assert "say in APP what to run" in guarded["unsaid"]


def test_a_gateway_serves_by_the_written_file(
    found: Audit, tmp_path: Path, headstart: Command
) -> None:
    write_all(found, tmp_path / "do")
    process = headstart("gateway", "--config", "do/headstart.toml", "--port", "0")
    assert process.until("Headstart stands before").startswith("anthropic at http://127.0.0.1:")
    process.interrupt()
    assert process.end()[0] == 0


def test_what_a_gateway_is_to_do_follows_from_the_findings(found: Audit, tmp_path: Path) -> None:
    def upstreams(given: Audit) -> dict[str, object]:
        path = tmp_path / "headstart.toml"
        path.write_text(gateway(given))
        return dict(load_settings(config=path).upstream)

    off = replace(found, verdict=replace(found.verdict, caching=False))
    assert upstreams(off)["anthropic"].mode == "observe"  # type: ignore[attr-defined]
    late = replace(found, culprits=(replace(found.culprits[0], reason="lookback_exceeded"),))
    assert upstreams(late)["anthropic"].mode == "own"  # type: ignore[attr-defined]
    early = replace(found, culprits=(replace(found.culprits[0], reason="not_yet_readable"),))
    assert upstreams(early)["anthropic"].followers  # type: ignore[attr-defined]
    tally = found.now.by_provider[0]
    names = ("bedrock", "openai", 'x"]\nmode = "off')
    every = tuple(replace(tally, name=name) for name in names)
    mixed = replace(found, now=replace(found.now, by_provider=every))
    assert list(upstreams(mixed)) == ["openai"]
    assert "# [upstream.bedrock]" in gateway(mixed)


def test_nothing_is_written_over(found: Audit, tmp_path: Path) -> None:
    paths = write_all(found, tmp_path)
    assert [path.name for path in paths] == list(FILES)
    with pytest.raises(FileExistsError):
        write_all(found, tmp_path)


def test_changes_are_a_patch_that_no_prompt_breaks_out_of(found: Audit, tmp_path: Path) -> None:
    text = write_all(found, tmp_path)[1].read_text("utf-8")
    assert "## 1. Tools in changing order" in text
    assert "- …" in text
    assert "+ …" in text
    # Spans with a run of three backticks stand in longer fences.
    assert "\n````diff\n" in text
    inside = False
    for line in text.splitlines():
        if line.startswith("```"):
            inside = not inside
        elif not inside:
            assert "<" not in line.replace("\\<", "")


def test_a_test_asks_for_a_little_less_than_is_within_reach() -> None:
    assert least(0.905) == 0.85
    assert least(0.01) == 0.0
