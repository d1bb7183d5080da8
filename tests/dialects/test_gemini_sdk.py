"""Google's own client writes what the dialect reads, and reads what it writes."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from google import genai
from google.genai import errors, types

from headstart.dialects import DialectError, Gemini
from headstart.dialects.gemini import (
    DELETED,
    CachedContent,
    no_such_cache,
    read_cache,
    read_cache_patch,
    render_cache,
    render_caches,
)
from headstart.dialects.hosted import Call, Reply
from headstart.usage import Usage
from tests.dialects.stub import Answer, Asked, serving

GEMINI = Gemini()
PIECES = ("Hello", " you")
NOW = 1_790_000_000.25
MODEL = "gemini-3.5-flash"


class Provider:
    """Answers with one usage, and keeps cache objects by name."""

    def __init__(self) -> None:
        self.usage = Usage(fresh=15, read=7021, output=19)
        self.calls: list[Call] = []
        self.caches: dict[str, CachedContent] = {}

    def __call__(self, asked: Asked) -> Answer:
        try:
            if "/cachedContents" in asked.path:
                return Answer([self._resource(asked)])
            return self._model(asked)
        except DialectError as err:
            status, headers, body = GEMINI.error(err, "req_1")
            return Answer([body], headers.pop("content-type"), status, headers)

    def _model(self, asked: Asked) -> Answer:
        match = re.fullmatch(r"/v1(?:beta)?/models/([^:]+):(\w+)(?:\?alt=sse)?", asked.path)
        assert match is not None, asked.path
        streamed = match[2] == "streamGenerateContent"
        counted = match[2] == "countTokens"
        operation = "count" if counted else "generate"
        call = GEMINI.read(asked.body, model=match[1], operation=operation, stream=streamed)
        if call.prompt.controls.resource not in (None, *self.caches):
            raise no_such_cache()
        self.calls.append(call)
        reply = Reply("".join(PIECES), "stop", self.usage, match[1], "id_1", 17)
        if counted:
            return Answer([GEMINI.render_count(self.usage)])
        if streamed:
            return Answer(GEMINI.render_stream(reply, PIECES, call), GEMINI.stream_type)
        return Answer([GEMINI.render(reply)])

    def _resource(self, asked: Asked) -> bytes:
        name = asked.path.partition("/cachedContents")[2].partition("?")[0].strip("/")
        if asked.method == "POST":
            made = read_cache(asked.body)
            end = made.expiry.at or NOW + (made.expiry.ttl or 3600)
            cache = CachedContent(
                "cachedContents/a1", made.model_name, NOW, NOW, end, 7021, made.display_name
            )
            self.caches[cache.name] = cache
            return render_cache(cache)
        if not name:
            return render_caches(list(self.caches.values()))
        cache = self.caches.get(f"cachedContents/{name}")
        if cache is None:
            raise no_such_cache()
        if asked.method == "DELETE":
            del self.caches[cache.name]
            return DELETED
        if asked.method == "PATCH":
            expiry = read_cache_patch(asked.body)
            end = expiry.at or NOW + (expiry.ttl or 0)
            cache = CachedContent(cache.name, cache.model, NOW, NOW, end, 7021)
            self.caches[cache.name] = cache
        return render_cache(cache)


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture(params=["v1", "v1beta"])
def client(provider: Provider, request: pytest.FixtureRequest) -> Iterator[genai.Client]:
    with serving(provider) as url:
        options = types.HttpOptions(base_url=url, api_version=request.param)
        with genai.Client(api_key="fake", http_options=options) as client:
            yield client


def test_generate(provider: Provider, client: genai.Client) -> None:
    function = types.FunctionDeclaration(name="f", description="d")
    config = types.GenerateContentConfig(
        system_instruction="Be brief",
        tools=[types.Tool(function_declarations=[function])],
        max_output_tokens=50,
        thinking_config=types.ThinkingConfig(thinking_budget=0),
    )
    response = client.models.generate_content(model=MODEL, contents="Hi", config=config)
    assert response.text == "Hello you"
    assert response.candidates[0].finish_reason == types.FinishReason.STOP
    usage = response.usage_metadata
    assert (usage.prompt_token_count, usage.cached_content_token_count) == (7036, 7021)
    assert usage.cache_tokens_details[0].token_count == 7021
    (call,) = provider.calls
    assert call.prompt.model == MODEL
    assert [s.type for s in call.prompt.segments] == ["tool", "text", "text"]
    assert [s.text for s in call.prompt.segments[1:]] == ["Be brief", "Hi"]
    assert call.max_tokens == 50
    assert set(call.prompt.settings) == {"generationConfig.thinkingConfig"}


def test_a_miss_says_nothing_of_the_cache(provider: Provider, client: genai.Client) -> None:
    provider.usage = Usage(fresh=15, output=19)
    usage = client.models.generate_content(model=MODEL, contents="Hi").usage_metadata
    assert usage.prompt_token_count == 15
    assert usage.cached_content_token_count is None
    assert usage.cache_tokens_details is None


def test_stream(provider: Provider, client: genai.Client) -> None:
    chunks = list(client.models.generate_content_stream(model=MODEL, contents="Hi"))
    assert [chunk.text for chunk in chunks] == list(PIECES)
    assert chunks[-1].usage_metadata.cached_content_token_count == 7021
    assert provider.calls[0].stream


def test_count(client: genai.Client) -> None:
    counted = client.models.count_tokens(model=MODEL, contents="Hi")
    assert (counted.total_tokens, counted.cached_content_token_count) == (7036, 7021)


def test_the_life_of_a_cache(provider: Provider, client: genai.Client) -> None:
    assert list(client.caches.list()) == []
    config = types.CreateCachedContentConfig(
        contents="A long book", system_instruction="Be brief", ttl="300s", display_name="book"
    )
    cache = client.caches.create(model=MODEL, config=config)
    assert (cache.name, cache.display_name) == ("cachedContents/a1", "book")
    assert cache.expire_time.timestamp() == pytest.approx(NOW + 300)
    assert cache.create_time.timestamp() == pytest.approx(NOW)
    assert cache.usage_metadata.total_token_count == 7021
    assert client.caches.get(name=cache.name) == cache
    assert [found.name for found in client.caches.list()] == [cache.name]
    use = types.GenerateContentConfig(cached_content=cache.name)
    client.models.generate_content(model=MODEL, contents="Hi", config=use)
    assert provider.calls[-1].prompt.controls.resource == cache.name
    longer = types.UpdateCachedContentConfig(ttl="600s")
    updated = client.caches.update(name=cache.name, config=longer)
    assert updated.expire_time.timestamp() == pytest.approx(NOW + 600)
    client.caches.delete(name=cache.name)
    with pytest.raises(errors.ClientError) as caught:
        client.caches.get(name=cache.name)
    assert (caught.value.code, caught.value.status) == (403, "PERMISSION_DENIED")
    assert caught.value.message == "CachedContent not found (or permission denied)"


def test_an_unknown_cache_is_refused(client: genai.Client) -> None:
    use = types.GenerateContentConfig(cached_content="cachedContents/none")
    with pytest.raises(errors.ClientError) as caught:
        client.models.generate_content(model=MODEL, contents="Hi", config=use)
    assert caught.value.code == 403


def test_a_cache_holds_the_system_instruction_itself(client: genai.Client) -> None:
    use = types.GenerateContentConfig(
        cached_content="cachedContents/a1", system_instruction="Be brief"
    )
    with pytest.raises(errors.ClientError, match="can not be used with") as caught:
        client.models.generate_content(model=MODEL, contents="Hi", config=use)
    assert (caught.value.code, caught.value.status) == (400, "INVALID_ARGUMENT")
