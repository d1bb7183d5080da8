"""AWS Bedrock's model invocation logs, from S3 or CloudWatch: Converse and InvokeModel.

Counts exclude what was read and written; what was written is split by lifetime only within
the response. Large bodies lie in S3 beside the log, and only their place is told.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

import msgspec

from headstart.audit.importers.addresses import Address
from headstart.audit.importers.answers import answer_of
from headstart.audit.importers.bodies import Body, body_of, unquoted
from headstart.audit.importers.contract import Importer, Item, Unreadable
from headstart.audit.importers.resuming import Resuming
from headstart.audit.importers.values import (
    Row,
    count_of,
    decoded,
    first,
    head_of,
    instant_of,
    member,
    name_of,
    seconds_of,
)
from headstart.audit.record import Place, Record
from headstart.dialects import BedrockConverse, BedrockInvoke, Hosted
from headstart.usage import Usage

_CONVERSE, _INVOKE = BedrockConverse(), BedrockInvoke()
_DIALECTS: Final[dict[str, Hosted]] = {
    "Converse": _CONVERSE,
    "ConverseStream": _CONVERSE,
    "InvokeModel": _INVOKE,
    "InvokeModelWithResponseStream": _INVOKE,
}
_MESSAGES: Final = ("message", "@message")
_LOG: Final = b"ModelInvocationLog"
_ROW: Final = msgspec.json.Decoder(Row)


class BedrockLogs(Importer):
    """One invocation a row, also wrapped as CloudWatch exports it."""

    name = "bedrock"
    about = "AWS Bedrock's model invocation logs"

    def __init__(self) -> None:
        self._elsewhere = self._other = 0
        self._resuming = Resuming()

    @classmethod
    def takes(cls, row: Row) -> bool:
        if "modelId" in row and "operation" in row and "requestId" in row:
            return True
        found = (row[name] for name in _MESSAGES if name in row)
        return any(_LOG in head_of(raw) for raw in found)

    @property
    def notes(self) -> tuple[str, ...]:
        found = []
        if self._elsewhere:
            found.append(f"{self._elsewhere} prompts lie in S3 and not in the log: usage alone")
        if self._other:
            found.append(f"{self._other} calls of other operations or models left out")
        return tuple(found)

    def read(self, row: Row, place: Place) -> Iterator[Item]:
        row = _unwrapped(row)
        operation = name_of(first(row, ("operation",))) or ""
        if operation not in _DIALECTS:
            self._other += 1
            return
        given, gave = _members(row.get("input")), _members(row.get("output"))
        model = (name_of(first(row, ("modelId",))) or "").rpartition("/")[2]
        hosted, body = _DIALECTS[operation], None
        if "inputBodyJson" in given:
            address = Address("bedrock", hosted, stream="Stream" in operation)
            body = self._body(given["inputBodyJson"], model, address)
        elif "inputBodyS3Path" in given:
            self._elsewhere += 1
        failed = name_of(first(row, ("errorCode",)))
        answer = answer_of(gave.get("outputBodyJson"), hosted)
        usage = answer.usage or _counts(given, gave)
        if usage is None and body is None and not failed:
            raise Unreadable("neither a prompt nor token counts")
        latency = member(decoded(gave.get("outputBodyJson")), "metrics", "latencyMs")
        yield Record(
            place,
            model=model,
            provider="bedrock",
            time=instant_of(first(row, ("timestamp",))),
            id=name_of(first(row, ("requestId",))),
            dialect=hosted.name if body else None,
            prompt=body.prompt if body else None,
            usage=usage,
            output=usage.output if usage else None,
            status=_status(failed) if failed else None,
            stream="Stream" in operation,
            latency=seconds_of(latency.get("latencyMs"), 1e-3)
            if isinstance(latency, dict)
            else None,
        )

    def _body(self, raw: msgspec.Raw, model: str, address: Address) -> Body | None:
        try:
            read = partial(body_of, model=model, address=address)
            return self._resuming.read(unquoted(raw), read)
        except Unreadable:
            self._other += 1  # a model with bodies of its own, such as an embedding's
            return None


def _unwrapped(row: Row) -> Row:
    """The invocation itself."""
    for name in _MESSAGES:
        if name in row and "modelId" not in row:
            inner = decoded(row[name])
            data = inner.encode("utf-8", "replace") if isinstance(inner, str) else row[name]
            return _members(data)
    return row


def _members(raw: msgspec.Raw | bytes | None) -> Row:
    try:
        return _ROW.decode(raw) if raw is not None else {}
    except (ValueError, RecursionError):
        return {}


def _counts(given: Row, gave: Row) -> Usage | None:
    """Of rows without the response."""
    fresh = count_of(first(given, ("inputTokenCount",)))
    output = count_of(first(gave, ("outputTokenCount",)))
    if fresh is None and output is None:
        return None
    read = count_of(first(given, ("cacheReadInputTokenCount",))) or 0
    written = count_of(first(given, ("cacheWriteInputTokenCount",))) or 0
    return Usage(fresh or 0, read, write_5m=written, output=output or 0)


def _status(code: str) -> int:
    return 429 if "Throttl" in code else 400 if "Validation" in code else 500
