"""``POST /v1/messages/count_tokens``."""

from __future__ import annotations

import asyncio

from starlette.requests import Request as HTTPRequest
from starlette.responses import Response

from headstart.engine.contract import TemplateError
from headstart.server.errors import ANTHROPIC, from_engine
from headstart.server.record import record_of
from headstart.server.routes_generate import encode
from headstart.server.service import Service


class CountRoute:
    """Counts with the tokenizer and template that a generation would use."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def answer(self, http: HTTPRequest) -> Response:
        """Counts tools, system and messages as the model would get them."""
        self._service.authenticate(http)
        body = await self._service.read_body(http)
        try:
            model, tokens = await asyncio.to_thread(self._count, body)
        except TemplateError as error:
            raise from_engine(error) from error
        record_of(http).model = model
        return Response(ANTHROPIC.render_count(tokens), media_type=ANTHROPIC.content_type)

    def _count(self, body: bytes) -> tuple[str, int]:
        request = ANTHROPIC.parse_count(body)
        self._service.check_model(request.prompt.model)
        return request.prompt.model, len(encode(self._service, request).tokens)
