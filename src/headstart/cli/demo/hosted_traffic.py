"""The hosted demo's traffic: an agent, its subagent, a second session, and a chat."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import anthropic
import openai

from headstart.cli.demo.agent import (
    AGAIN,
    LOOKUP,
    MAIN,
    QUESTIONS,
    SCOUT,
    SUPPORT,
    TOOLS,
    Step,
    result,
    system,
)
from headstart.cli.demo.traffic import from_openai
from headstart.dialects import AnthropicHosted
from headstart.usage import Usage

OPUS = "claude-opus-5-5"
SONNET = "claude-sonnet-5-5"
GPT = "gpt-6.1-sol"
ANSWER_TOKENS = 256
REQUESTS = len(MAIN) + len(LOOKUP) + len(AGAIN) + len(QUESTIONS)
_LOOK_UP_AFTER = 6
"""Requests of the agent before it sends its subagent."""

Say = Callable[[str], None]
"""Tells the emulating server what its model says next."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One request and what it used, as its SDK reports it."""

    who: str
    label: str
    provider: str
    model: str
    usage: Usage


def run_hosted(claude_url: str, gpt_url: str, say: Say) -> Iterator[Sent]:
    """All requests, one after the other, the same each time; without any cache directive."""
    claude = anthropic.Anthropic(base_url=claude_url, api_key="demo", max_retries=0)
    gpt = openai.OpenAI(base_url=gpt_url, api_key="demo", max_retries=0)
    with claude, gpt:
        first = system("2026-11-20 09:00:12")
        main = _agent(claude, "agent", OPUS, first, MAIN, "Why does json.loads accept NaN?", say)
        scout = _agent(
            claude, "subagent", SONNET, SCOUT, LOOKUP, "Where is JSONDecodeError defined?", say
        )
        for number, sent in enumerate(main, start=1):
            yield sent
            if number == _LOOK_UP_AFTER:
                yield from scout
        second = system("2026-11-20 09:04:47")
        question = "What does dumps do with an indent that is a string?"
        yield from _agent(claude, "session 2", OPUS, second, AGAIN, question, say)
        yield from _chat(gpt, say)


def _agent(
    client: anthropic.Anthropic,
    who: str,
    model: str,
    instructions: str,
    steps: Sequence[Step],
    question: str,
    say: Say,
) -> Iterator[Sent]:
    """A tool loop: each request sends all before it again, and the last tool's result."""
    messages: list[Any] = [{"role": "user", "content": question}]
    tools: Any = TOOLS
    for number, step in enumerate(steps, start=1):
        say(step.says)
        answer = client.messages.create(
            model=model,
            max_tokens=ANSWER_TOKENS,
            system=instructions,
            tools=tools,
            messages=messages,
        )
        usage = AnthropicHosted().usage(answer.to_json().encode())
        assert usage is not None
        yield Sent(who, f"{number} {step.tool or 'answers'}", "anthropic", model, usage)
        if step.tool is None:
            return
        asked = {
            "type": "tool_use",
            "id": f"toolu_{who.replace(' ', '_')}_{number}",
            "name": step.tool,
            "input": step.input,
        }
        said = [block.to_dict() for block in answer.content]
        given = {"type": "tool_result", "tool_use_id": asked["id"], "content": result(step)}
        messages.append({"role": "assistant", "content": [*said, asked]})
        messages.append({"role": "user", "content": [given]})


def _chat(client: openai.OpenAI, say: Say) -> Iterator[Sent]:
    """One conversation, streamed."""
    messages: list[openai.types.chat.ChatCompletionMessageParam] = [
        {"role": "system", "content": SUPPORT}
    ]
    for number, question in enumerate(QUESTIONS, start=1):
        messages.append({"role": "user", "content": question})
        say("It goes into the format specification, behind the colon.")
        answer, usage = "", None
        for chunk in client.chat.completions.create(
            model=GPT,
            max_completion_tokens=ANSWER_TOKENS,
            messages=messages,
            stream=True,
            stream_options={"include_usage": True},
        ):
            usage = chunk.usage or usage
            answer += (chunk.choices[0].delta.content or "") if chunk.choices else ""
        assert usage is not None
        yield Sent("chat", f"{number} asks", "openai", GPT, from_openai(usage))
        messages.append({"role": "assistant", "content": answer})
