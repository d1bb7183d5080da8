"""Linting a text that is a prompt, or a template of one."""

from __future__ import annotations

from pathlib import PurePath
from typing import Final

from headstart.audit.lint.finding import Finding
from headstart.audit.lint.money import Model
from headstart.audit.lint.position import Lines
from headstart.audit.lint.text import ASKED, LONG_BEHIND, STABLE_BEHIND, behind, hits

_SYSTEM: Final = ("system", "instruction")


def lint_template(name: str, data: bytes, model: Model | None) -> list[Finding]:
    """What changes in it, where enough stands behind that; of a system prompt, by the file's
    name, all that changes. ``data`` is UTF-8."""
    mark = 3 if data.startswith(b"\xef\xbb\xbf") else 0
    text = data[mark:].decode()
    lines = Lines(data)
    system = any(word in PurePath(name).name.lower() for word in _SYSTEM)
    found = []
    for hit in hits(text):
        least = LONG_BEHIND if hit.code == ASKED else 0 if system else STABLE_BEHIND
        if behind(text, hit.end) < least:
            continue
        start = mark + len(text[: hit.start].encode())
        end = start + len(text[hit.start : hit.end].encode())
        tokens = usd = None
        if model is not None:
            tokens = model.tokens(text[hit.end :])
            usd = model.lost(tokens, model.bucket(None), tokens) if tokens else None
        place = lines.place(start, end)
        where = f"line {place.line}"
        said = hit.what
        if hit.code == ASKED:
            said = f"{said}, in front of {behind(text, hit.end):,} fixed characters"
        found.append(
            Finding(
                hit.code, name, place, where, said, tokens=tokens, usd=usd,
                model=model.name if model else None,
            )
        )  # fmt: skip
    return found
