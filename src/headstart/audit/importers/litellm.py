"""LiteLLM's spend logs and standard logging payloads.

``prompt_tokens`` includes what was cached; ``cache_hit`` is LiteLLM's own cache of responses,
behind which no provider was asked. Bodies are often ``{}``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

import msgspec

from headstart.audit.importers.addresses import provider_named
from headstart.audit.importers.answers import Answer, answer_in, usage_in
from headstart.audit.importers.bodies import Body, body_of
from headstart.audit.importers.contract import Importer, Item, Unreadable
from headstart.audit.importers.resuming import Resuming
from headstart.audit.importers.values import (
    Row,
    any_of,
    between,
    count_of,
    decoded,
    first,
    instant_of,
    member,
    name_of,
    number_of,
)
from headstart.audit.record import Place, Record
from headstart.usage import Usage

_CALLS: Final = ("completion", "responses", "message", "generate_content", "converse", "invoke")
_PARAMETERS: Final = (
    *("tools", "tool_choice", "response_format", "reasoning_effort", "thinking", "functions"),
    *("parallel_tool_calls", "prompt_cache_key", "prompt_cache_retention", "service_tier"),
)
_PROMPTS: Final = ("messages", "input", "contents")


class LiteLLM(Importer):
    """One call a row; calls that generate nothing, and answers that LiteLLM had itself, are
    left out."""

    name = "litellm"
    about = "LiteLLM's spend logs and standard logging payloads"

    def __init__(self) -> None:
        self._other = self._repeated = self._silent = 0
        self._resuming = Resuming()

    @classmethod
    def takes(cls, row: Row) -> bool:
        if "startTime" not in row and "endTime" not in row:
            return False
        names = ("call_type", "custom_llm_provider", "proxy_server_request", "response_cost")
        return "spend" in row or any(name in row for name in names)

    @property
    def notes(self) -> tuple[str, ...]:
        found = []
        if self._other:
            found.append(f"{self._other} calls without a prompt (embeddings and others) left out")
        if self._repeated:
            found.append(f"{self._repeated} answers out of LiteLLM's own cache left out")
        if self._silent:
            found.append(f"{self._silent} rows say nothing of the cache: all their input is fresh")
        return tuple(found)

    def read(self, row: Row, place: Place) -> Iterator[Item]:
        call = name_of(first(row, ("call_type",))) or "completion"
        if not any(part in call for part in _CALLS):
            self._other += 1
            return
        if str(first(row, ("cache_hit",))).lower() == "true":
            self._repeated += 1
            return
        provider = name_of(first(row, ("custom_llm_provider",)))
        model = _model(name_of(first(row, ("model",))) or "", provider)
        failed = first(row, ("status",)) == "failure"
        body = _body(row, model, provider, self._resuming)
        answer = answer_in(_unpacked(first(row, ("response",))), body.hosted if body else None)
        usage = self._usage(row, answer, body)
        if usage is None and body is None and not failed:
            raise Unreadable("neither a prompt nor token counts")
        sent, began = (instant_of(first(row, (n,))) for n in ("startTime", "completionStartTime"))
        ended = instant_of(first(row, ("endTime",)))
        stream = first(row, ("stream",))
        cost = number_of(first(row, ("spend", "response_cost")))
        yield Record(
            place,
            model=model or answer.model or "",
            provider=provider_named(provider) or (body.provider if body else None),
            time=sent,
            id=name_of(first(row, ("request_id", "id"))) or answer.id,
            conversation=name_of(first(row, ("session_id", "trace_id"))),
            kind=call if "completion" not in call else "",
            dialect=body.hosted.name if body else None,
            prompt=body.prompt if body else None,
            usage=usage,
            output=usage.output if usage else None,
            status=500 if failed else None,
            stream=stream if isinstance(stream, bool) else None,
            ttft=between(sent, began) if began != ended else None,
            latency=between(sent, ended),
            cost=cost,
        )

    def _usage(self, row: Row, answer: Answer, body: Body | None) -> Usage | None:
        metadata = _unpacked(first(row, ("metadata",)))
        usage = usage_in(member(metadata, "usage_object"), body.hosted if body else None)
        usage = usage or answer.usage
        if usage is not None:
            return usage
        total, output = (count_of(first(row, (n,))) for n in ("prompt_tokens", "completion_tokens"))
        if not total and not output:
            return None
        self._silent += 1
        return Usage(fresh=total or 0, output=output or 0)


def _body(row: Row, model: str, provider: str | None, resuming: Resuming) -> Body | None:
    """Of the client's own request, or of messages and parameters; None where neither is kept."""
    asked = _unpacked(first(row, ("proxy_server_request",)))
    asked = member(asked, "body") if isinstance(member(asked, "body"), dict) else asked
    if not isinstance(asked, Mapping) or not any(asked.get(name) for name in _PROMPTS):
        messages = _unpacked(first(row, ("messages",)))
        if not isinstance(messages, list) or not messages:
            return None
        parameters = _unpacked(first(row, ("model_parameters",)))
        given = {n: any_of(parameters, n) for n in _PARAMETERS if any_of(parameters, n)}
        asked = {"messages": messages, **given}
    try:
        raw = msgspec.json.encode({**asked, "model": model or asked.get("model")})
        return resuming.read(raw, partial(body_of, model=model, provider=provider))
    except Unreadable:
        return None


def _unpacked(value: Any) -> Any:
    """Columns that hold JSON come out of some databases as text."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        return decoded(value.encode("utf-8", "replace"))
    return value


def _model(name: str, provider: str | None) -> str:
    """Without the provider's name before it."""
    return name.removeprefix(f"{provider}/") if provider else name
