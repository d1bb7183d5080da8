"""The HTTP surface, on a scripted engine: what a real model cannot be made to do on demand."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import httpx
import openai
import pytest

from headstart.engine.contract import (
    Delta,
    EngineClosed,
    EngineError,
    PromptTooLong,
    Started,
    TemplateError,
)
from headstart.server import EmbeddedServer, Settings, create_app
from tests.leaving import leaving
from tests.server.conftest import Serve
from tests.server.scripted import ScriptedEngine, fail, hang, say
from tests.waiting import HANGS, wait_until

HELLO = [{"role": "user", "content": "hello"}]
ROUTES = ["/v1/messages", "/v1/chat/completions"]


def body(**more: Any) -> dict[str, Any]:
    return {"model": "scripted", "max_tokens": 8, "messages": HELLO, **more}


def error_of(response: httpx.Response) -> dict[str, Any]:
    """The error object, after a look at whether it is in the dialect of the path."""
    answer = response.json()
    if response.url.path.startswith("/v1/messages"):
        assert answer["type"] == "error"
        assert answer["request_id"] == response.headers["request-id"]
        assert set(answer["error"]) == {"type", "message"}
    else:
        assert set(answer["error"]) == {"message", "type", "param", "code"}
    assert "Traceback" not in response.text
    error = answer["error"]
    assert isinstance(error, dict)
    return error


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize(
    ("error", "statuses", "text"),
    [
        (PromptTooLong("prompt is too long: 9 tokens > 8 maximum"), (400, 400), "9 tokens > 8"),
        (TemplateError("no tools here"), (400, 400), "no tools here"),
        (EngineClosed("closing"), (529, 503), "shutting down"),
        (EngineError("the step failed"), (500, 500), "the step failed"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_engine_errors_before_the_first_byte_have_a_status(
    serve: Serve,
    path: str,
    error: EngineError,
    statuses: tuple[int, int],
    text: str,
    stream: bool,
) -> None:
    client = serve(ScriptedEngine(fail(error)))
    response = client.post(path, json=body(stream=stream))
    assert response.status_code == statuses[ROUTES.index(path)]
    assert text in error_of(response)["message"]


def test_a_long_prompt_has_openais_code(serve: Serve) -> None:
    client = serve(ScriptedEngine(fail(PromptTooLong("9 > 8"))))
    error = error_of(client.post("/v1/chat/completions", json=body()))
    assert error["code"] == "context_length_exceeded"


def test_an_error_after_the_first_byte_is_an_event_of_the_anthropic_stream(serve: Serve) -> None:
    client = serve(
        ScriptedEngine(fail(EngineError("broke"), after=[Started(10, 0), Delta("half")]))
    )
    response = client.post("/v1/messages", json=body(stream=True))
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert response.headers["cache-control"] == "no-cache"
    name, data = response.text.strip().split("\n\n")[-1].split("\n")
    assert name == "event: error"
    assert json.loads(data.removeprefix("data: "))["error"]["message"] == "broke"


def test_an_error_after_the_first_byte_reaches_the_openai_sdk(serve: Serve) -> None:
    client = serve(
        ScriptedEngine(fail(EngineError("broke"), after=[Started(10, 0), Delta("half")]))
    )
    sdk = openai.OpenAI(base_url=f"{client.base_url}/v1", api_key="any", max_retries=0)
    chunks = sdk.chat.completions.create(
        model="scripted", messages=[{"role": "user", "content": "hi"}], stream=True
    )
    with pytest.raises(openai.APIError, match="broke"):
        list(chunks)


def test_a_fault_of_ours_is_a_bare_500_and_the_server_lives(serve: Serve) -> None:
    engine = ScriptedEngine()
    engine.fault = ZeroDivisionError("secret detail")
    client = serve(engine)
    response = client.post("/v1/messages", json=body())
    assert response.status_code == 500
    assert error_of(response) == {"type": "api_error", "message": "internal server error"}
    engine.fault = None
    assert client.post("/v1/messages", json=body()).status_code == 200


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("events", [(), (Started(10, 0), Delta("x"))])
@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_hangs_up_cancels(
    serve: Serve, path: str, events: tuple[Any, ...], stream: bool
) -> None:
    engine = ScriptedEngine(hang(*events))
    client = serve(engine)
    with leaving(str(client.base_url), path, json.dumps(body(stream=stream)).encode()) as left:
        wait_until(lambda: engine.tickets)
        assert not (stream and events) or left.recv(1)
    assert engine.tickets[0].cancelled.wait(HANGS)


def test_a_waiting_stream_is_kept_alive_and_then_works_in_the_sdks() -> None:
    def slow(tell: Any, ticket: Any) -> None:
        ticket.cancelled.wait(0.3)
        say("late")(tell, ticket)

    app = create_app(ScriptedEngine(slow, slow, slow), Settings(ping_interval=0.05))
    with EmbeddedServer(app, grace=0) as server:
        raw = httpx.post(f"{server.url}/v1/messages", json=body(stream=True), timeout=20).text
        assert raw.startswith("event: ping\n")
        claude = anthropic.Anthropic(base_url=server.url, api_key="any", max_retries=0)
        with claude.messages.stream(
            model="scripted", max_tokens=8, messages=[{"role": "user", "content": "hi"}]
        ) as stream:
            assert stream.get_final_text() == "late"
        gpt = openai.OpenAI(base_url=f"{server.url}/v1", api_key="any", max_retries=0)
        chunks = gpt.chat.completions.create(
            model="scripted", messages=[{"role": "user", "content": "hi"}], stream=True
        )
        texts = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
        assert "".join(texts) == "late"


def test_sampling_reaches_the_engine(serve: Serve) -> None:
    engine = ScriptedEngine()
    client = serve(engine)
    client.post(
        "/v1/messages",
        json=body(temperature=0.5, top_p=0.9, top_k=7, stop_sequences=["END"]),
    )
    sampling = engine.last_sampling
    assert (sampling.max_tokens, sampling.temperature, sampling.top_p) == (8, 0.5, 0.9)
    assert (sampling.top_k, tuple(sampling.stop)) == (7, ("END",))
    client.post("/v1/chat/completions", json=body(seed=11, stop="END"))
    assert (engine.last_sampling.seed, tuple(engine.last_sampling.stop)) == (11, ("END",))


def test_usage_splits_by_the_markers(serve: Serve) -> None:
    client = serve(ScriptedEngine(say("x", read=2)))
    system = [
        {"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        {"type": "text", "text": "b", "cache_control": {"type": "ephemeral"}},
    ]
    usage = client.post("/v1/messages", json=body(system=system)).json()["usage"]
    # The scripted engine puts its markers at 4 and 5 of 10 tokens.
    assert usage["cache_read_input_tokens"] == 2
    assert usage["cache_creation"] == {
        "ephemeral_5m_input_tokens": 1,
        "ephemeral_1h_input_tokens": 2,
    }
    assert usage["input_tokens"] == 5


def test_keys_make_tenants_and_tenants_scopes(serve: Serve) -> None:
    engine = ScriptedEngine()
    client = serve(engine, api_keys={"acme": "ka", "beta": "kb"})
    for headers, salt in [
        ({"x-api-key": "ka"}, None),
        ({"authorization": "Bearer kb"}, None),
        ({"x-api-key": "ka"}, "pepper"),
    ]:
        salted = {} if salt is None else {"cache_salt": salt}
        response = client.post("/v1/chat/completions", json=body(**salted), headers=headers)
        assert response.status_code == 200
    scopes = [(g.scope.tenant, g.scope.salt) for g in engine.submitted]
    assert scopes == [("acme", ""), ("beta", ""), ("acme", "pepper")]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/messages"),
        ("POST", "/v1/messages/count_tokens"),
        ("POST", "/v1/chat/completions"),
        ("GET", "/v1/models"),
        ("GET", "/v1/models/scripted"),
    ],
)
def test_a_wrong_key_is_a_401(serve: Serve, method: str, path: str) -> None:
    client = serve(ScriptedEngine(), api_keys={"acme": "ka"})
    for headers in ({}, {"x-api-key": "no"}, {"authorization": "Bearer no"}):
        response = client.request(method, path, json=body(), headers=headers)
        assert response.status_code == 401
        assert "API key" in error_of(response)["message"]


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens", ROUTES[1]])
def test_a_body_beyond_the_limit_is_a_413(serve: Serve, path: str) -> None:
    client = serve(ScriptedEngine(), max_body=1000)

    def chunks() -> Any:
        for _ in range(20):
            yield b" " * 100

    for content in (b" " * 1001, chunks()):
        response = client.post(path, content=content)
        assert response.status_code == 413
        assert "1000 bytes" in error_of(response)["message"]


def test_an_unknown_path_is_a_404_in_the_callers_dialect(serve: Serve) -> None:
    client = serve(ScriptedEngine())
    assert error_of(client.get("/v1/messages/batches"))["type"] == "not_found_error"
    assert error_of(client.get("/v1/files"))["param"] is None
    versioned = client.get("/v1/files", headers={"anthropic-version": "2023-06-01"})
    assert versioned.json()["type"] == "error"
    assert versioned.status_code == 404


@pytest.mark.parametrize("path", ROUTES)
def test_a_wrong_method_is_a_405(serve: Serve, path: str) -> None:
    response = serve(ScriptedEngine()).get(path)
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"
    error_of(response)


def test_models_in_both_shapes(serve: Serve) -> None:
    client = serve(ScriptedEngine(), model="some/dir", served_model_name=["alias", "scripted"])
    claude = anthropic.Anthropic(base_url=str(client.base_url), api_key="any")
    gpt = openai.OpenAI(base_url=f"{client.base_url}/v1", api_key="any")
    assert [model.id for model in claude.models.list()] == ["scripted", "alias"]
    assert [model.id for model in gpt.models.list()] == ["scripted", "alias"]
    assert claude.models.retrieve("alias").max_input_tokens == 100
    assert gpt.models.retrieve("alias").owned_by == "headstart"
    with pytest.raises(openai.NotFoundError):
        gpt.models.retrieve("other")
    with pytest.raises(anthropic.NotFoundError):
        claude.models.retrieve("other")


def test_every_answer_carries_its_id(serve: Serve) -> None:
    client = serve(ScriptedEngine())
    answers = [client.post(path, json=body()) for path in ROUTES] + [client.get("/nowhere")]
    ids = [answer.headers["request-id"] for answer in answers]
    assert ids == [answer.headers["x-request-id"] for answer in answers]
    assert len(set(ids)) == 3


def test_health(serve: Serve) -> None:
    client = serve(ScriptedEngine(), api_keys={"acme": "ka"})
    assert client.get("/healthz").json() == {"status": "ok", "model": "scripted"}
    assert client.head("/healthz").status_code == 200
