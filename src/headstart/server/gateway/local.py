"""A local engine's app beside the upstreams: its models go to it, whatever else is asked."""

from __future__ import annotations

from collections.abc import Collection

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from headstart.server.gateway.targets import Spoken


class Local:
    """The app of ``headstart serve``, and the names of the models that it serves."""

    def __init__(self, app: ASGIApp, models: Collection[str]) -> None:
        self._app = app
        self._models = frozenset(models)

    def takes(self, told: Spoken | None, model: str | None) -> bool:
        """Whether a request whose path names no upstream is for it: by model, or because its
        path neither generates nor counts."""
        return told is None or model in self._models

    async def answer(
        self, scope: Scope, body: bytes, more: bool, receive: Receive, send: Send
    ) -> None:
        """Hand a request over, with what was read of its body."""
        first: list[Message] = [{"type": "http.request", "body": body, "more_body": more}]

        async def again() -> Message:
            return first.pop() if first else await receive()

        await self._app(scope, again, send)
