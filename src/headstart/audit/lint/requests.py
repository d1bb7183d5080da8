"""Linting one request body: what changes in it, and how its cache directives stand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import msgspec

from headstart.audit.lint.bodies import Body
from headstart.audit.lint.breakpoints import Maker, breakpoint_findings
from headstart.audit.lint.directives import without
from headstart.audit.lint.finding import Finding
from headstart.audit.lint.layout import Layout
from headstart.audit.lint.money import Model
from headstart.audit.lint.position import Lines
from headstart.audit.lint.strings import Text, bytes_of, dotted, texts
from headstart.audit.lint.text import ASKED, LONG_BEHIND, Hit, behind, hits, says_now
from headstart.dialects import Call, DialectError, Hosted, Unmarkable
from headstart.dialects.body import Path
from headstart.dialects.openai import check_cache_fields
from headstart.dialects.spans import find
from headstart.explain import Undetected, detect, served
from headstart.prompt import Kind

_MID_PROMPT: Final = "HS042"
_REFUSED: Final = "HS049"
_CHECKED: Final = ("openai", "azure")
_SAID_OTHERWISE: Final = ("maximum of", "must not come after")
"""Refusals that have codes of their own."""


@dataclass(frozen=True, slots=True)
class Request:
    """One body that could be read, and what was found in it."""

    body: Body
    layout: Layout
    dialect: str
    maker: Maker
    findings: tuple[Finding, ...]


class Requests:
    """Lints the bodies of one file."""

    def __init__(self, name: str, data: bytes, model: str | None, at: date) -> None:
        self._name = name
        self._lines = Lines(data)
        self._model = model
        self._at = at
        self._models: dict[tuple[str, str], Model] = {}

    def lint(self, body: Body) -> Request | str:
        """One body, or why it can't be read."""
        try:
            hosted = detect(body.body, self._model)
            call, refusal = self._read(hosted, body)
        except Undetected as error:
            return str(error)
        except DialectError as error:
            where = f"{error.param}: " if error.param and error.param not in error.message else ""
            return f"{where}{error.message} (taken for {hosted.name})"
        model = self._model_of(hosted, call)
        layout = Layout(call, model)
        refusal = refusal or _unsupported(call, model)
        place = _Place(self._name, self._lines, body)
        found: list[tuple[int, Finding]] = []
        try:
            for text in texts(body.body, body.decoded):
                found += _text_findings(text, place, layout)
        except Unmarkable as error:
            return f"places in it are not certain: {error}"
        findings = [finding for _, finding in found]
        if refusal is not None and not any(said in refusal.message for said in _SAID_OTHERWISE):
            param = refusal.param or ""
            findings.append(place.finding(_REFUSED, _path(param), refusal.message))
        volatile = [at for at, finding in found if finding.code not in (ASKED, _MID_PROMPT)]
        findings += breakpoint_findings(layout, body.decoded, place, volatile)
        return Request(body, layout, hosted.name, place, tuple(findings))

    def _read(self, hosted: Hosted, body: Body) -> tuple[Call, DialectError | None]:
        """The request; without its directives where it is refused with them."""
        name = self._model or (None if body.decoded.get("model") else "unknown")
        try:
            return hosted.read(body.body, model=name), None
        except DialectError as refusal:
            bare = msgspec.json.encode(_completed(without(body.decoded)))
            call = hosted.read(bare, model=name)
            missing = "max_tokens" in (refusal.param or "") or "max_tokens" in refusal.message
            return call, None if missing else refusal

    def _model_of(self, hosted: Hosted, call: Call) -> Model | None:
        name = call.prompt.model
        if name == "unknown" or "{" in name:
            return None
        provider = served(hosted.name, name, self._at)[0]
        key = (provider, name)
        if key not in self._models:
            self._models[key] = Model(provider, name, self._at)
        return self._models[key]


@dataclass(frozen=True, slots=True)
class _Place:
    """Makes findings of one body."""

    name: str
    lines: Lines
    body: Body

    def finding(self, code: str, path: Path, message: str, **more: Any) -> Finding:
        """At the value at a path, or at the nearest one around it that is there."""
        span = None
        for length in range(len(path), -1, -1):
            try:
                span = find(self.body.body, *path[:length])
            except (Unmarkable, TypeError):
                span = None
            if span is not None:
                break
        start, end = span or (0, 1)
        if length < len(path) or self.body.body[start : start + 1] in (b"{", b"["):
            end = start + 1
        return self.at(code, path, start, end, message, **more)

    def at(self, code: str, path: Path, start: int, end: int, message: str, **more: Any) -> Finding:
        """At bytes of the body."""
        place = self.lines.place(self.body.start + start, self.body.start + end)
        where = ".".join(filter(None, (self.body.path, dotted(path))))
        return Finding(code, self.name, place, where, message, **more)


def _unsupported(call: Call, model: Model | None) -> DialectError | None:
    """Cache fields that OpenAI's older models refuse."""
    if model is None or not model.known or model.provider not in _CHECKED:
        return None
    rules = model.rules
    try:
        check_cache_fields(
            call, breakpoints=rules.scheme == "breakpoints", retentions=rules.retentions or None
        )
    except DialectError as error:
        return error
    return None


def _text_findings(text: Text, place: _Place, layout: Layout) -> Iterator[tuple[int, Finding]]:
    """With the segments that they are in, -1 where that is not known."""
    if text.section is Kind.MESSAGE and not _is_ours(text, layout):
        return
    braces = text.section is not Kind.TOOL
    for hit in hits(text.value, placeholders=braces):
        code = _code(hit, text, layout)
        if code is None:
            continue
        segment = layout.segment(text.path)
        rest = text.value[hit.end :] if text.section is not Kind.TOOL else ""
        tokens = layout.behind(segment, rest) if segment is not None else None
        start, end = bytes_of(place.body.body, text, hit.start, hit.end)
        message = f"{hit.what}, in {_section(text)}"
        model = layout.model.name if layout.model else None
        yield (
            -1 if segment is None else segment,
            place.at(
                code, text.path, start, end, message,
                tokens=tokens, usd=layout.usd(tokens), model=model,
            ),
        )  # fmt: skip


def _code(hit: Hit, text: Text, layout: Layout) -> str | None:
    """None for what stands where nothing is lost by it."""
    if hit.code == ASKED:
        return ASKED if behind(text.value, hit.end) >= LONG_BEHIND else None
    if text.section is not Kind.MESSAGE:
        return hit.code
    messages = [segment.message for segment in layout.prompt.segments]
    earlier = bool(messages) and text.message < messages[-1]
    present = hit.clock and says_now(text.value, hit.start)
    return _MID_PROMPT if earlier and present else None


def _is_ours(text: Text, layout: Layout) -> bool:
    """What a model or a tool said stays as it is in each later request."""
    segment = layout.segment(text.path)
    return segment is not None and layout.prompt.segments[segment].role == "user"


def _section(text: Text) -> str:
    match text.section:
        case Kind.TOOL:
            return "the tools"
        case Kind.SYSTEM:
            return "the system prompt"
        case _:
            return f"message {text.message}"


def _completed(data: dict[str, Any]) -> dict[str, Any]:
    """A template may leave the limit to the program."""
    return data if "max_tokens" in data else {**data, "max_tokens": 1}


def _path(param: str) -> Path:
    return tuple(int(step) if step.isdigit() else step for step in param.split(".") if step)
