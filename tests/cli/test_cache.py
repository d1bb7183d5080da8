"""``headstart cache`` against a server process with a disk tier, over its restart."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cli.conftest import Command, Process

ADMIN = {"HEADSTART_ADMIN_KEY": "key-admin"}
TEXT = "The ferry leaves the island at noon, and not a minute later than that. " * 12


class Site:
    """A folder with a tier and keys, and the server that runs on it."""

    def __init__(self, headstart: Command, model: Path, folder: Path) -> None:
        self._headstart = headstart
        self._folder = folder
        self._arguments = [
            *("serve", "--model", str(model), "--port", "0", "--dtype", "float32"),
            *("--cache-memory", "16M", "--cache-disk", f"{folder}/tier:64M"),
            *("--api-key", "acme=key-a", "--api-key", "beta=key-b"),
        ]
        self.url = ""
        self._server: Process | None = None

    def start(self, *more: str) -> Process:
        self._server = self._headstart(*self._arguments, *more, **ADMIN)
        found = re.search(r"http://[\d.:]+", self._server.until("Headstart serves"))
        assert found
        self.url = found[0]
        return self._server

    def stop(self) -> str:
        """What it wrote to stderr."""
        assert self._server
        self._server.interrupt()
        status, _, err = self._server.end()
        assert status == 0, err
        return err

    def cache(self, *arguments: str, **env: str) -> tuple[int, str, str]:
        wide = {"HEADSTART_URL": self.url, "COLUMNS": "160", **ADMIN, **env}
        return self._headstart("cache", *arguments, **wide).end()

    def json(self, *arguments: str) -> Any:
        status, out, err = self.cache(*arguments, "--json")
        assert status == 0, err
        return json.loads(out)

    def read(self, tenant: str, text: str) -> int:
        """Tokens that this tenant's request reads."""
        message = {"role": "user", "content": text}
        answer = httpx.post(
            f"{self.url}/v1/messages",
            json={"model": "tiny-llama", "max_tokens": 1, "messages": [message]},
            headers={"x-api-key": f"key-{tenant[0]}"},
            timeout=60,
        )
        return int(answer.json()["usage"]["cache_read_input_tokens"])


@pytest.fixture
def site(headstart: Command, tiny_model: Path, tmp_path: Path) -> Site:
    return Site(headstart, tiny_model, tmp_path)


def test_pinned_over_a_restart_and_gone_once_forgotten(site: Site, tmp_path: Path) -> None:
    lines = [
        {"messages": [{"role": "user", "content": TEXT}], "tenant": "acme"},
        {"text": TEXT, "tenant": "nobody"},
        {"messages": [{"role": "user", "content": TEXT}], "tenant": "beta"},
    ]
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text("\n".join([*map(json.dumps, lines), "", "{broken"]))

    site.start()
    status, out, err = site.cache("warm", str(prompts))
    assert status == 1
    assert "warmed 2 of 4 prompts" in out
    assert "prompts.jsonl:2: there is no tenant 'nobody'" in err
    assert "prompts.jsonl:5: not JSON" in err
    assert site.read("acme", TEXT) > 128
    assert site.json("stats")["memory"]["cached_tokens"] > 256
    name = site.json("ls", "--tenant", "acme")["entries"][0]["id"]
    assert site.json("pin", name[:12])["tiers"] == ["memory", "disk"]
    site.stop()

    site.start()
    status, out, _ = site.cache("ls")
    assert status == 0
    (row,) = (line for line in out.splitlines() if "acme" in line)
    assert row.split()[0] == name[:12]
    assert "disk" in row
    assert "pinned" in row
    assert "ferry" not in out
    assert site.read("acme", TEXT) >= 128
    assert site.json("show", name)["tiers"] == ["memory", "disk"]
    assert "memory" in site.cache("stats")[1]

    status, out, err = site.cache("forget", "acme")
    assert (status, err) == (0, "")
    assert "forgot acme; other processes follow within 2 s" in out
    assert site.read("acme", TEXT) == 0
    assert site.read("beta", TEXT) >= 128
    assert site.cache("show", name)[0] == 1
    assert site.cache("evict", "--tenant", "beta")[0] == 0
    assert site.read("beta", TEXT) == 0
    site.stop()


def test_serve_warms_a_file_and_keys_are_rotated_meanwhile(site: Site, tmp_path: Path) -> None:
    old, new = tmp_path / "old.key", tmp_path / "new.key"
    old.write_text("ab" * 32)
    new.write_text("cd" * 32)
    prompts = tmp_path / "prompts.jsonl"
    body = {"messages": [{"role": "user", "content": TEXT}], "max_tokens": 5}
    prompts.write_text(json.dumps({**body, "tenant": "acme"}) + "\n[]\n")
    site.start("--cache-master-key", f"file:{old}", "--warm", str(prompts))
    for _ in range(200):
        if site.json("ls")["entries"]:
            break
    assert site.read("acme", TEXT) > 128
    log = [json.loads(line) for line in site.stop().splitlines()]
    warmed = [line for line in log if line["event"] == "warm"]
    assert [(line["line"], line["done"], line["of"]) for line in warmed] == [(1, 1, 2), (2, 2, 2)]
    assert [line["level"] for line in warmed] == ["info", "warning"]

    rotate = ("rotate-key", "--old", f"file:{old}", "--new", f"file:{new}")
    status, out, err = site.cache(*rotate, "--cache-disk", f"{tmp_path}/tier:64M")
    assert (status, err) == (0, "")
    assert int(out.split()[0]) >= 1
    assert site.cache(*rotate, "--cache-disk", f"{tmp_path}/tier")[1].startswith("0 keys")
    assert site.cache(*rotate)[0] == 2
    assert "no keyring" in site.cache(*rotate, "--cache-disk", f"{tmp_path}/none:1M")[2]
    site.start("--cache-master-key", f"file:{new}")
    assert site.read("acme", TEXT) >= 128
    site.stop()


@pytest.mark.parametrize(
    ("arguments", "env", "says"),
    [
        (["ls"], {}, "cannot reach http://127.0.0.1:9"),
        (["ls"], {"HEADSTART_URL": "nonsense"}, "not an http:// or https:// address"),
        (["ls"], {"HEADSTART_ADMIN_KEY": ""}, "--admin-key or HEADSTART_ADMIN_KEY"),
        (["evict"], {}, "--tenant"),
        (["evict", "abc", "--tenant", "acme"], {}, "--tenant"),
        (["warm", "no-such-file"], {}, "no-such-file"),
        (["show"], {}, "Missing argument"),
    ],
)
def test_what_cannot_be_asked_is_status_2(
    headstart: Command, arguments: list[str], env: dict[str, str], says: str
) -> None:
    given = {"HEADSTART_URL": "http://127.0.0.1:9", **ADMIN, **env}
    status, out, err = headstart("cache", *arguments, **given).end()
    assert (status, out) == (2, "")
    assert says in err
    assert "Traceback" not in err
