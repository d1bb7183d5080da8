"""``headstart emulate`` as a process of its own."""

from __future__ import annotations

import signal
import socket

import httpx
import pytest
from typer.testing import CliRunner

from headstart.cli.emulate import banner
from headstart.cli.main import app
from tests.cli.conftest import Command


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_listens_and_ends_on_a_signal(headstart: Command, number: int) -> None:
    server = headstart("emulate", "--port", "0", "--knob", "minimum=64", "--at", "2026-11-20")
    url = server.until("Headstart emulates the providers' prompt caches at")
    chat = {
        "model": "claude-opus-5",
        "max_tokens": 9,
        "cache_control": {"type": "ephemeral"},
        "messages": [{"role": "user", "content": "A hundred tokens, more or less. " * 20}],
    }
    for _ in range(2):
        answer = httpx.post(f"{url}/v1/messages", json=chat, timeout=20)
    assert answer.json()["usage"]["cache_read_input_tokens"] > 64
    assert httpx.get(f"{url}/_headstart/stats").json()["requests"] == 2
    assert server.until("export ANTHROPIC_BASE_URL=") == url
    assert server.until("move its clock:").startswith(f"curl -X POST {url}/_headstart/clock")
    server.interrupt(number)
    status, _, err = server.end()
    assert (status, err) == (0, "")


@pytest.mark.parametrize(
    ("option", "value", "text"),
    [
        ("--provider", "nobody", "unknown (known: auto, anthropic,"),
        ("--knob", "minimum", "expected NAME=VALUE"),
        ("--knob", "nonsense=1", "nonsense: no such knob"),
        ("--knob", "minimum=x", "minimum: "),
        ("--limit", "0", "--limit takes a number from 1 on, not 0"),
        ("--seconds-per-1k", "nan", "--seconds-per-1k takes a number from 0 on"),
        ("--seconds-per-1k", "-1", "--seconds-per-1k takes a number from 0 on"),
        ("--port", "99999", "--port takes a number from 0 to 65535, not 99999"),
        ("--host", "no.such.host.invalid", "cannot resolve no.such.host.invalid"),
    ],
)
def test_options_that_are_refused(option: str, value: str, text: str) -> None:
    result = CliRunner().invoke(app, ["emulate", "--port", "0", option, value])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("headstart: ")
    assert text in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_port_that_is_taken(headstart: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        status, _, err = headstart("emulate", "--port", port).end()
    assert status == 2
    assert err == f"headstart: cannot listen on 127.0.0.1:{port}: address already in use\n"


def test_the_banner_can_be_pasted_into_a_shell() -> None:
    lines = banner("http://127.0.0.1:8090").splitlines()
    exports = [line for line in lines if line.startswith("export ")]
    assert "export OPENAI_BASE_URL=http://127.0.0.1:8090/v1" in exports
    assert all(" " not in line.removeprefix("export ") for line in exports)
