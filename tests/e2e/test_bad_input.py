"""Bad input gets the dialect's own error and status, never a 500, never a traceback."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

ROUTES = ["/v1/messages", "/v1/chat/completions"]
IMAGE = {
    "type": "image",
    "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="},
}
IMAGE_URL = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}


def good(**changes: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": "hello"}]
    body = {"model": "tiny-llama", "max_tokens": 4, "messages": messages, **changes}
    return {name: value for name, value in body.items() if value is not ...}


def message_of(response: httpx.Response) -> str:
    """The error's text, in the dialect of the path."""
    body = response.json()
    assert "Traceback" not in response.text
    if response.url.path.startswith("/v1/messages"):
        assert body["type"] == "error"
        assert body["request_id"].startswith("req_")
    else:
        assert set(body["error"]) == {"message", "type", "param", "code"}
    message = body["error"]["message"]
    assert isinstance(message, str)
    assert message
    return message


@pytest.mark.parametrize("path", ROUTES)
def test_good_input_is_good(tiny: httpx.Client, path: str) -> None:
    assert tiny.post(path, json=good()).status_code == 200


@pytest.mark.parametrize("path", [*ROUTES, "/v1/messages/count_tokens"])
@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"null", b"[]", b'"x"', b"\xff\xfe", b"NaN", b'{"model":', b"[" * 100_000],
)
def test_malformed_json(tiny: httpx.Client, path: str, content: bytes) -> None:
    response = tiny.post(path, content=content)
    assert response.status_code == 400
    message_of(response)


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize(
    "changes",
    [
        {"model": ...},
        {"model": 7},
        {"messages": ...},
        {"messages": []},
        {"messages": "hello"},
        {"messages": [7]},
        {"messages": [{}]},
        {"messages": [{"role": "user"}]},
        {"messages": [{"role": "wizard", "content": "hi"}]},
        {"messages": [{"role": "user", "content": 7}]},
        {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
        {"messages": [{"role": "user", "content": [{"type": "nonsense"}]}]},
        {"messages": [{"role": "user", "content": [IMAGE]}]},
        {"messages": [{"role": "user", "content": [IMAGE_URL]}]},
        {"max_tokens": -1},
        {"max_tokens": "many"},
        {"max_tokens": 1.5},
        {"max_tokens": 10**30},
        {"max_tokens": 100_000},
        {"temperature": "hot"},
        {"temperature": -1},
        {"top_p": 7},
        {"stream": "yes"},
        {"tools": "hammer"},
    ],
    ids=repr,
)
def test_wrong_fields(tiny: httpx.Client, path: str, changes: dict[str, Any]) -> None:
    response = tiny.post(path, json=good(**changes))
    assert response.status_code == 400
    message_of(response)


@pytest.mark.parametrize("path", [*ROUTES, "/v1/messages/count_tokens"])
def test_an_unknown_model(tiny: httpx.Client, path: str) -> None:
    changes = {"max_tokens": ...} if path.endswith("count_tokens") else {}
    response = tiny.post(path, json=good(model="claude-opus-5-5", **changes))
    assert response.status_code == 404
    assert "claude-opus-5-5" in message_of(response)


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("stream", [False, True])
def test_a_prompt_beyond_the_context_names_both_counts(
    tiny: httpx.Client, path: str, stream: bool
) -> None:
    messages = [{"role": "user", "content": "hello " * 3000}]
    response = tiny.post(path, json=good(messages=messages, stream=stream))
    assert response.status_code == 400
    message = message_of(response)
    assert "1024" in message.replace(",", "")
    assert "30" in message
    if path == "/v1/chat/completions":
        assert response.json()["error"]["code"] == "context_length_exceeded"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
FIELDS = [
    "model",
    "messages",
    "max_tokens",
    "max_completion_tokens",
    "temperature",
    "top_p",
    "top_k",
    "stream",
    "system",
    "tools",
    "tool_choice",
    "stop",
    "stop_sequences",
    "seed",
    "cache_control",
    "cache_salt",
    "metadata",
    "n",
    "stream_options",
]


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    path=st.sampled_from([*ROUTES, "/v1/messages/count_tokens"]),
    changes=st.dictionaries(st.sampled_from(FIELDS), json_values, min_size=1, max_size=2),
)
def test_no_field_of_any_value_is_a_500(
    tiny: httpx.Client, path: str, changes: dict[str, Any]
) -> None:
    # The standard library writes NaN and Infinity, as careless clients do.
    response = tiny.post(path, content=json.dumps({**good(), **changes}))
    assert response.status_code < 500
    if response.status_code != 200:
        message_of(response)
