from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from headstart.cli.main import app
from headstart.explain import Outline, detect
from headstart.ledger import Ledger
from headstart.server import EmbeddedServer
from headstart.server.emulate import State, create_emulator, emulated_accounts
from headstart.tokens import counter_of
from headstart.usage import MissReason, RequestRecord, Usage
from tests.explain.bodies import CASES, Make, anthropic, chat, converse, encoded, gemini

DAY = ("--at", "2026-11-20")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(
        app, ["explain", *map(str, arguments)], env={"COLUMNS": "200", "NO_PROXY": "127.0.0.1"}
    )


def data(*arguments: object) -> Any:
    result = run(*arguments, *DAY, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, object], Path]:
    def written(name: str, body: object) -> Path:
        file = tmp_path / name
        lines = body if isinstance(body, list) else [body]
        file.write_bytes(b"\n".join(map(encoded, lines)))
        return file

    return written


Write = Callable[[str, object], Path]


@pytest.mark.parametrize(("name", "make", "model", "providers"), CASES)
def test_two_bodies_of_any_dialect(
    write: Write, name: str, make: Make, model: str | None, providers: tuple[str, ...]
) -> None:
    a = write("a.json", make("15:00:00", "a?"))
    b = write("b.json", make("15:02:00", "b?"))
    more = ("--model", model) if model else ()
    found = data(a, b, *more)["requests"]
    assert tuple(facts["provider"] for facts in found) == providers
    for facts in found:
        assert facts["divergence"] == {"segment": 0, "volatile": "timestamp"}
        assert facts["reason"] == "diverged"
        assert facts["lost"] > 4000
        assert facts["against"] == str(a)
        assert "15:02:00" in facts["diff"]
        assert facts["remedy"].startswith("Move the timestamp")


def test_lines_show_the_place_once_and_each_provider_with_its_money(write: Write) -> None:
    a = write("a.json", anthropic("15:00:00", "a?"))
    b = write("b.json", anthropic("15:02:00", "b?"))
    result = run(a, b, *DAY)
    assert result.exit_code == 0, result.output
    assert result.output.count("+ The current time is 2026-11-20 15:02:00.") == 1
    facts = data(a, b)["requests"]
    for one in facts:
        per_1000 = f"${1000 * one['wasted']:,.2f} in 1,000 calls"
        assert f"{one['provider']}, claude-opus-5-5\n" in result.output
        assert per_1000 in result.output
    assert "does not say" not in result.output
    alone = run(a, b, *DAY, "--provider", "vertex")
    assert alone.output.startswith("vertex, claude-opus-5-5\n")
    assert "anthropic" not in alone.output


def test_time_between_and_day_of_the_rules_count(write: Write) -> None:
    a = write("a.json", anthropic("15:00:00", "a?"))
    b = write("b.json", anthropic("15:00:00", "b?"))
    given = (a, b, "--provider", "anthropic")
    assert data(*given)["requests"][0]["reason"] is None
    assert data(*given, "--after", 301)["requests"][0]["reason"] == "expired"


def test_a_provider_that_reads_chat_in_its_own_way(write: Write) -> None:
    a = write("a.json", chat("15:00:00", "a?", "my-model"))
    b = write("b.json", chat("15:00:00", "b?", "my-model"))
    (facts,) = data(a, b, "--provider", "vllm")["requests"]
    assert facts["provider"] == "vllm"
    assert facts["usage"]["read"] > 4000
    (facts,) = data(a, b, "-m", "deepseek-chat")["requests"]
    assert (facts["provider"], facts["model"]) == ("deepseek", "deepseek-chat")


def test_a_file_of_requests_is_a_table_with_sums(write: Write) -> None:
    clocks = ["15:00:00", "15:02:00", "15:00:00", "15:04:00"]
    lines: list[object] = [anthropic(clock, f"q{i}?") for i, clock in enumerate(clocks)]
    file = write("requests.jsonl", lines)
    found = data(file, "--provider", "anthropic")
    assert [row["id"] for row in found["requests"]] == ["line 1", "line 2", "line 3", "line 4"]
    reasons = [row["reason"] for row in found["requests"]]
    assert reasons == ["first_sight", "diverged", None, "diverged"]
    assert found["requests"][1]["against"] == "line 1"
    total = found["totals"]["anthropic"]
    assert total["reasons"] == {"first_sight": 1, "diverged": 2}
    for name in ("lost", "wasted", "cost"):
        assert total[name] == pytest.approx(sum(row[name] for row in found["requests"]))
    assert total["read"] == sum(row["usage"]["read"] for row in found["requests"])
    assert total["hit_rate"] == pytest.approx(total["read"] / total["input"])
    shown = run(file, "--provider", "anthropic", *DAY)
    assert shown.exit_code == 0, shown.output
    assert f"{total['lost']:,}" in shown.output
    assert "0 timestamp" in shown.output
    assert shown.output.count("Move the timestamp behind") == 1
    assert "- The current time is 2026-11-20 15:0" in shown.output


def test_several_files_are_in_the_order_given_and_lines_go_by_content(write: Write) -> None:
    two: list[object] = [anthropic("15:00:00", "a?"), anthropic("15:00:00", "b?")]
    log = write("some.log", two)
    one = write("one.json", anthropic("15:09:00", "[b]c?[/b]"))
    found = data(log, one, one, "--provider", "anthropic")
    names = [row["id"] for row in found["requests"]]
    assert names == ["some.log:1", "some.log:2", str(one), f"{one} (2)"]
    assert run(log, one, "--provider", "anthropic", *DAY).exit_code == 0


def test_a_model_without_a_price_has_no_sum(write: Write) -> None:
    lines: list[object] = [chat("15:00:00", "a?", "my-model"), chat("15:02:00", "b?", "my-model")]
    file = write("r.jsonl", lines)
    found = data(file, "--provider", "vllm")
    assert found["totals"]["vllm"]["wasted"] is None
    assert run(file, "--provider", "vllm", *DAY).exit_code == 0


def test_what_it_cannot_work_with_is_one_line_and_status_2(write: Write, tmp_path: Path) -> None:
    good = write("good.json", anthropic("15:00:00", "a?"))
    nameless = write("gemini.json", gemini("15:00:00", "a?"))
    bedrock = write("converse.json", converse("15:00:00", "a?"))
    text = tmp_path / "text.json"
    text.write_text("hello")
    other = write("other.json", {"model": "gpt-5.4"})
    wrong = write("wrong.json", {**anthropic("15:00:00", "a?"), "max_tokens": "many"})
    binary = tmp_path / "bin.jsonl"
    binary.write_bytes(b"\xff\xfe\n[1]")
    cases: list[tuple[tuple[object, ...], str]] = [
        ((good, tmp_path / "nope.json"), "nope.json: No such file or directory"),
        ((good, tmp_path), "Is a directory"),
        ((good,), "one request alone"),
        ((good, text), "text.json: not a JSON object"),
        ((binary,), "line 1: not a JSON object"),
        ((good, other), "no known dialect"),
        ((good, wrong), "wrong.json: max_tokens: "),
        ((good, nameless), "gemini.json: the body names no model: give --model"),
        ((bedrock, bedrock), "the body names no model: give --model"),
        ((good, nameless, "-m", "gemini-3-pro"), "they reach different caches"),
        ((good, good, "--provider", "acme"), "--provider acme: unknown (known: anthropic"),
        ((good, good, "--dialect", "soap"), "--dialect: unknown dialect 'soap'"),
        ((good, good, "--dialect", "gemini", "-m", "g"), "contents"),
        ((good, good, "--server", "http://127.0.0.1:9"), "one request id at a time"),
        (("req_1", "--server", "127.0.0.1:9"), "not an http:// or https:// address"),
        (("req_1", "--server", "http://127.0.0.1:9"), "cannot reach http://127.0.0.1:9"),
        (("req_1", "--ledger", tmp_path / "no.db"), "no.db: there is no such ledger"),
        (("req_1", "--ledger", "mysql://u:secret@h/d"), "not in mysql"),
    ]
    for arguments, says in cases:
        result = run(*arguments)
        assert result.exit_code == 2, result.output
        assert says in result.stderr
        assert result.stderr.count("\n") == 1
        assert result.stdout == ""


@pytest.fixture
def emulating() -> Iterator[str]:
    state = State(emulated_accounts(date(2026, 11, 20)))
    with EmbeddedServer(create_emulator(state), grace=0) as server:
        yield server.url


def test_a_request_that_an_emulating_server_had(emulating: str) -> None:
    sent = []
    for clock in ("15:00:00", "15:02:00"):
        answer = httpx.post(
            f"{emulating}/v1/messages", json=anthropic(clock, "a?"), trust_env=False
        )
        sent.append((answer.headers["request-id"], answer.json()["id"]))
    for name in sent[1]:
        result = run(name, "--server", emulating)
        assert result.exit_code == 0, result.output
        assert result.stdout.startswith("anthropic, claude-opus-5-5\n")
        assert "+ The current time is 2026-11-20 15:02:00." in result.stdout
        assert "reason  diverged (inferred)" in result.stdout
        assert "in 1,000 calls" in result.stdout
        assert "change  Move the timestamp" in result.stdout
    found = json.loads(run(sent[1][0], "--server", emulating, "--json").stdout)
    assert found["requests"][0]["against"] == sent[0][0]
    first = run(sent[0][0], "--server", emulating)
    assert "Nothing to change: none of it was sent before." in first.stdout
    gone = run("req_99", "--server", emulating)
    assert gone.exit_code == 2
    assert gone.stderr == "headstart: req_99: no such request, or no longer held\n"


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (200, b"<html>", "gave no JSON"),
        (200, b"[" * 100_000, "gave no JSON"),
        (200, b"[]", "gave something else than a request"),
        (200, b'{"usage": {"read": "x"}, "provider": "p", "model": "m"}', "something else"),
        (500, b"oops", "req_1: status 500"),
        (401, b'{"error": {"message": "no\\u001b[2J key"}}', "req_1: no"),
    ],
)
def test_a_server_that_is_something_else(status: int, body: bytes, says: str) -> None:
    class Odd(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Odd) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        result = run("req_1", "--server", f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
        thread.join()
    assert result.exit_code == 2, result.output
    assert says in result.stderr
    assert "\x1b" not in result.stderr


def record(number: int, body: dict[str, Any], **more: Any) -> RequestRecord:
    given: dict[str, Any] = {
        "id": f"r{number}",
        "time": 1_795_000_000.0 + 60 * number,
        "tenant": "t",
        "route": "claude",
        "provider": "anthropic",
        "model": "claude-opus-5-5",
        "usage": Usage(fresh=10, write_5m=5000),
        "status": 200,
        "outline": outline(body),
        **more,
    }
    return RequestRecord(**given)


def outline(body: dict[str, Any]) -> bytes:
    count = counter_of("anthropic", "claude-opus-5-5", plain=True).count
    return Outline.of(detect(encoded(body)).read(encoded(body)).prompt, count, b"salt").pack()


def test_a_request_in_a_ledger_is_explained_without_its_text(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    ledger = Ledger.open(file, retention=None)
    ledger.record(record(0, anthropic("15:00:00", "a?"), reason=MissReason.FIRST_SIGHT))
    miss = {"reason": MissReason.DIVERGED, "confirmed": True, "against": "r0", "lost": 5000}
    ledger.record(record(1, anthropic("15:02:00", "b?"), lost_cost=0.03, **miss))
    ledger.close()
    result = run("r1", "--ledger", file)
    assert result.exit_code == 0, result.output
    assert "characters 0 to 512: perhaps a timestamp" in result.stdout
    assert "reason  diverged (confirmed by the provider)" in result.stdout
    assert "lost    5,000 tokens, $0.03 a call, $30.00 in 1,000 calls" in result.stdout
    assert "change  Move the timestamp" in result.stdout
    assert "15:0" not in result.stdout
    missing = run("r2", "--ledger", file)
    assert missing.exit_code == 2
    assert "r2: no such request in" in missing.stderr
