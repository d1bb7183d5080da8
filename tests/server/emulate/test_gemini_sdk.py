"""google-genai, unmodified: generate, stream, count, and the life of a cached content."""

from __future__ import annotations

from typing import Any

import pytest
from google import genai
from google.genai import errors, types
from google.oauth2.credentials import Credentials

from tests.server.emulate.conftest import HOUSE_RULES, Emulated

MODEL = "gemini-2.5-flash"


def _client(emulated: Emulated, key: str = "k") -> genai.Client:
    return genai.Client(api_key=key, http_options=types.HttpOptions(base_url=emulated.url))


def _vertex(emulated: Emulated) -> genai.Client:
    return genai.Client(
        vertexai=True,
        project="p",
        location="europe-west4",
        credentials=Credentials(token="t"),  # type: ignore[no-untyped-call]
        http_options=types.HttpOptions(base_url=emulated.url),
    )


def _ask(client: genai.Client, text: str, **config: Any) -> Any:
    return client.models.generate_content(
        model=MODEL, contents=text, config=types.GenerateContentConfig(**config)
    ).usage_metadata


def _hold(client: genai.Client, **config: Any) -> Any:
    return client.caches.create(
        model=MODEL, config=types.CreateCachedContentConfig(contents=HOUSE_RULES, **config)
    )


def test_implicit_hits_whole_streamed_and_counted(emulated: Emulated) -> None:
    client = _client(emulated)
    first = _ask(client, HOUSE_RULES)
    assert not first.cached_content_token_count
    second = _ask(client, HOUSE_RULES)
    assert 2_000 < second.cached_content_token_count <= second.prompt_token_count
    *_, last = client.models.generate_content_stream(model=MODEL, contents=HOUSE_RULES)
    assert last.usage_metadata is not None
    assert last.usage_metadata.cached_content_token_count == second.cached_content_token_count
    assert last.usage_metadata.total_token_count == second.total_token_count
    counted = client.models.count_tokens(model=MODEL, contents=HOUSE_RULES)
    assert counted.total_tokens == first.prompt_token_count
    stranger = _client(emulated, "other")
    assert not _ask(stranger, HOUSE_RULES).cached_content_token_count


@pytest.mark.parametrize("make", [_client, _vertex])
def test_the_life_of_a_cached_content(emulated: Emulated, make: Any) -> None:
    client: genai.Client = make(emulated)
    made = _hold(client, ttl="60s", display_name="rules")
    other = _hold(client, ttl="60s")
    assert made.usage_metadata.total_token_count > 2_000
    assert (made.expire_time - made.create_time).total_seconds() == 60
    assert [found.name for found in client.caches.list()] == [made.name, other.name]
    pages = client.caches.list(config=types.ListCachedContentsConfig(page_size=1))
    assert [found.name for found in pages] == [made.name, other.name]
    assert client.caches.get(name=made.name).display_name == "rules"
    usage = _ask(client, "Which rules?", cached_content=made.name)
    assert usage.cached_content_token_count == made.usage_metadata.total_token_count
    assert usage.prompt_token_count > usage.cached_content_token_count

    changed = client.caches.update(
        name=made.name, config=types.UpdateCachedContentConfig(ttl="600s")
    )
    assert changed.expire_time is not None
    assert (changed.expire_time - made.create_time).total_seconds() == 600
    emulated.advance(61)
    assert [found.name for found in client.caches.list()] == [made.name]
    client.caches.delete(name=made.name)
    with pytest.raises(errors.ClientError) as caught:
        _ask(client, "Which rules?", cached_content=made.name)
    assert (caught.value.code, caught.value.status) == (403, "PERMISSION_DENIED")
    assert caught.value.message == "CachedContent not found (or permission denied)"


def test_one_of_another_key_is_as_if_it_were_not_there(emulated: Emulated) -> None:
    owner = _client(emulated, "a")
    made = _hold(owner)
    stranger = _client(emulated, "b")
    for ask in (
        lambda: stranger.caches.get(name=made.name),
        lambda: stranger.caches.delete(name=made.name),
        lambda: _ask(stranger, "Hi", cached_content=made.name),
    ):
        with pytest.raises(errors.ClientError) as caught:
            ask()
        assert caught.value.code == 403
    assert list(stranger.caches.list()) == []


def test_one_that_is_too_small(emulated: Emulated) -> None:
    client = _client(emulated)
    with pytest.raises(errors.ClientError) as caught:
        client.caches.create(
            model=MODEL, config=types.CreateCachedContentConfig(contents="Be brief.")
        )
    assert (caught.value.code, caught.value.status) == (400, "INVALID_ARGUMENT")
    assert caught.value.message is not None
    assert caught.value.message.startswith("Cached content is too small. total_token_count=")


def test_one_with_tools_of_the_requests_own(emulated: Emulated) -> None:
    client = _client(emulated)
    made = _hold(client)
    with pytest.raises(errors.ClientError) as caught:
        _ask(client, "Hi", cached_content=made.name, system_instruction="Be brief.")
    assert caught.value.code == 400


def test_an_unknown_path_is_told_in_the_dialect(emulated: Emulated) -> None:
    client = _client(emulated)
    with pytest.raises(errors.ClientError) as caught:
        client.models.get(model=MODEL)
    assert (caught.value.code, caught.value.status) == (404, "NOT_FOUND")
    wrong = emulated.http.get("/v1beta/cachedContents", params={"pageSize": "many"})
    assert wrong.status_code == 400
    assert wrong.json()["error"]["status"] == "INVALID_ARGUMENT"
