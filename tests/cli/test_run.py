"""``headstart run``: a program between base URLs of its own and a bill at its end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from headstart.cli.run import variables
from headstart.server import EmbeddedServer
from headstart.server.emulate import State, create_emulator, emulated_accounts

PROGRAM = """
import anthropic, os, sys
assert "OPENAI_BASE_URL" not in os.environ or "127.0.0.1" not in os.environ["OPENAI_BASE_URL"]
client = anthropic.Anthropic(api_key="sk-secret", max_retries=0)
for question in ("one", "two"):
    client.messages.create(
        model="claude-sonnet-4-6",
        max_tokens=8,
        system="The mill grinds rye. " * 500,
        messages=[{"role": "user", "content": question}],
    )
sys.exit(3)
"""


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "headstart", "run", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=100)


def test_a_program_and_its_bill(tmp_path: Path) -> None:
    with EmbeddedServer(create_emulator(State(emulated_accounts())), grace=0.1) as emulator:
        table = f'[upstream.anthropic]\nbase_url = "{emulator.url}"\n'
        (tmp_path / "headstart.toml").write_text(table)
        ran = run("--", sys.executable, "-c", PROGRAM, cwd=tmp_path)
    assert ran.returncode == 3, ran.stderr
    assert "requests        2" in ran.stderr
    assert "read from the cache" in ran.stderr
    assert "sk-secret" not in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--", "/no/such/program"], "/no/such/program: No such file"),
        (["--mode", "wild", "--", "true"], "--mode wild: unknown"),
    ],
)
def test_what_cannot_be_run(tmp_path: Path, arguments: list[str], told: str) -> None:
    ran = run(*arguments, cwd=tmp_path)
    assert ran.returncode == 2
    assert told in ran.stderr
    assert "Traceback" not in ran.stderr


def test_only_sdks_with_an_upstream_are_pointed_here() -> None:
    found = variables("http://127.0.0.1:1", {"openai"})
    assert found["OPENAI_BASE_URL"] == "http://127.0.0.1:1/v1"
    assert not {"ANTHROPIC_BASE_URL", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME"} & set(found)
