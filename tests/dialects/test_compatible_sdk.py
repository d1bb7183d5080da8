"""OpenAI's client, as people point it at other providers, understands their answers."""

from __future__ import annotations

import openai
import pytest

from headstart.dialects import COMPATIBLE, DialectError
from headstart.dialects.hosted import Reply
from headstart.usage import Usage
from tests.dialects.stub import Answer, Asked, serving

USER = {"role": "user", "content": "Hi"}
USAGE = Usage(fresh=10, read=20, output=4)


def answering(provider: str, seen: list[str]) -> object:
    """A server that knows the model ``m`` alone."""
    dialect = COMPATIBLE[provider]

    def answer(asked: Asked) -> Answer:
        seen.append(asked.path)
        deployment = asked.path.split("/")[3] if "/deployments/" in asked.path else None
        call = dialect.read(asked.body, model=deployment, headers=asked.headers)
        if call.prompt.model != "m":
            err = DialectError(404, "not_found_error", "No such model", "model")
            status, headers, body = dialect.error(err, "req_1")
            return Answer([body], headers.pop("content-type"), status, headers)
        reply = Reply("Hello", "stop", USAGE, "m", "id_1", 17)
        if call.stream:
            frames = dialect.render_stream(reply, ["Hel", "lo"], call)
            return Answer(frames, dialect.stream_type)
        return Answer([dialect.render(reply)])

    return answer


@pytest.mark.parametrize("provider", COMPATIBLE)
def test_a_completion_a_stream_and_an_error(provider: str) -> None:
    with (
        serving(answering(provider, [])) as url,
        openai.OpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0) as client,
    ):
        create = client.chat.completions.create
        completion = create(model="m", messages=[USER])
        assert completion.choices[0].message.content == "Hello"
        assert completion.usage.prompt_tokens_details.cached_tokens == 20
        chunks = list(create(model="m", messages=[USER], stream=True))
        texts = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
        assert "".join(texts) == "Hello"
        with pytest.raises(openai.NotFoundError, match="No such model"):
            create(model="other", messages=[USER])


def test_azure_names_the_deployment_in_the_url() -> None:
    seen: list[str] = []
    with (
        serving(answering("azure", seen)) as url,
        openai.AzureOpenAI(
            azure_endpoint=url, api_key="k", api_version="2025-04-01-preview", max_retries=0
        ) as client,
    ):
        completion = client.chat.completions.create(model="m", messages=[USER])
    assert completion.choices[0].message.content == "Hello"
    assert seen == ["/openai/deployments/m/chat/completions?api-version=2025-04-01-preview"]
