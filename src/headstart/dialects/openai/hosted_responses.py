"""The Responses API: ``POST /v1/responses`` and ``/v1/responses/input_tokens``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from headstart.dialects.body import Fields
from headstart.dialects.hosted import Call, Facts, Operation, Reply
from headstart.dialects.openai.directives import (
    BREAKPOINT,
    TTL_30M_12H,
    OptionFields,
    Options,
    read_options,
)
from headstart.dialects.openai.family import Format, OpenAIFamily, parsed, read_model
from headstart.dialects.openai.outline import Outline
from headstart.dialects.openai.responses_facts import diagnosis_of, stop_of
from headstart.dialects.openai.responses_outline import outline_responses
from headstart.dialects.openai.responses_reply import response, response_events
from headstart.dialects.openai.responses_writing import write_responses
from headstart.dialects.openai.settings import RESPONSES
from headstart.dialects.openai.usage import RESPONSES_USAGE
from headstart.prompt import Prompt
from headstart.usage import Usage

_MODES = ("implicit", "explicit")
OPENAI_RESPONSES = Format(
    name="openai-responses",
    usage=RESPONSES_USAGE,
    settings=RESPONSES,
    directives=(BREAKPOINT,),
    options=OptionFields(_MODES, TTL_30M_12H, ("prewarm", "comparison_response_id")),
    retentions=("in_memory", "24h"),
    always_usage=True,
)
_STORED = ("previous_response_id", "conversation", "prompt")


class OpenAIResponses(OpenAIFamily):
    """One provider's Responses API; OpenAI's own unless another format is given."""

    _items = ("input",)
    _usage_at = ("usage", "response.usage")

    def __init__(self, form: Format = OPENAI_RESPONSES) -> None:
        super().__init__(form)

    def read(
        self,
        body: bytes,
        *,
        model: str | None = None,
        headers: Mapping[str, str] | None = None,
        operation: Operation = "generate",
        stream: bool = False,
    ) -> Call:
        fields = parsed(body)
        counted = operation == "count" and fields.data.get("model") is None
        name = (model or "") if counted else read_model(fields, model)
        options = read_options(fields, self.format.options)
        return Call(
            prompt=self._prompt(fields, options, name, headers or {}),
            operation=operation,
            stream=stream or fields.optional("stream", bool) or False,
            max_tokens=0 if options.prewarm else fields.integer("max_output_tokens", 0),
            include_usage=True,
            body=fields.data,
        )

    def _facts(self, value: Any) -> Facts:
        found = super()._facts(value)
        if isinstance(value, dict):
            whole = value.get("response", value)
            return found._replace(stop=stop_of(whole), diagnosis=diagnosis_of(whole))
        return found

    def write(self, prompt: Prompt) -> dict[str, Any]:
        """``model``, ``input``, ``tools`` and cache fields, for ``responses.create``."""
        return write_responses(prompt, self.format)

    def render(self, reply: Reply) -> bytes:
        return msgspec.json.encode(response(reply))

    def render_stream(self, reply: Reply, pieces: Sequence[str], call: Call) -> Sequence[bytes]:
        return response_events(reply, pieces)

    def render_count(self, usage: Usage) -> bytes:
        return msgspec.json.encode({"object": "response.input_tokens", "input_tokens": usage.input})

    def _outline(self, fields: Fields, options: Options) -> tuple[Outline, str | None]:
        stored = [found for name in _STORED if (found := _id(fields, name)) is not None]
        if fields.data.get("input") is None and not stored:
            raise fields.fail("input", "missing", "Field required")
        outline = Outline(self.format.directives, options.ttl)
        reference = outline_responses(fields, outline)
        return outline, next(iter(stored), reference)


def _id(fields: Fields, name: str) -> str | None:
    """A field that is an id, or an object that has one."""
    value = fields.data.get(name)
    if value is None or isinstance(value, str):
        return value
    holder = fields.child(name)
    return holder.required("id", str) if holder else None
