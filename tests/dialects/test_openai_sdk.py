"""The real client reads what the dialect writes."""

from __future__ import annotations

from collections.abc import Iterator

import openai
import pytest

from headstart.dialects import DialectError, ErrorKind
from tests.dialects.wire import TEXT, Wire

USER = {"role": "user", "content": "Hi"}


@pytest.fixture
def client(wire: Wire) -> Iterator[openai.OpenAI]:
    url = f"{wire.url}/v1"
    with openai.OpenAI(base_url=url, api_key="sk-fake", max_retries=0) as client:
        yield client


def _check_usage(usage: openai.types.CompletionUsage) -> None:
    assert usage.prompt_tokens == 2_055
    assert usage.completion_tokens == 5
    assert usage.total_tokens == 2_060
    assert usage.prompt_tokens_details.cached_tokens == 1_800
    assert usage.prompt_tokens_details.cache_write_tokens == 248


def test_a_completion(wire: Wire, client: openai.OpenAI) -> None:
    part = {"type": "text", "text": "Hi", "prompt_cache_breakpoint": {"mode": "explicit"}}
    completion = client.chat.completions.create(
        model="m",
        messages=[{"role": "user", "content": [part]}],
        prompt_cache_key="k",
        extra_body={"cache_salt": "s"},
    )
    assert completion.id.startswith("chatcmpl-")
    assert (completion.object, completion.model, completion.created) == (
        "chat.completion", "m", 1_700_000_000,
    )  # fmt: skip
    choice = completion.choices[0]
    assert (choice.message.role, choice.message.content) == ("assistant", TEXT)
    assert choice.finish_reason == "stop"
    _check_usage(completion.usage)
    assert wire.seen[0].marks == ((0, 0, 1800.0),)
    assert wire.seen[0].cache_salt == "s"


def test_a_stream_with_usage(client: openai.OpenAI) -> None:
    chunks = list(
        client.chat.completions.create(
            model="m", messages=[USER], stream=True, stream_options={"include_usage": True}
        )
    )
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(c.choices[0].delta.content or "" for c in chunks[:-1]) == TEXT
    assert [c.choices[0].finish_reason for c in chunks[:-1]] == [None] * (len(chunks) - 2) + [
        "stop"
    ]
    assert all(chunk.usage is None and "usage" in chunk.model_fields_set for chunk in chunks[:-1])
    assert chunks[-1].choices == []
    _check_usage(chunks[-1].usage)
    assert len({chunk.id for chunk in chunks}) == 1


def test_a_stream_without_usage(client: openai.OpenAI) -> None:
    chunks = list(client.chat.completions.create(model="m", messages=[USER], stream=True))
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert all("usage" not in chunk.model_fields_set for chunk in chunks)


def test_the_stream_helper_accumulates(client: openai.OpenAI) -> None:
    options = {"include_usage": True}
    with client.chat.completions.stream(
        model="m", messages=[USER], stream_options=options
    ) as stream:
        completion = stream.get_final_completion()
    assert completion.choices[0].message.content == TEXT
    _check_usage(completion.usage)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("reason", "finish"), [("stop", "stop"), ("stop_sequence", "stop"), ("length", "length")]
)
def test_finish_reasons(
    wire: Wire, client: openai.OpenAI, reason: str, finish: str, streamed: bool
) -> None:
    wire.outcome = wire.outcome._replace(reason=reason)
    answer = client.chat.completions.create(model="m", messages=[USER], stream=streamed)
    last = list(answer)[-1] if streamed else answer
    assert last.choices[0].finish_reason == finish


@pytest.mark.parametrize(
    ("status", "kind", "error", "code"),
    [
        (400, "invalid_request_error", openai.BadRequestError, None),
        (401, "authentication_error", openai.AuthenticationError, "invalid_api_key"),
        (403, "permission_error", openai.PermissionDeniedError, None),
        (404, "not_found_error", openai.NotFoundError, None),
        (413, "request_too_large", openai.APIStatusError, None),
        (429, "rate_limit_error", openai.RateLimitError, "rate_limit_exceeded"),
        (500, "api_error", openai.InternalServerError, None),
        (529, "overloaded_error", openai.InternalServerError, None),
    ],
)
def test_errors_map_to_the_clients_own(
    wire: Wire,
    client: openai.OpenAI,
    status: int,
    kind: ErrorKind,
    error: type[openai.APIStatusError],
    code: str | None,
) -> None:
    wire.failure = DialectError(status, kind, "what went wrong")
    with pytest.raises(error, match="what went wrong") as caught:
        client.chat.completions.create(model="m", messages=[USER])
    assert caught.value.status_code == (503 if status == 529 else status)
    assert caught.value.code == code
    assert caught.value.request_id == "req_test"


def test_param_and_code_reach_the_client(wire: Wire, client: openai.OpenAI) -> None:
    text = "The model `x` does not exist"
    wire.failure = DialectError(404, "not_found_error", text, "model", "model_not_found")
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="x", messages=[USER])
    assert (caught.value.param, caught.value.code) == ("model", "model_not_found")
    assert caught.value.type == "invalid_request_error"


def test_a_refused_request_names_its_fault(client: openai.OpenAI) -> None:
    image = {"type": "image_url", "image_url": {"url": "https://example.com/x.png"}}
    with pytest.raises(openai.BadRequestError, match="'image_url'") as caught:
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": [image]}])
    assert caught.value.param == "messages[0].content[0].type"


def test_an_error_in_mid_stream_is_raised(wire: Wire, client: openai.OpenAI) -> None:
    wire.late_failure = DialectError(500, "api_error", "It broke")
    with pytest.raises(openai.APIError, match="It broke"):
        list(client.chat.completions.create(model="m", messages=[USER], stream=True))
