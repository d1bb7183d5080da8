"""``headstart warm`` through a real gateway to an emulated provider, and who reads it then."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import anthropic
import openai
import pytest
from typer.testing import CliRunner, Result

from headstart.cli.main import app
from headstart.server import EmbeddedServer
from headstart.server.emulate import Entry, State, create_emulator, emulated_accounts
from headstart.server.gateway import Gateway, Upstream

OPUS = "claude-opus-5-5"
GPT = "gpt-6.1-sol"
LONG = "The mill grinds rye, wheat and oats, each in its own week. " * 200
KEY = "sk-very-secret"
BODY: dict[str, Any] = {
    "model": OPUS,
    "max_tokens": 64,
    "stream": True,
    "system": LONG,
    "messages": [{"role": "user", "content": "hello"}],
}


class Site(NamedTuple):
    """A gateway before an emulated provider."""

    gateway: Gateway
    state: State
    file: Path

    def warm(self, *lines: object, route: str = "anthropic", more: tuple[str, ...] = ()) -> Result:
        """Run the command on a file with these lines; a string is taken as it is."""
        texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
        self.file.write_text("\n".join(texts) + "\n", "utf-8")
        arguments = ["warm", "--route", route, "--server", self.gateway.url, *more]
        return CliRunner().invoke(app, [*arguments, str(self.file)])

    @property
    def entries(self) -> list[Entry]:
        """What reached the provider."""
        return list(self.state.journal)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    for name in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.setenv(name, KEY)
    state = State(emulated_accounts())
    with EmbeddedServer(create_emulator(state), grace=0.1) as provider:
        upstreams = {
            name: Upstream(base_url=provider.url, provider=name)
            for name in ("anthropic", "openai", "gemini")
        }
        with Gateway(upstreams) as gateway:
            yield Site(gateway, state, tmp_path / "bodies.jsonl")


def test_the_next_request_of_an_sdk_reads_what_was_warmed(site: Site) -> None:
    ran = site.warm(BODY)
    assert ran.exit_code == 0, ran.output
    (primed,) = site.entries
    assert primed.output == 0
    assert not primed.stream
    written = primed.usage.write_5m
    assert written > 2000
    assert (
        f"warmed 1 of 1 prompts: {written:,} tokens written, 0 were there, 0 of output, $0.0"
        in (ran.output)
    )
    client = anthropic.Anthropic(base_url=site.gateway.anthropic, api_key=KEY, max_retries=0)
    answer = client.messages.create(
        model=OPUS, max_tokens=8, system=LONG, messages=[{"role": "user", "content": "another"}]
    )
    assert (answer.usage.cache_read_input_tokens or 0) > 2000


def test_openai_chat_is_written_behind_its_system_text(site: Site) -> None:
    system = {"role": "system", "content": LONG}
    body = {"model": GPT, "messages": [system, {"role": "user", "content": "x"}]}
    ran = site.warm(body, route="openai")
    assert ran.exit_code == 0, ran.output
    assert site.entries[0].usage.written > 2000
    client = openai.OpenAI(base_url=site.gateway.openai, api_key=KEY, max_retries=0)
    answer = client.chat.completions.create(
        model=GPT,
        messages=[{"role": "system", "content": LONG}, {"role": "user", "content": "another"}],
    )
    assert answer.usage is not None
    assert answer.usage.prompt_tokens_details is not None
    assert (answer.usage.prompt_tokens_details.cached_tokens or 0) > 2000


def test_a_second_time_it_is_there(site: Site) -> None:
    site.warm(BODY)
    ran = site.warm({"path": "/v1/messages", "body": BODY})
    assert ran.exit_code == 0, ran.output
    assert "0 tokens written" in ran.output


def test_an_earlier_version_of_the_api_gets_its_key_as_its_sdk_sent_it(site: Site) -> None:
    site.warm(BODY | {"temperature": 0}, more=("--header", "anthropic-version: 2023-06-01"))
    client = anthropic.Anthropic(base_url=site.gateway.anthropic, api_key=KEY, max_retries=0)
    answer = client.messages.create(
        model=OPUS,
        max_tokens=8,
        system=LONG,
        messages=[{"role": "user", "content": "another"}],
        extra_headers={
            "x-api-key": KEY,
            "anthropic-version": "2023-06-01",
            "authorization": anthropic.omit,
        },
    )
    assert (answer.usage.cache_read_input_tokens or 0) > 2000


def test_a_longer_life(site: Site) -> None:
    assert site.warm(BODY, more=("--ttl", "1h")).exit_code == 0
    assert site.entries[0].usage.write_1h > 2000
    assert site.entries[0].usage.write_5m == 0


def test_directives_of_its_own_are_kept(site: Site) -> None:
    block = {"type": "text", "text": LONG, "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    own = BODY | {"system": [block]}
    assert site.warm(own).exit_code == 0
    (entry,) = site.entries
    assert entry.usage.write_1h > 2000
    assert [segment.ttl for segment in entry.prompt.segments] == [3600.0, None]


def test_where_no_output_is_refused_it_is_one_token(site: Site) -> None:
    tool = {"name": "look", "input_schema": {"type": "object"}}
    assert site.warm(BODY | {"tools": [tool], "tool_choice": {"type": "any"}}).exit_code == 0
    assert site.entries[0].output == 1
    assert site.entries[0].usage.written > 2000


def test_each_bad_line_is_told_and_the_others_are_sent(site: Site) -> None:
    thinking = {"type": "enabled", "budget_tokens": 2000}
    ran = site.warm(
        "{broken",
        BODY,
        "",
        BODY | {"thinking": thinking},
        BODY | {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
        BODY | {"system": "short"},
        {"path": "/v1/files", "body": BODY},
        {"path": "v1", "body": BODY},
        {"contents": [{"role": "user", "parts": [{"text": "x"}]}]},
        "[" * 100_000,
    )
    assert ran.exit_code == 1
    told = {
        int(line.split(":")[2]): line
        for line in ran.output.splitlines()
        if line.startswith("headstart: ")
    }
    assert sorted(told) == [1, 4, 5, 6, 7, 8, 9, 10]
    assert "can't be cut" in told[4]
    assert "can't be cut" in told[5]
    assert "nothing was written" in told[6]
    assert "nothing generates at /v1/files" in told[7]
    assert "needs its path" in told[9]
    assert "warmed 1 of 9 prompts" in ran.output
    assert len(site.entries) == 2


def test_what_the_provider_refuses_is_told_in_its_words(site: Site) -> None:
    ran = site.warm(BODY | {"messages": []})
    assert ran.exit_code == 1
    assert "messages" in ran.output
    ran = site.warm(BODY, route="nowhere", more=("--provider", "anthropic"))
    assert ran.exit_code == 1
    assert ":1: 404" in ran.output
    assert KEY not in ran.output


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--ttl", "1d"), "--ttl 1d"),
        (("--provider", "acme"), "--provider acme: unknown"),
        (("--header", "nocolon-secret"), "--header"),
        (("--route", "../x"), "--route ../x"),
        (("--server", "ftp://x"), "--server ftp://x"),
    ],
)
def test_bad_options(site: Site, more: tuple[str, ...], told: str) -> None:
    ran = site.warm(BODY, more=more)
    assert ran.exit_code == 2
    assert told in ran.output
    assert not site.entries


def test_a_life_that_is_not_offered(site: Site) -> None:
    ran = site.warm(BODY, more=("--ttl", "2h"))
    assert ran.exit_code == 1
    assert "offers 300 s, 3600 s" in ran.output


def test_nobody_there(site: Site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    ran = site.warm(BODY, more=("--server", f"http://127.0.0.1:{port}"))
    assert ran.exit_code == 2
    assert "cannot reach" in ran.output
    assert "warmed 0 of 1" in ran.output


def test_no_such_file(site: Site) -> None:
    ran = CliRunner().invoke(app, ["warm", "--route", "anthropic", "/no/such/file"])
    assert ran.exit_code == 2
    assert "/no/such/file: No such file" in ran.output


def test_a_credential_follows_no_redirect(site: Site) -> None:
    from starlette.applications import Starlette
    from starlette.responses import RedirectResponse
    from starlette.routing import Route

    async def away(_: object) -> RedirectResponse:
        return RedirectResponse(site.gateway.anthropic + "/v1/messages", 302)

    elsewhere = Starlette(routes=[Route("/{path:path}", away, methods=["POST", "GET"])])
    with EmbeddedServer(elsewhere, grace=0.1) as server:
        ran = site.warm(BODY, more=("--server", server.url))
    assert ran.exit_code == 1
    assert ":1: 302" in ran.output
    assert not site.entries
