"""Short ways for tests to lint a text as if it were a file."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

from headstart.audit.lint import Config, Finding, Linter, Outcome

DAY = date(2026, 11, 23)
LONG = " ".join(f"Rule{'abcdefghij'[n % 10]} applies to every ticket." for n in range(200))


def outcome(path: Path, content: str | bytes, *, fix: bool = False, **config: Any) -> Outcome:
    """Of one file with this content."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    (found,) = Linter(Config(at=DAY, **config)).lint([path], fix=fix)
    return found


def findings(path: Path, content: str | bytes, **config: Any) -> list[Finding]:
    """Of one file that can be read."""
    found = outcome(path, content, **config)
    assert found.problems == []
    return found.findings


def codes(path: Path, content: str | bytes, **config: Any) -> list[str]:
    """Of its findings, in order."""
    return [finding.code for finding in findings(path, content, **config)]


def body(**fields: Any) -> str:
    """A Messages request."""
    given = {
        "model": "claude-opus-5-5",
        "max_tokens": 9,
        "messages": [{"role": "user", "content": "Hi"}],
    }
    return json.dumps({**given, **fields})


def block(text: str, ttl: str | None = None, *, marked: bool = False) -> dict[str, Any]:
    """A text block, with a directive or without."""
    directive = {"type": "ephemeral", **({"ttl": ttl} if ttl else {})}
    marker = {"cache_control": directive} if marked or ttl else {}
    return {"type": "text", "text": text, **marker}
