"""The prompt of any Responses request: tools, instructions, and input items of any type."""

from __future__ import annotations

from headstart.dialects.body import Fields
from headstart.dialects.openai.outline import Outline, Place, called

_ROLES = {
    "developer": "system",
    "system": "system",
    "user": "user",
    "assistant": "assistant",
}
_PARTS = {
    "input_text": "text",
    "input_image": "image",
    "input_file": "document",
    "input_audio": "audio",
}
_MARKABLE = ("input_text", "input_image", "input_file")
_SAID = {"output_text": "text", "text": "text", "summary_text": "text", "refusal": "refusal"}
"""Parts that models write: they take no directive."""
_ITEM_OPENING = b'[{"type":"input_text","text":'
_ITEM_CLOSING = b"}]"
_INPUT_OPENING = b'[{"type":"message","role":"user","content":' + _ITEM_OPENING
_INPUT_CLOSING = b"}]}]"


def outline_responses(body: Fields, out: Outline) -> str | None:
    """Tools, instructions and input; DialectError. Gives the id of the first item that
    refers to content which the request does not carry, or None."""
    for tool in body.children("tools"):
        tool.required("type", str)
        out.tool(tool.data, tool.path)
    instructions = body.optional("instructions", str)
    if instructions:
        out.open("system", -1)
        place = Place(("instructions",))
        out.bare(instructions, "input_text", place, "text", markable=False)
    given = body.data.get("input")
    if isinstance(given, str):
        out.open("user", 0)
        place = Place(("input",), _INPUT_OPENING, _INPUT_CLOSING)
        out.bare(given, "input_text", place, "text", markable=True)
        return None
    references = [_item(item, index, out) for index, item in enumerate(body.children("input"))]
    return next((found for found in references if found), None)


def _item(item: Fields, index: int, out: Outline) -> str | None:
    kind = item.optional("type", str) or "message"
    if kind == "message":
        _message(item, index, out)
    elif kind == "item_reference":
        out.open("assistant", index)
        out.block(item, None, kind, markable=False)
        return item.required("id", str)
    elif kind == "additional_tools":
        out.open("system", index)
        out.block(item, None, "tool", markable=False)
    elif kind.endswith("_output"):
        out.open("tool", index)
        out.block(item, _output(item), "tool_result", markable=False)
    else:
        name = "thinking" if kind == "reasoning" else kind
        name = "tool_use" if kind.endswith("_call") else name
        out.open("assistant", index)
        out.block(item, called(item.data), name, markable=False)
    return None


def _output(item: Fields) -> str | None:
    """A tool's result as the model gets it. Reportedly a breakpoint on one of its parts is
    taken and never written, so none counts as one here."""
    output = item.data.get("output")
    return output if isinstance(output, str) else None


def _message(message: Fields, index: int, out: Outline) -> None:
    role = _ROLES[message.choice("role", tuple(_ROLES))]
    out.open(role, index, {"phase": message.optional("phase", str)})
    spoken = role == "assistant"
    content = message.data.get("content")
    if content is None or isinstance(content, str):
        text = message.required("content", str)
        place = Place((*message.path, "content"), _ITEM_OPENING, _ITEM_CLOSING)
        form = "output_text" if spoken else "input_text"
        out.bare(text, form, place, "text", markable=not spoken)
        return
    for part in message.children("content"):
        _part(part, out)


def _part(part: Fields, out: Outline) -> None:
    kind = part.required("type", str)
    if kind == "input_text" or kind in _SAID:
        text = part.required("refusal" if kind == "refusal" else "text", str)
        name = _SAID.get(kind, "text")
        out.block(part, text, name, markable=kind == "input_text" and bool(text))
    else:
        out.block(part, None, _PARTS.get(kind, kind), markable=kind in _MARKABLE)
