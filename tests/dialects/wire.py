"""What a test server says, in the dialects' own bytes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from starlette.requests import Request as HttpRequest
from starlette.responses import Response, StreamingResponse

from headstart.dialects import (
    AnthropicDialect,
    Dialect,
    DialectError,
    OpenAIDialect,
    Outcome,
    Request,
)
from headstart.usage import Usage

USAGE = Usage(fresh=7, read=1_800, write_5m=148, write_1h=100, output=5)
TEXT = 'Grüße, 世界 😀!\n"quoted" \u2028 \x85 \x0b end'
PIECES = ("Grüße, 世界", " 😀!\n", '"quoted"', " \u2028", " \x85 \x0b", "", " end")


@dataclass
class Wire:
    """What the server is to say, and what it was asked."""

    url: str = ""
    outcome: Outcome = field(default_factory=lambda: Outcome(TEXT, "stop", None, USAGE))
    pieces: tuple[str, ...] = PIECES
    failure: DialectError | None = None
    late_failure: DialectError | None = None
    seen: list[Request] = field(default_factory=list)

    async def messages(self, http: HttpRequest) -> Response:
        return await self._answer(AnthropicDialect(), http)

    async def completions(self, http: HttpRequest) -> Response:
        return await self._answer(OpenAIDialect(), http)

    async def count_tokens(self, http: HttpRequest) -> Response:
        dialect = AnthropicDialect()
        self.seen.append(dialect.parse_count(await http.body()))
        return Response(dialect.render_count(2_055), media_type=dialect.content_type)

    async def _answer(self, dialect: Dialect, http: HttpRequest) -> Response:
        try:
            request = dialect.parse(await http.body())
            if self.failure is not None:
                raise self.failure
        except DialectError as err:
            status, headers, body = dialect.error(err, "req_test")
            return Response(body, status, headers)
        self.seen.append(request)
        names = {"model": "m", "response_id": dialect.new_id(), "created": 1_700_000_000}
        if not request.stream:
            return Response(dialect.render(self.outcome, **names), media_type="application/json")
        stream = dialect.stream(request, **names)

        async def events() -> AsyncIterator[bytes]:
            yield stream.start(self.outcome.usage)
            for piece in self.pieces:
                yield stream.ping()
                yield stream.delta(piece)
            if self.late_failure is not None:
                yield stream.error(self.late_failure)
            else:
                yield stream.finish(self.outcome)

        return StreamingResponse(events(), headers={"content-type": stream.content_type})
