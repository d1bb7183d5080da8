"""A local engine and hosted models behind one address: by the model's name."""

from __future__ import annotations

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from headstart.server.gateway import Local
from tests.server.gateway.conftest import Start, upstreams
from tests.server.gateway.raw import RawUpstream
from tests.server.gateway.test_fidelity import body


async def _echo(request: Request) -> Response:
    return PlainTextResponse(b"local " + await request.body())


def test_models_and_paths_of_its_own(start: Start, raw: RawUpstream) -> None:
    routes = [
        Route("/v1/messages", _echo, methods=["POST"]),
        Route("/v1/models", _echo),
        Route("/metrics", _echo),
    ]
    running = start(upstreams(raw.url), local=Local(Starlette(routes=routes), ["mine"]))
    sent = body(model="mine")
    assert httpx.post(f"{running.url}/v1/messages", content=sent).content == b"local " + sent
    assert httpx.get(f"{running.url}/v1/models").text == "local "
    assert httpx.get(f"{running.url}/metrics").text == "local "
    assert raw.bodies == []
    assert httpx.post(f"{running.url}/v1/messages", content=body()).text == "{}"
    assert httpx.get(f"{running.url}/anthropic/v1/models").text == "{}"
    assert len(raw.bodies) == 2
    ours = httpx.get(f"{running.url}/_headstart/gateway/metrics").text
    assert 'headstart_gateway_requests_total{status="200",upstream="anthropic"} 2.0' in ours
