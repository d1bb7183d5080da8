from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.engine.contract import Chat, Mark, TemplateError
from headstart.engine.template import ChatTemplate

WITH_TOOLS = """\
{%- if tools %}<|im_start|>system
Tools:{% for tool in tools %}
{{ tool.function | tojson }}{% endfor %}<|im_end|>
{% endif %}
{%- for message in messages %}<|im_start|>{{ message.role }}
{{ message.content }}
{%- for call in message.tool_calls or [] %}
<call>{{ call.function.name }} {{ call.function.arguments }}</call>
{%- endfor %}<|im_end|>
{% endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""


def tokenizer_with(folder: Path, template: str | None) -> Any:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = template or tokenizer.chat_template
    return tokenizer


@pytest.fixture(scope="module")
def plain(builtin_folder: Path) -> ChatTemplate:
    return ChatTemplate(tokenizer_with(builtin_folder, None), "plain")


@pytest.fixture(scope="module")
def tooled(builtin_folder: Path) -> ChatTemplate:
    return ChatTemplate(tokenizer_with(builtin_folder, WITH_TOOLS), "tooled")


def message(role: str, *parts: str, **more: Any) -> Mapping[str, Any]:
    return {"role": role, "parts": list(parts), **more}


def tool(name: str) -> Mapping[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}


def in_common(a: Chat, b: Chat, template: ChatTemplate) -> int:
    first, second = template.encode(a).tokens, template.encode(b).tokens
    count = 0
    while count < min(len(first), len(second)) and first[count] == second[count]:
        count += 1
    return count


def lease(template: ChatTemplate, chat: Chat, mark: Mark) -> int:
    encoded = template.encode(Chat(chat.messages, chat.tools, [mark]))
    assert encoded.tokens == template.encode(chat).tokens
    (found,) = encoded.leases
    assert found.ttl == mark.ttl
    return found.tokens


def test_the_built_in_template(plain: ChatTemplate) -> None:
    chat = Chat([message("system", "Be ", "brief."), message("user", "Hi!")])
    text = plain._tokenizer.decode(plain.encode(chat).tokens)
    assert text == (
        "<|im_start|>system\nBe brief.<|im_end|>\n"
        "<|im_start|>user\nHi!<|im_end|>\n"
        "<|im_start|>assistant\n"
    )


def covered(template: ChatTemplate, chat: Chat, mark: Mark) -> str:
    """The text of the tokens that a mark leases."""
    tokens = template.encode(chat).tokens[: lease(template, chat, mark)]
    text: str = template._tokenizer.decode(tokens)
    return text


def test_a_message_mark_covers_the_message_and_what_ends_it(plain: ChatTemplate) -> None:
    system, user = message("system", "You know all."), message("user", "What is the sun?")
    one = Chat([system, user, message("assistant", "A star.")])
    assert covered(plain, one, Mark(0, 0, 60.0)) == "<|im_start|>system\nYou know all.<|im_end|>\n"
    assert covered(plain, one, Mark(1, 0, 60.0)).endswith("What is the sun?<|im_end|>\n")
    assert covered(plain, one, Mark(2, 0, 60.0)).endswith("A star.<|im_end|>\n")
    for index, other in (
        (0, Chat([system, message("assistant", "Well.")])),
        (1, Chat([system, user, user])),
    ):
        assert lease(plain, one, Mark(index, 0, 60.0)) <= in_common(one, other, plain)


def test_a_part_mark_is_where_other_parts_begin(plain: ChatTemplate) -> None:
    one = Chat([message("user", "A long document.\n", "First question?")])
    other = Chat([message("user", "A long document.\n", "Second question?")])
    assert lease(plain, one, Mark(0, 0, 60.0)) == in_common(one, other, plain)
    assert covered(plain, one, Mark(0, 0, 60.0)).endswith("document.\n")


def test_a_tool_mark_covers_the_tools_and_no_message(tooled: ChatTemplate) -> None:
    tools = [tool("alpha"), tool("beta")]
    one = Chat([message("user", "Which?")], tools)
    other = Chat([message("user", "Another?")], tools)
    assert lease(tooled, one, Mark(-1, 1, 60.0)) == in_common(one, other, tooled)
    first = covered(tooled, one, Mark(-1, 0, 60.0))
    assert "alpha" in first
    assert "beta" not in first


def test_tool_calls_belong_to_the_end_of_their_message(tooled: ChatTemplate) -> None:
    call = {"function": {"name": "weather", "arguments": "{}"}}
    said = message("assistant", "Let me ", "look.", tool_calls=[call])
    chat = Chat([message("user", "Weather?"), said, message("tool", "sunny")], [tool("w")])
    assert covered(tooled, chat, Mark(1, 0, 60.0)).endswith("Let me")  # " look" is one token.
    text = covered(tooled, chat, Mark(1, 1, 60.0))
    assert "look." in text
    assert "weather" not in text
    assert covered(tooled, chat, Mark(1, 2, 60.0)).endswith("</call><|im_end|>\n")


words = st.text("ab c\n.é🙂", min_size=1, max_size=8)


@settings(max_examples=80, deadline=None)
@given(parts=st.lists(words, min_size=1, max_size=4), part=st.integers(0, 3))
def test_a_part_mark_stands_at_its_text_but_for_a_token_across(
    plain: ChatTemplate, parts: list[str], part: int
) -> None:
    part = min(part, len(parts) - 1)
    chat = Chat([message("user", *parts, "|"), message("assistant", "yes")])
    text = covered(plain, chat, Mark(0, part, 60.0)).rstrip("\ufffd")
    tokens = plain.encode(chat).tokens
    place = lease(plain, chat, Mark(0, part, 60.0))
    marked = "".join(parts[: part + 1])
    whole = plain._tokenizer.decode(tokens)
    head = whole[: whole.index("user\n") + len("user\n")]
    assert (head + marked).startswith(text)
    assert not (head + marked).startswith(plain._tokenizer.decode(tokens[: place + 1]))


def test_marks_keep_their_order_and_their_ttl(plain: ChatTemplate) -> None:
    chat = Chat(
        [message("system", "One."), message("user", "Two."), message("user", "Three.")],
        marks=[Mark(2, 0, 300.0), Mark(0, 0, 3600.0)],
    )
    late, early = plain.encode(chat).leases
    assert (late.ttl, early.ttl) == (300.0, 3600.0)
    assert late.tokens > early.tokens > 0


def test_tools_need_a_template_that_takes_them(plain: ChatTemplate) -> None:
    with pytest.raises(TemplateError, match="plain takes no tools"):
        plain.encode(Chat([message("user", "Hi")], [tool("alpha")]))


def test_a_template_that_refuses_says_why(builtin_folder: Path) -> None:
    source = "{{ raise_exception('roles must alternate') }}"
    template = ChatTemplate(tokenizer_with(builtin_folder, source), "picky")
    with pytest.raises(TemplateError, match=r"picky.*roles must alternate"):
        template.encode(Chat([message("user", "Hi")]))


def test_a_template_that_is_broken_is_an_error_of_ours(builtin_folder: Path) -> None:
    template = ChatTemplate(tokenizer_with(builtin_folder, "{% if %}"), "broken")
    with pytest.raises(TemplateError, match="broken"):
        template.encode(Chat([message("user", "Hi")]))


def test_no_messages_are_refused_not_crashed_on(plain: ChatTemplate) -> None:
    with pytest.raises(TemplateError):
        plain.encode(Chat([]))


def test_a_template_that_refuses_the_cut_marks_nothing(builtin_folder: Path) -> None:
    source = (
        "{% if messages[-1].role != 'user' %}{{ raise_exception('user comes last') }}{% endif %}"
        "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
    )
    template = ChatTemplate(tokenizer_with(builtin_folder, source), "picky")
    chat = Chat(
        [message("system", "Be brief."), message("user", "Hi")],
        marks=[Mark(0, 0, 60.0), Mark(1, 0, 60.0)],
    )
    first, second = template.encode(chat).leases
    assert first.tokens == 0
    assert second.tokens > 0


def test_a_tokenizer_without_a_template_is_refused(builtin_folder: Path) -> None:
    tokenizer = tokenizer_with(builtin_folder, None)
    tokenizer.chat_template = None
    with pytest.raises(TemplateError, match="bare has no chat template"):
        ChatTemplate(tokenizer, "bare")
