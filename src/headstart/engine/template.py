"""From messages to tokens, and from cache markers to token positions.

A chat template may put anything anywhere, so a marker's position is not computed from the
template but observed: the prompt is rendered once whole and once cut off at the marker, and
the marker stands where the two renderings part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from headstart.engine.contract import Chat, Encoded, Lease, Mark, TemplateError
from headstart.prefix.beginning import equal_beginning


class ChatTemplate:
    """A tokenizer's chat template; calls are thread-safe as far as the tokenizer is."""

    def __init__(self, tokenizer: Any, name: str) -> None:
        """TemplateError if the tokenizer has no template."""
        self._tokenizer = tokenizer
        self._name = name
        template = tokenizer.chat_template
        if not template:
            raise TemplateError(f"{name} has no chat template")
        texts = template.values() if isinstance(template, dict) else [template]
        self._takes_tools = any("tools" in text for text in texts)

    def encode(self, chat: Chat) -> Encoded:
        """TemplateError if the template refuses the messages, or takes no tools."""
        if chat.tools and not self._takes_tools:
            raise TemplateError(f"the chat template of {self._name} takes no tools")
        text = self._render(chat.messages, chat.tools, generate=True)
        encoding = self._tokenizer(
            text, add_special_tokens=False, return_offsets_mapping=bool(chat.marks)
        )
        tokens: list[int] = encoding["input_ids"]
        leases = [
            Lease(self._position(chat, mark, text, encoding["offset_mapping"]), mark.ttl)
            for mark in chat.marks
        ]
        return Encoded(tokens, leases)

    def _position(
        self, chat: Chat, mark: Mark, text: str, offsets: Sequence[tuple[int, int]]
    ) -> int:
        """How many tokens lie wholly before the marker."""
        try:
            cut = self._render(*_cut(chat, mark), generate=False)
        except TemplateError:
            return 0  # A template may refuse a chat that ends here; the rest still works.
        end = equal_beginning(text, cut)
        low, high = 0, len(offsets)
        while low < high:
            middle = (low + high) // 2
            if offsets[middle][1] <= end:
                low = middle + 1
            else:
                high = middle
        return low

    def _render(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]],
        generate: bool,
    ) -> str:
        plain = [
            {**{k: v for k, v in m.items() if k != "parts"}, "content": "".join(m["parts"])}
            for m in messages
        ]
        try:
            text: str = self._tokenizer.apply_chat_template(
                plain,
                tools=[dict(tool) for tool in tools] or None,
                tokenize=False,
                add_generation_prompt=generate,
            )
        except Exception as error:  # Jinja templates raise whatever they like.
            raise TemplateError(
                f"the chat template of {self._name} refuses this: {error}"
            ) from error
        return text


def _cut(chat: Chat, mark: Mark) -> tuple[Sequence[Mapping[str, Any]], Sequence[Mapping[str, Any]]]:
    """The chat up to the marker."""
    if mark.message < 0:
        # Tools stand before or inside the first message: part ways at its content.
        first = {**chat.messages[0], "parts": ["\x00"]}
        tools = chat.tools[: mark.part + 1]
        return [first, *chat.messages[1:]], tools
    last = dict(chat.messages[mark.message])
    if mark.part < len(last["parts"]):
        last.pop("tool_calls", None)  # They are rendered behind the parts.
    last["parts"] = last["parts"][: mark.part + 1]
    return [*chat.messages[: mark.message], last], chat.tools
