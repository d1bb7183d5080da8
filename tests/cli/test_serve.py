"""``headstart serve`` as its users meet it: a process, a port, signals."""

from __future__ import annotations

import json
import shlex
import signal
import socket
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.cli.conftest import Command


def curl(line: str, **env: str) -> dict[str, object]:
    """Run a printed curl line; what it fetched."""
    ran = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=60, env=env)
    assert ran.returncode == 0, ran.stderr
    body = json.loads(ran.stdout)
    assert isinstance(body, dict)
    return body


def url_in(curl_line: str) -> str:
    return next(word for word in shlex.split(curl_line) if word.startswith("http")).removesuffix(
        "/v1/messages"
    )


def test_it_prints_a_curl_line_that_works_and_ctrl_c_ends_it(
    headstart: Command, tiny_model: Path
) -> None:
    server = headstart("serve", "--model", str(tiny_model), "--port", "0", "--cache-memory", "16M")
    assert "tiny-llama" in server.until("Headstart serves")
    assert "MiB of KV" in server.until("cache")
    answer = curl(server.until("try it"))
    assert answer["type"] == "message"
    server.interrupt()
    status, _, err = server.end()
    assert status == 0
    assert [json.loads(line)["status"] for line in err.splitlines()] == [200]


def test_the_file_the_environment_and_keys(
    headstart: Command, tiny_model: Path, tmp_path: Path
) -> None:
    (tmp_path / "headstart.toml").write_text(
        f'model = "{tiny_model}"\nport = 1\ncache_memory = "16MiB"\n[api_keys]\nacme = "s3cret"\n'
    )
    server = headstart("serve", HEADSTART_PORT="0", HEADSTART_SERVED_MODEL_NAME="mine")
    assert server.until("tenants") == "acme"
    line = server.until("try it")
    assert "s3cret" not in line
    assert curl(line, HEADSTART_KEY="s3cret")["type"] == "message"
    assert curl(line, HEADSTART_KEY="wrong")["type"] == "error"
    models = httpx.get(f"{url_in(line)}/v1/models", headers={"x-api-key": "s3cret"}).json()
    assert [model["id"] for model in models["data"]] == ["tiny-llama", "mine"]
    server.interrupt(signal.SIGTERM)
    status, _, err = server.end()
    assert status == 0
    assert "s3cret" not in err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stream_under_way_is_ended_with_an_error_after_the_grace_period(
    headstart: Command, number: signal.Signals
) -> None:
    server = headstart("serve", "--port", "0", "--grace", "0.5")
    url = url_in(server.until("try it"))
    story = {
        "model": "smollm2-135m",
        "max_tokens": 4000,
        "temperature": 0,
        "stream": True,
        "messages": [{"role": "user", "content": "Tell a story that never ends."}],
    }
    with httpx.stream("POST", f"{url}/v1/messages", json=story, timeout=60) as response:
        lines = response.iter_lines()
        assert any("text_delta" in line for line in lines)
        server.interrupt(number)
        rest = list(lines)
    assert "event: error" in rest
    status, _, _ = server.end()
    assert status == 0


def test_a_second_ctrl_c_ends_it_at_once(headstart: Command) -> None:
    server = headstart("serve", "--port", "0", "--grace", "600")
    url = url_in(server.until("try it"))
    story = {
        "model": "smollm2-135m",
        "max_tokens": 8000,
        "temperature": 0,
        "stream": True,
        "messages": [{"role": "user", "content": "Tell a story that never ends."}],
    }
    with httpx.stream("POST", f"{url}/v1/chat/completions", json=story, timeout=60) as response:
        lines = response.iter_lines()
        next(lines)
        server.interrupt()
        while True:  # until the first signal has closed the port
            try:
                httpx.get(f"{url}/healthz", timeout=5)
            except httpx.TransportError:
                break
        server.interrupt()
        status, _, _ = server.end()
    assert status == 128 + signal.SIGINT


def test_a_taken_port_is_told_before_anything_is_loaded(headstart: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for command in ("serve", "demo"):
            status, out, err = headstart(command, "--port", str(port)).end()
            assert (status, out) == (2, "")
            assert err == f"headstart: cannot listen on 127.0.0.1:{port}: address already in use\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--model", "/no/such/folder"], "/no/such/folder"),
        (["--dtype", "int3"], "int3"),
        (["--device", "abacus"], "abacus"),
        (["--cache-memory", "1KiB"], "too little cache memory"),
        (["--cache-memory", "900TiB"], "too much"),
        (["--cache-memory", "2 bananas"], "--cache-memory: could not interpret byte unit"),
        (["--host", "0.0.0.0"], "--insecure-no-auth"),
        (["--host", "host.invalid", "--insecure-no-auth"], "cannot resolve host.invalid"),
        (["--config", "none.toml"], "none.toml: no such file"),
        (["--api-key", "s3cret"], "--api-key: expected NAME=KEY"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_served_is_one_line_and_status_2(
    headstart: Command, tiny_model: Path, arguments: list[str], says: str
) -> None:
    tiny = {"HEADSTART_MODEL": str(tiny_model)}
    status, out, err = headstart("serve", "--port", "0", *arguments, **tiny).end()
    assert (status, out) == (2, "")
    assert says in err
    assert err.startswith("headstart: ")
    assert err.count("\n") == 1
    assert "s3cret" not in err


@pytest.mark.parametrize(
    ("command", "package", "extra"),
    [("serve", "torch", "local"), ("demo", "anthropic", "demo")],
)
def test_a_missing_extra_is_named(
    headstart: Command, tmp_path: Path, command: str, package: str, extra: str
) -> None:
    missing = f"raise ModuleNotFoundError('No module named {package}', name={package!r})"
    (tmp_path / f"{package}.py").write_text(missing)
    status, _, err = headstart(command, "--port", "0", PYTHONPATH=str(tmp_path)).end()
    assert status == 2
    assert package in err
    assert f"pip install 'headstart[{extra}]'" in err
    assert err.count("\n") == 1
