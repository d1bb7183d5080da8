"""What every route needs: the engine, who may ask it, and the names it answers to."""

from __future__ import annotations

from starlette.requests import Request

from headstart.dialects import DialectError
from headstart.engine.contract import Engine
from headstart.server.auth import Tenants
from headstart.server.config import Settings
from headstart.server.metrics import Metrics
from headstart.server.record import record_of

BUILT_IN_NAMES = ("smollm2-135m", "smollm2-135m-instruct")


class Service:
    """One engine as one app serves it."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        keys = {name: key.get_secret_value() for name, key in settings.api_keys.items()}
        self.engine = engine
        self.settings = settings
        self.tenants = Tenants(keys)
        self.metrics = Metrics(engine)
        self.names = served_names(engine.info.id, settings)

    def authenticate(self, request: Request) -> str:
        """The caller's tenant; DialectError 401."""
        tenant = self.tenants.authenticate(request.headers)
        if tenant is None:
            raise DialectError(
                401, "authentication_error", "invalid or missing API key", code="invalid_api_key"
            )
        record_of(request).tenant = tenant
        return tenant

    def check_model(self, name: str) -> None:
        """DialectError 404 for a name that is not served."""
        if name not in self.names:
            raise DialectError(
                404,
                "not_found_error",
                f"model: {name[:200]!r} is not served here (served: {', '.join(self.names)})",
                param="model",
                code="model_not_found",
            )

    async def read_body(self, request: Request) -> bytes:
        """The request's body; DialectError 413 beyond the limit, ClientDisconnect."""
        limit = int(self.settings.max_body)
        too_large = DialectError(
            413, "request_too_large", f"request exceeds the maximum size of {limit} bytes"
        )
        declared = request.headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > limit:
            raise too_large
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit:
                raise too_large
        return bytes(body)


def served_names(model_id: str, settings: Settings) -> tuple[str, ...]:
    """The model's own name first, then its aliases, each once."""
    built_in = settings.model is None or settings.model in BUILT_IN_NAMES
    aliases = [*(BUILT_IN_NAMES if built_in else ()), *settings.served_model_name]
    return tuple(dict.fromkeys([model_id, *aliases]))
