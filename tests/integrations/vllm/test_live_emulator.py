"""The emulator's vLLM rules against vLLM: every request's cached tokens, to the token.

Real text, one request after the other, vLLM without the connector: documents with questions
behind them, chats through the chat endpoint, salts, repetitions, prompts shorter than a
block and of whole blocks. Emulator and vLLM are given the same tokens.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator, Sequence
from datetime import date
from hashlib import sha256
from typing import Any, NamedTuple

import pytest

from benchmarks.prompts import documentation
from benchmarks.vllm_server import MODEL, VLLMServer
from headstart.prompt import Chain, Controls
from headstart.providers.emulate import emulate
from headstart.usage import MissReason
from tests.integrations.vllm.conftest import PAGE, Site

TODAY = date(2026, 11, 23)


class Row(NamedTuple):
    kind: str
    predicted: int
    actual: int
    total: int
    reason: MissReason | None


class Twin:
    """vLLM, and the emulator that is told what vLLM is told."""

    def __init__(self, vllm: VLLMServer) -> None:
        self.vllm = vllm
        self._emulator = emulate(
            "vllm", MODEL, TODAY, count=lambda _: 0, knobs={"granularity": PAGE}
        )
        self._now = 0.0
        self.rows: list[Row] = []

    def tokens(self, **prompt: Any) -> list[int]:
        tokens: list[int] = self.vllm.post("/tokenize", {"model": MODEL, **prompt})["tokens"]
        return tokens

    def complete(self, kind: str, tokens: list[int], salt: str | None, output: int) -> None:
        body = {"prompt": tokens, "max_tokens": output}
        reply = self._send(kind, "/v1/completions", body, tokens, salt)
        assert reply["usage"]["prompt_tokens"] == len(tokens)

    def chat(self, messages: list[dict[str, str]], salt: str | None, output: int) -> None:
        tokens = self.tokens(messages=messages, add_generation_prompt=True)
        body = {"messages": messages, "max_tokens": output}
        reply = self._send("chat", "/v1/chat/completions", body, tokens, salt)
        text = reply["choices"][0]["message"]["content"] or ""
        messages.append({"role": "assistant", "content": text})

    def _send(
        self, kind: str, path: str, body: dict[str, Any], tokens: list[int], salt: str | None
    ) -> Any:
        body |= {"model": MODEL, "temperature": 0, "return_token_ids": True}
        body |= {"cache_salt": salt} if salt else {}
        self._now += 1
        ticket = self._emulator.begin(_chain(tokens, salt), self._now)
        reply = self.vllm.post(path, body)
        ticket.first_byte(self._now)
        usage = reply["usage"]
        assert usage["prompt_tokens"] == len(tokens)
        actual = usage["prompt_tokens_details"]["cached_tokens"]
        predicted = ticket.lookup
        self.rows.append(Row(kind, predicted.usage.read, actual, len(tokens), predicted.reason))
        # vLLM holds what it wrote, but for the last token, which it never read.
        written = [*tokens, *reply["choices"][0]["token_ids"][:-1]]
        self._emulator.begin(_chain(written, salt), self._now).first_byte(self._now)
        return reply


def _chain(tokens: Sequence[int], salt: str | None) -> Chain:
    blocks = [
        sha256(repr(tokens[at : at + PAGE]).encode()).digest() for at in range(0, len(tokens), PAGE)
    ]
    return Chain.of_blocks(MODEL, blocks, PAGE, tokens=len(tokens), controls=Controls(salt=salt))


@pytest.fixture(scope="module")
def plain(site: Site) -> Iterator[VLLMServer]:
    """vLLM alone, with room for all that is sent."""
    server = site.server("plain", connected=False)
    try:
        server.start()
        yield server
    finally:
        server.kill()


def test_the_emulator_predicts_every_request_exactly(plain: VLLMServer) -> None:
    twin = Twin(plain)
    chosen = random.Random(7)
    text = twin.tokens(prompt=documentation()[:120_000])
    documents = [text[at : at + 300 + 83 * i] for i, at in enumerate(range(0, 12_000, 1_500))]
    questions = [text[at : at + size] for at, size in _places(chosen, 40, len(text))]
    work = [*_documents(chosen, documents, questions), *_chats(chosen)]
    # Chats keep their own order; everything else goes between their turns.
    order = sorted(range(len(work)), key=lambda _: chosen.random())
    for at in order:
        work[at](twin)
    assert len(twin.rows) >= 220
    wrong = [row for row in twin.rows if row.predicted != row.actual]
    assert not wrong, wrong
    # It is not all misses, nor all the same.
    read = [row.actual for row in twin.rows]
    assert sum(1 for tokens in read if tokens) > 100
    assert len(set(read)) > 8
    total = sum(row.total for row in twin.rows)
    logging.getLogger(__name__).warning(
        "%d requests, %d of %d tokens read, all as predicted", len(read), sum(read), total
    )


def _places(chosen: random.Random, count: int, most: int) -> Iterator[tuple[int, int]]:
    for _ in range(count):
        yield chosen.randrange(most - 400), chosen.randrange(3, 260)


def _documents(
    chosen: random.Random, documents: list[list[int]], questions: list[list[int]]
) -> Iterator[Any]:
    def of(kind: str, tokens: list[int], salt: str | None = None, output: int = 1) -> Any:
        return lambda twin: twin.complete(kind, tokens, salt, output)

    for document in documents:
        for question in chosen.sample(questions, 10):
            yield of("question", document + question, None, chosen.choice([1, 1, 1, 20]))
    for document in documents[:4]:
        for salt in ("red", "blue"):
            for question in chosen.sample(questions, 3):
                yield of("salt", document + question, salt)
    for _ in range(24):
        again = chosen.choice(documents) + chosen.choice(questions)
        yield of("repeated", again)
        yield of("repeated", again)
    for size in (1, 5, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE - 1, 2 * PAGE, 2 * PAGE + 1, 3 * PAGE):
        for _ in range(2):
            yield of("whole blocks", documents[-1][:size])
            yield of("cut", documents[-2][:size])


def _chats(chosen: random.Random) -> Iterator[Any]:
    lines = [line for line in documentation().splitlines() if 80 < len(line) < 400]
    for number in range(8):
        system = " ".join(lines[40 * (number % 3) : 40 * (number % 3) + 12])
        messages = [{"role": "system", "content": system}]
        salt = "chat" if number == 5 else None

        def turn(twin: Twin, messages: Any = messages, salt: str | None = salt) -> None:
            messages.append({"role": "user", "content": chosen.choice(lines)})
            twin.chat(messages, salt, 24)

        yield from [turn] * 6
