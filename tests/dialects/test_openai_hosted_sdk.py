"""OpenAI's own client writes what the hosted dialects read, and reads what they write."""

from __future__ import annotations

from collections.abc import Iterator

import openai
import pytest

from headstart.dialects import DialectError, OpenAIChat, OpenAIResponses
from headstart.dialects.hosted import Call, Hosted, Reply
from headstart.usage import Usage
from tests.dialects.stub import Answer, Asked, serving

USAGE = Usage(fresh=7, read=1800, write_30m=248, output=5)
PIECES = ("Hello", " ", "you")
MARK = {"mode": "explicit", "ttl": "30m"}
DIALECTS: dict[str, Hosted] = {
    "/v1/chat/completions": OpenAIChat(),
    "/v1/responses": OpenAIResponses(),
    "/v1/responses/input_tokens": OpenAIResponses(),
}


class Provider:
    """Answers with one reply, and remembers what was asked."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.stop = "stop"
        self.failure: DialectError | None = None

    def __call__(self, asked: Asked) -> Answer:
        dialect = DIALECTS[asked.path]
        try:
            if self.failure is not None:
                raise self.failure
            counting = asked.path.endswith("input_tokens")
            operation = "count" if counting else "generate"
            call = dialect.read(asked.body, headers=asked.headers, operation=operation)
        except DialectError as err:
            status, headers, body = dialect.error(err, "req_1")
            return Answer([body], headers.pop("content-type"), status, headers)
        self.calls.append(call)
        if counting:
            return Answer([dialect.render_count(USAGE)])
        reply = Reply("".join(PIECES), self.stop, USAGE, call.prompt.model, "resp_1", 17)
        if call.stream:
            return Answer(dialect.render_stream(reply, PIECES, call), dialect.stream_type)
        return Answer([dialect.render(reply)])


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
def client(provider: Provider) -> Iterator[openai.OpenAI]:
    with (
        serving(provider) as url,
        openai.OpenAI(base_url=f"{url}/v1", api_key="sk-fake", max_retries=0) as client,
    ):
        yield client


def part(kind: str) -> dict[str, object]:
    return {"type": kind, "text": "Hi", "prompt_cache_breakpoint": MARK}


def test_a_completion(provider: Provider, client: openai.OpenAI) -> None:
    completion = client.chat.completions.create(
        model="gpt-6",
        messages=[{"role": "user", "content": [part("text")]}],
        prompt_cache_key="k",
        prompt_cache_options={"mode": "explicit", "ttl": "30m"},
    )
    assert completion.choices[0].message.content == "Hello you"
    details = completion.usage.prompt_tokens_details
    assert completion.usage.prompt_tokens == USAGE.input
    assert (details.cached_tokens, details.cache_write_tokens) == (1800, 248)
    prompt = provider.calls[0].prompt
    assert (prompt.segments[0].ttl, prompt.controls.key) == (1800, "k")


@pytest.mark.parametrize("asked", [False, True])
def test_a_streamed_completion(client: openai.OpenAI, asked: bool) -> None:
    chunks = list(
        client.chat.completions.create(
            model="gpt-6",
            messages=[{"role": "user", "content": "Hi"}],
            stream=True,
            stream_options={"include_usage": asked},
        )
    )
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == "Hello you"
    assert [chunk.usage is not None for chunk in chunks] == [False] * 5 + [True] * asked


def test_the_chat_stream_helper(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(
        model="gpt-6",
        messages=[{"role": "user", "content": "Hi"}],
        stream_options={"include_usage": True},
    ) as stream:
        completion = stream.get_final_completion()
    assert completion.choices[0].message.content == "Hello you"
    assert completion.usage.prompt_tokens_details.cached_tokens == 1800


def test_a_response(provider: Provider, client: openai.OpenAI) -> None:
    response = client.responses.create(
        model="gpt-6",
        instructions="Be brief",
        input=[{"role": "user", "content": [part("input_text")]}],
        prompt_cache_options={"mode": "explicit", "ttl": "12h"},
    )
    assert response.output_text == "Hello you"
    assert response.status == "completed"
    details = response.usage.input_tokens_details
    assert (details.cached_tokens, details.cache_write_tokens) == (1800, 248)
    assert details.cache_write_tokens_details.ttl_30m_tokens == 248
    assert [s.text for s in provider.calls[0].prompt.segments] == ["Be brief", "Hi"]
    assert provider.calls[0].prompt.controls.ttl == 43200


def test_a_streamed_response(client: openai.OpenAI) -> None:
    events = list(client.responses.create(model="gpt-6", input="Hi", stream=True))
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert deltas == list(PIECES)
    assert events[-1].type == "response.completed"
    assert events[-1].response.usage.input_tokens == USAGE.input


def test_the_responses_stream_helper(client: openai.OpenAI) -> None:
    with client.responses.stream(model="gpt-6", input="Hi") as stream:
        kinds = [event.type for event in stream]
        response = stream.get_final_response()
    assert kinds.count("response.output_text.delta") == 3
    assert response.output_text == "Hello you"
    assert response.usage.input_tokens_details.cached_tokens == 1800


@pytest.mark.parametrize("streamed", [False, True])
def test_a_response_cut_short(provider: Provider, client: openai.OpenAI, streamed: bool) -> None:
    provider.stop = "length"
    answer = client.responses.create(model="gpt-6", input="Hi", stream=streamed)
    response = list(answer)[-1].response if streamed else answer
    assert response.status == "incomplete"
    assert response.incomplete_details.reason == "max_output_tokens"


def test_a_count(client: openai.OpenAI) -> None:
    counted = client.responses.input_tokens.count(model="gpt-6", input="Hi")
    assert counted.input_tokens == USAGE.input


def test_a_refused_field_is_named(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model="gpt-6", input="Hi", prompt_cache_options={"ttl": "5m"})
    assert caught.value.param == "prompt_cache_options.ttl"
    assert (caught.value.type, caught.value.code) == ("invalid_request_error", "invalid_value")
    assert caught.value.request_id == "req_1"


@pytest.mark.parametrize(
    ("err", "raised"),
    [
        (DialectError(401, "authentication_error", "Bad key"), openai.AuthenticationError),
        (DialectError(404, "not_found_error", "No model", "model"), openai.NotFoundError),
        (DialectError(429, "rate_limit_error", "Slow down"), openai.RateLimitError),
        (DialectError(529, "overloaded_error", "Busy"), openai.InternalServerError),
    ],
)
def test_errors(
    provider: Provider,
    client: openai.OpenAI,
    err: DialectError,
    raised: type[openai.APIStatusError],
) -> None:
    provider.failure = err
    with pytest.raises(raised, match=err.message):
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hi"}])
