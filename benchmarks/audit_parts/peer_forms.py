"""A planted log in the form that each peer reads, and the command line that it is read with.

None where a peer has no form for such a log. What a log does not have (a conversation's id)
no peer is given. Prompts are handed over as they are; what a peer does not look at (the calls
in an assistant's turn, say) is lost in its own reading.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]
Form = Callable[[Sequence[Row], Path, Path], list[list[str]] | None]
"""(rows, an empty folder, a tokenizer's folder) -> commands, run in turn in that folder."""

LEAST_MISS = 1000
"""Tokens. kvleak's own default, 10,000, is more than most of these prompts have."""
RATE = 5
"""USD a million tokens, for cacheeconomics, which passes over models that it has no price of.
Money is not judged."""


def anthropic(row: Row) -> bool:
    """Whether the request is one of the Messages API."""
    return "max_tokens" in row["request"]


def promptcachelint(rows: Sequence[Row], folder: Path, tokenizer: Path) -> list[list[str]]:
    """Its own trace: requests with their usage."""
    return [["promptcachelint", "report", _lines(folder, map(_record, rows)), "--json"]]


def kvlint(rows: Sequence[Row], folder: Path, tokenizer: Path) -> list[list[str]]:
    """Chat completions, for a model whose template puts tools before the messages."""
    log = _lines(folder, map(_chat, rows))
    return [["kvlint", "lint", log, "--model", str(tokenizer), "--json", "report.json"]]


def cacheeconomics(rows: Sequence[Row], folder: Path, tokenizer: Path) -> list[list[str]] | None:
    """Logged bodies of the Messages API. Its JSON has no hit rate; its text has."""
    if not all(map(anthropic, rows)):
        return None
    log = _lines(folder, ({**row, "target_id": "anthropic/direct"} for row in rows))
    command = ["cacheeconomics", "analyze", "--from", "bodies", "--tenant", "one", log]
    command += ["--allow-unreconciled", "--effective-rate", str(RATE)]
    return [[*command, "--format", kind] for kind in ("json", "text")]


def kvleak(rows: Sequence[Row], folder: Path, tokenizer: Path) -> list[list[str]]:
    """Usage, one file a conversation where the log knows them."""
    files: dict[str, list[Row]] = {}
    for row in rows:
        files.setdefault(row.get("session_id", "log"), []).append(row)
    for name, some in files.items():
        _lines(folder, map(_used, some), f"{name}.jsonl")
    command = ["kvleak", "audit", "--format", "generic", "--json", "--path", "."]
    return [[*command, "--min-miss", str(LEAST_MISS)]]


def doctor(rows: Sequence[Row], folder: Path, tokenizer: Path) -> list[list[str]]:
    """Usage as the provider says it, which it documents that it reads."""
    return [["pcd", "analyze", _lines(folder, map(_used, rows)), "--json"]]


FORMS: dict[str, Form] = {
    "promptcachelint": promptcachelint,
    "kvlint": kvlint,
    "prompt-cache-doctor": doctor,
    "cacheeconomics": cacheeconomics,
    "kvleak": kvleak,
}

TEMPLATE = (
    "{% if tools %}<|im_start|>system\n"
    "{% for tool in tools %}{{ tool | tojson }}\n{% endfor %}<|im_end|>\n{% endif %}"
    "{% for said in messages %}<|im_start|>{{ said.role }}\n{{ said.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def tokenizer_into(source: Path, folder: Path) -> None:
    """A model's tokenizer with a chat template that renders tools, as kvlint wants one."""
    folder.mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json", "config.json"):
        (folder / name).write_bytes((source / name).read_bytes())
    (folder / "chat_template.jinja").write_text(TEMPLATE)


def _lines(folder: Path, rows: Any, name: str = "log.jsonl") -> str:
    with (folder / name).open("w") as out:
        for row in rows:
            out.write(json.dumps(row) + "\n")
    return name


def _record(row: Row) -> dict[str, Any]:
    used = row["response"]["usage"]
    if anthropic(row):
        read, written = used["cache_read_input_tokens"], used["cache_creation_input_tokens"]
        fresh, output = used["input_tokens"], used["output_tokens"]
    else:
        read, written = used["prompt_tokens_details"]["cached_tokens"], 0
        fresh, output = used["prompt_tokens"] - read, used["completion_tokens"]
    usage = {"input_tokens": fresh, "cache_read": read, "cache_write": written}
    return {
        "provider": "anthropic" if anthropic(row) else "openai",
        "body": row["request"],
        "at": datetime.fromisoformat(row["timestamp"]).timestamp(),
        "model": row["request"]["model"],
        "usage": {**usage, "output_tokens": output},
        "session_id": row.get("session_id"),
        "session_explicit": "session_id" in row,
    }


def _chat(row: Row) -> dict[str, Any]:
    asked = row["request"]
    at = datetime.fromisoformat(row["timestamp"]).timestamp()
    named = {"session_id": row["session_id"]} if "session_id" in row else {}
    if not anthropic(row):
        messages, tools = asked["messages"], asked["tools"]
    else:
        system = "".join(block["text"] for block in asked["system"])
        messages = [{"role": "system", "content": system}]
        messages += [
            {"role": one["role"], "content": "".join(map(_text, one["content"]))}
            for one in asked["messages"]
        ]
        tools = [
            {
                "type": "function",
                "function": {
                    "name": tool["name"],
                    "description": tool["description"],
                    "parameters": tool["input_schema"],
                },
            }
            for tool in asked["tools"]
        ]
    return {"model": asked["model"], "messages": messages, "tools": tools, "timestamp": at, **named}


def _text(block: Mapping[str, Any]) -> str:
    if block["type"] == "tool_use":
        return json.dumps({"name": block["name"], "arguments": block["input"]})
    return str(block.get("text", block.get("content", "")))


def _used(row: Row) -> dict[str, Any]:
    usage, model = row["response"]["usage"], row["request"]["model"]
    named = {"session_id": row["session_id"]} if "session_id" in row else {}
    return {"timestamp": row["timestamp"], "model": model, "usage": usage, **named}
