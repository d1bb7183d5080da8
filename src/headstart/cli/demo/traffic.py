"""The demo's traffic: questions about a long text, then a chat, through the vendors' SDKs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pydoc_data.topics import topics

import anthropic
import openai
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from headstart.usage import Usage

DOCUMENT_TOPIC = "debugger"
DOCUMENT_TOKENS = 5500
CHAT_TOPIC = "with"
ANSWER_TOKENS = 32

QUESTIONS = (
    "Which command sets a breakpoint?",
    "What is the difference between step and next?",
    "How can I print the stack trace?",
    "How do I start the debugger from my own code?",
)
TURNS = (
    "In one sentence, what does a with statement do?",
    "When is the __exit__ method called?",
    "Can one with statement hold two context managers?",
    "Thank you. Name one good use of it.",
)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of the demo and what came of it."""

    api: str
    """Which SDK asked."""
    label: str
    usage: Usage
    ttft: float
    """Seconds from sending the request to the first text, as the client saw it."""


def run_traffic(console: Console, url: str, key: str, model: str) -> list[Asked]:
    """Ask everything, under a progress bar; the requests in the order in which they ran."""
    claude = anthropic.Anthropic(base_url=url, api_key=key, max_retries=0)
    gpt = openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )
    asked: list[Asked] = []
    with claude, gpt, bar:
        task = bar.add_task("reading the document", total=len(QUESTIONS) + len(TURNS))
        for request in _both(claude, gpt, model):
            asked.append(request)
            bar.update(task, advance=1, description=request.label)
    return asked


def _both(claude: anthropic.Anthropic, gpt: openai.OpenAI, model: str) -> Iterator[Asked]:
    yield from ask_about_document(claude, model)
    yield from chat(gpt, model)


def ask_about_document(client: anthropic.Anthropic, model: str) -> Iterator[Asked]:
    """Each question alone, with the whole document as its marked system prompt."""
    document = _document(client, model)
    for question in QUESTIONS:
        sent, first = time.perf_counter(), None
        with client.messages.stream(
            model=model,
            max_tokens=ANSWER_TOKENS,
            system=[{"type": "text", "text": document, "cache_control": {"type": "ephemeral"}}],
            messages=[{"role": "user", "content": question}],
        ) as stream:
            for _ in stream.text_stream:
                first = first or time.perf_counter()
            usage = stream.get_final_message().usage
        buckets = Usage(
            fresh=usage.input_tokens,
            read=usage.cache_read_input_tokens or 0,
            write_5m=usage.cache_creation_input_tokens or 0,
            output=usage.output_tokens,
        )
        yield Asked("anthropic", question, buckets, (first or time.perf_counter()) - sent)


def chat(client: openai.OpenAI, model: str) -> Iterator[Asked]:
    """One conversation: every turn sends all turns before it again."""
    messages: list[openai.types.chat.ChatCompletionMessageParam] = [
        {"role": "system", "content": "Answer briefly, out of this text.\n\n" + topics[CHAT_TOPIC]}
    ]
    for turn in TURNS:
        messages.append({"role": "user", "content": turn})
        sent, first, answer, usage = time.perf_counter(), None, "", None
        for chunk in client.chat.completions.create(
            model=model,
            max_completion_tokens=ANSWER_TOKENS,
            temperature=0,
            messages=messages,
            stream=True,
            stream_options={"include_usage": True},
        ):
            usage = chunk.usage or usage
            text = chunk.choices[0].delta.content if chunk.choices else None
            if text:
                first = first or time.perf_counter()
                answer += text
        assert usage is not None
        ttft = (first or time.perf_counter()) - sent
        yield Asked("openai", turn, from_openai(usage), ttft)
        messages.append({"role": "assistant", "content": answer})


def from_openai(usage: openai.types.CompletionUsage) -> Usage:
    """The exclusive buckets of what the SDK reports."""
    details = usage.prompt_tokens_details
    read = (details.cached_tokens or 0) if details else 0
    written = (details.cache_write_tokens or 0) if details else 0
    return Usage(
        fresh=usage.prompt_tokens - read - written,
        read=read,
        write_other=written,
        output=usage.completion_tokens,
    )


def _document(client: anthropic.Anthropic, model: str) -> str:
    """The beginning of the topic, whole paragraphs, of about ``DOCUMENT_TOKENS`` tokens."""
    text = topics[DOCUMENT_TOPIC]
    counted = client.messages.count_tokens(
        model=model, system=text, messages=[{"role": "user", "content": QUESTIONS[0]}]
    )
    share = DOCUMENT_TOKENS / counted.input_tokens
    return text if share >= 1 else text[: text.rindex("\n\n", 0, int(len(text) * share))]
