"""generateContent, streamGenerateContent and countTokens requests."""

from __future__ import annotations

from typing import Any

import msgspec

from headstart.dialects.body import Fields, MalformedBody, decode
from headstart.dialects.gemini.contents import read_contents, read_system, read_tools
from headstart.dialects.gemini.errors import complain, invalid
from headstart.dialects.gemini.names import camel, model_id
from headstart.dialects.hosted import Call, Operation
from headstart.prompt import Controls, Prompt

_HELD_BY_CACHE = ("systemInstruction", "tools", "toolConfig")
_BOTH = (
    "CachedContent can not be used with GenerateContent request setting system_instruction,"
    " tools or tool_config.\n\nProposed fix: move those values to CachedContent from"
    " GenerateContent request."
)
_SETTINGS = ("toolConfig", "safetySettings", "serviceTier")
_GENERATION = (
    "thinkingConfig",
    "responseMimeType",
    "responseSchema",
    "responseJsonSchema",
    "responseModalities",
    "mediaResolution",
    "speechConfig",
    "imageConfig",
)


def parsed(body: bytes) -> Fields:
    """The object in ``body``, its own keys in lowerCamelCase; DialectError."""
    try:
        return camel(Fields(decode(body), (), complain))
    except MalformedBody as exc:
        raise invalid(f"Invalid JSON payload received. {exc}") from None


def read_request(body: bytes, model: str | None, operation: Operation, stream: bool) -> Call:
    """A request; DialectError."""
    fields = parsed(body)
    inner = fields.child("generateContentRequest") if operation == "count" else None
    asked = camel(inner) if inner is not None else fields
    name = model or asked.optional("model", str)
    if not name:
        raise complain(("model",), "missing", "")
    generation = asked.child("generationConfig")
    config = camel(generation) if generation is not None else None
    return Call(
        prompt=Prompt(
            model_id(name),
            (*read_tools(asked), *read_system(asked), *read_contents(asked)),
            read_settings(asked, config),
            Controls(resource=_resource(asked)),
        ),
        operation=operation,
        stream=stream,
        max_tokens=config.integer("maxOutputTokens", 0) if config is not None else None,
        include_usage=True,
        body=fields.data,
    )


def read_settings(fields: Fields, config: Fields | None) -> dict[str, str]:
    """Name -> canonical JSON of what a cache may key by; those of ``generationConfig``
    under its name."""
    given = {name: fields.data.get(name) for name in _SETTINGS}
    held = config.data if config is not None else {}
    given |= {f"generationConfig.{name}": held.get(name) for name in _GENERATION}
    return {name: _canonical(value) for name, value in given.items() if value is not None}


def _canonical(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _resource(fields: Fields) -> str | None:
    name = fields.optional("cachedContent", str)
    if name and any(fields.data.get(key) for key in _HELD_BY_CACHE):
        raise invalid(_BOTH, "cachedContent")
    return name or None
