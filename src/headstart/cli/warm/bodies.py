"""A request as it is sent to fill a cache: with directives, and hardly any output."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Final, NamedTuple

import msgspec

from headstart.dialects import Call, DialectError, Hosted, Placement, Unmarkable
from headstart.dialects.pings import ping_body
from headstart.explain import Undetected, detect
from headstart.prompt import Kind, Prompt
from headstart.providers import Rules, provider_of_model, rules_for
from headstart.server.gateway.targets import Spoken, spoken

_PATHS: Final = {
    "anthropic": "/v1/messages",
    "openai-chat": "/v1/chat/completions",
    "openai-responses": "/v1/responses",
}
"""Of bodies that name their model; the providers that speak as OpenAI does have its path."""
_NO_PATH: Final = ("gemini", "bedrock-converse", "bedrock-invoke")


class Unfit(ValueError):
    """A line that is not sent; the text says why."""


class Target(NamedTuple):
    """Where requests go."""

    route: str
    provider: str | None
    """None: of each body's model."""
    ttl: float | None
    """Seconds; None: the provider's default."""


class Priming(NamedTuple):
    """What is sent for one line."""

    path: str
    body: bytes
    spoken: Spoken
    provider: str
    model: str
    marked: bool
    """It asks for an entry to be written: one that writes and reads nothing has failed."""


def priming(line: bytes, target: Target) -> Priming:
    """The request for one line of the file; Unfit."""
    path, body = _parts(line)
    try:
        told = _spoken(path, body, target.provider)
        path = path or _PATHS.get(told.hosted.name, _PATHS["openai-chat"])
        call = told.hosted.read(body, model=told.model, stream=told.stream)
    except (DialectError, Undetected) as error:
        raise Unfit(str(error)) from None
    model = call.prompt.model
    provider = target.provider or provider_of_model(model)
    if provider is None:
        raise Unfit(f"whose model is {model!r}? give --provider")
    rules, _ = rules_for(provider, model, _today())
    marked = _marked(told.hosted, body, call.prompt, rules, target.ttl)
    sent = ping_body(told.hosted, marked or body, call)
    if sent is None:
        raise Unfit("its output can't be cut without another cache key, or without effects")
    return Priming(path, sent, told, provider, model, _writes(call, marked))


def _parts(line: bytes) -> tuple[str | None, bytes]:
    """Path, if the line has one, and the body's own bytes."""
    try:
        fields = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
        if fields.keys() != {"path", "body"}:
            return None, line
        path = msgspec.json.decode(fields["path"], type=str)
    except (ValueError, RecursionError):
        raise Unfit("not a JSON object, or its path is no string") from None
    if not path.startswith("/") or not path.isascii() or not path.isprintable() or " " in path:
        raise Unfit("path: begins with / and has no spaces")
    return path, bytes(fields["body"])


def _spoken(path: str | None, body: bytes, provider: str | None) -> Spoken:
    if path is not None:
        told = spoken(path.partition("?")[0], provider or "")
        if told is None or told.operation != "generate":
            raise Unfit(f"path: nothing generates at {path[:100]}")
        return told
    hosted = detect(body)
    if hosted.name in _NO_PATH:
        raise Unfit(f'a body of {hosted.name} needs its path: {{"path": ..., "body": ...}}')
    told = spoken(_PATHS.get(hosted.name, _PATHS["openai-chat"]), provider or "")
    assert told is not None
    return told


def _marked(
    hosted: Hosted, body: bytes, prompt: Prompt, rules: Rules, ttl: float | None
) -> bytes | None:
    """The body with directives; None where it has its own, or there are none to give."""
    own = any(segment.ttl is not None for segment in prompt.segments)
    if own or not rules.marker or not rules.most_markers:
        if ttl is not None:
            raise Unfit("--ttl: it has directives of its own, or its provider takes none")
        return None
    lifetimes = [lifetime.seconds for lifetime in rules.lifetimes]
    if ttl is not None and ttl not in lifetimes:
        offered = ", ".join(f"{seconds:.0f} s" for seconds in lifetimes)
        raise Unfit(f"--ttl: its provider offers {offered}")
    places = [Placement(segment, ttl) for segment in _places(prompt)]
    try:
        return hosted.mark(body, places).body if places else None
    except Unmarkable as error:
        raise Unfit(f"no directive can be put in: {error}") from None


def _places(prompt: Prompt) -> list[int]:
    """Behind what other requests share, and at the end."""
    able = [i for i, segment in enumerate(prompt.segments) if segment.markable]
    shared = [i for i in able if prompt.segments[i].kind is not Kind.MESSAGE]
    return sorted({*shared[-1:], *able[-1:]})


def _writes(call: Call, marked: bytes | None) -> bool:
    return marked is not None or any(s.ttl is not None for s in call.prompt.segments)


def _today() -> date:
    return datetime.now(UTC).date()
