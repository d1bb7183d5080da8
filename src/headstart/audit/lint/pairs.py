"""Requests of one run against the ones before them: what differs and should not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from headstart.audit.lint.breakpoints import Maker
from headstart.audit.lint.codes import CODE_OF
from headstart.audit.lint.finding import Finding
from headstart.audit.lint.layout import Layout
from headstart.prompt import Kind, Prompt, Split, VolatileKind, diverge
from headstart.prompt.chain import SECTIONS
from headstart.providers import Rules

_SAME: Final = frozenset(
    {
        VolatileKind.TOOL_ORDER,
        VolatileKind.EXAMPLE_ORDER,
        VolatileKind.KEY_ORDER,
        VolatileKind.WHITESPACE,
        VolatileKind.LINE_ENDINGS,
        VolatileKind.UNICODE_FORM,
        VolatileKind.NUMBER_FORMAT,
        VolatileKind.CASE,
    }
)
_TOGGLED: Final = "HS051"


class Pairs:
    """Remembers the latest request of each dialect."""

    def __init__(self) -> None:
        self._latest: dict[str, Prompt] = {}

    def lint(self, dialect: str, layout: Layout, make: Maker) -> list[Finding]:
        """A request against the one before it."""
        now = layout.prompt
        before = self._latest.get(dialect)
        self._latest[dialect] = now
        if before is None or not now.segments or not before.segments:
            return []
        split = diverge(before, now)
        continues = split is None and len(before.segments) <= len(now.segments)
        found = list(_written(split, layout, make)) if split is not None else []
        if before.model != now.model and continues:
            text = f"{before.model} had the conversation before"
            found.append(_whole(layout, make, "HS053", ("model",), text, len(before.segments)))
        elif layout.model is not None and before.model == now.model:
            found += _settings(before, split, layout, layout.model.rules, make)
        one, two = before.controls.key, now.controls.key
        if continues and one and two and one != two:
            text = "the request before it, of the same conversation, had another key"
            found.append(make.finding("HS054", ("prompt_cache_key",), text))
        return found


def _written(split: Split, layout: Layout, make: Maker) -> Iterator[Finding]:
    """The same content in two ways: proof that nothing was meant to change."""
    kind = split.volatile
    if kind not in _SAME:
        return
    path = layout.paths.get(split.segment, ())
    tokens = layout.behind(split.segment - 1)
    text = f"the request before it has the same {split.section} with another {_named(kind)}"
    yield make.finding(
        CODE_OF[kind],
        path,
        text,
        tokens=tokens,
        usd=layout.usd(tokens),
        model=layout.model.name if layout.model else None,
    )


def _settings(
    before: Prompt, split: Split | None, layout: Layout, rules: Rules, make: Maker
) -> Iterator[Finding]:
    """Settings in the key that differ, where something behind them is the same."""
    now = layout.prompt
    same = split.segment if split else min(len(before.segments), len(now.segments))
    for name in sorted({*before.settings, *now.settings}):
        section = _section_of(name, rules)
        if section is None or before.settings.get(name) == now.settings.get(name):
            continue
        start = sum(SECTIONS.index(s.kind) < SECTIONS.index(section) for s in now.segments)
        if same <= start:
            continue
        code = _TOGGLED if name.partition(".")[0] == "tool_choice" else "HS052"
        text = f"{name} is another one than in the request before it"
        yield _whole(layout, make, code, (name.partition(".")[0],), text, same, start)


def _section_of(name: str, rules: Rules) -> Kind | None:
    return rules.settings.get(name) or rules.settings.get(name.partition(".")[0])


def _whole(
    layout: Layout,
    make: Maker,
    code: str,
    path: tuple[str, ...],
    text: str,
    same: int,
    start: int = 0,
) -> Finding:
    """What both requests have from segment ``start`` on is lost."""
    tokens = layout.end(same - 1) - layout.end(start - 1) if layout.model else None
    name = layout.model.name if layout.model else None
    return make.finding(code, path, text, tokens=tokens, usd=layout.usd(tokens), model=name)


def _named(kind: VolatileKind) -> str:
    return {
        VolatileKind.TOOL_ORDER: "order",
        VolatileKind.EXAMPLE_ORDER: "order",
        VolatileKind.KEY_ORDER: "order of keys",
        VolatileKind.LINE_ENDINGS: "kind of line endings",
        VolatileKind.NUMBER_FORMAT: "form of numbers",
        VolatileKind.CASE: "use of capitals",
    }.get(kind, kind.replace("_", " "))
