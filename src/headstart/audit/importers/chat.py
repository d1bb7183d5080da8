"""Plain conversations: messages alone, of which every assistant's was one call."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import accumulate
from typing import Final

import msgspec

from headstart.audit.importers.bodies import body_of
from headstart.audit.importers.contract import Importer, Item, Unreadable
from headstart.audit.importers.values import Row, decoded, first, name_of
from headstart.audit.record import Place, Record

_NAMES: Final = ("conversation", "conversation_id", "session_id", "thread_id", "id")
_BODY: Final = frozenset(("messages", "tools", "functions", "system", "model", "tool_choice"))
_REQUEST: Final = frozenset(
    (
        *("max_tokens", "max_completion_tokens", "temperature", "top_p", "stream", "stop"),
        *("response", "request", "usage", "stream_options", "anthropic_version", "response_format"),
        *("inferenceConfig", "toolConfig", "prompt_cache_key", "thinking", "reasoning_effort"),
    )
)
"""Fields that requests have and bare conversations do not."""


class Chat(Importer):
    """One conversation a row; when its calls were made is not known. A row that ends before
    an answer has one call more."""

    name = "chat"
    about = "conversations as messages only"

    @classmethod
    def takes(cls, row: Row) -> bool:
        if "messages" not in row or not _REQUEST.isdisjoint(row):
            return False
        if "model" not in row:
            return True
        messages = decoded(row["messages"])
        last = messages[-1] if isinstance(messages, list) and messages else None
        return isinstance(last, dict) and last.get("role") == "assistant"

    def read(self, row: Row, place: Place) -> Iterator[Item]:
        body = body_of(
            msgspec.json.encode({name: raw for name, raw in row.items() if name in _BODY})
        )
        name = name_of(first(row, _NAMES)) or f"{place.path}:{place.line}"
        prompt = body.prompt
        roles = _roles(decoded(row.get("messages")))
        counts = [0] * len(roles)
        before = 0
        for segment in prompt.segments:
            if segment.message < 0:
                before += 1
            elif segment.message < len(roles):
                counts[segment.message] += 1
        starts = [before, *(before + count for count in accumulate(counts))]
        for index, role in enumerate([*roles, "assistant"]):
            ended = index == len(roles) and roles[-1:] == ["assistant"]
            if role != "assistant" or ended or not starts[index]:
                continue
            yield Record(
                place,
                model=body.model if "model" in row else "",
                provider=body.provider if "model" in row else None,
                id=f"{name}#{index}",
                conversation=name,
                dialect=body.hosted.name,
                prompt=replace(prompt, segments=prompt.segments[: starts[index]]),
            )


def _roles(messages: object) -> list[str]:
    if not isinstance(messages, list) or not messages:
        raise Unreadable("its messages are no list")
    return [str(item.get("role")) if isinstance(item, dict) else "" for item in messages]
