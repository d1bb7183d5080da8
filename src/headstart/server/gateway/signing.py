"""Signing requests to AWS anew, with credentials of the gateway's own."""

from __future__ import annotations

import importlib
from typing import Any

from multidict import CIMultiDict
from yarl import URL

from headstart.server.config import ConfigError
from headstart.server.upstreams import Upstream

_SERVICE = "bedrock"


class Signer:
    """Signature version 4, by botocore. Credentials are found and renewed as botocore does."""

    def __init__(self, upstream: Upstream) -> None:
        """ConfigError without botocore, credentials or a region."""
        try:
            self._auth = importlib.import_module("botocore.auth")
            self._request = importlib.import_module("botocore.awsrequest")
            session = importlib.import_module("botocore.session").get_session()
        except ModuleNotFoundError:
            text = "botocore is not installed: pip install 'headstart[bedrock]'"
            raise ConfigError(text) from None
        self._credentials: Any = session.get_credentials()
        self._region = upstream.region or session.get_config_variable("region")
        if self._credentials is None:
            raise ConfigError('auth = "aws": no AWS credentials were found')
        if not self._region:
            raise ConfigError('auth = "aws" needs a region')

    def sign(self, method: str, url: URL, headers: CIMultiDict[str], body: bytes) -> None:
        """Add the signature's headers. Only what AWS needs is signed: what a proxy between
        may touch is left out."""
        request = self._request.AWSRequest(method=method, url=str(url), data=body)
        kind = headers.get("content-type")
        if kind is not None:
            request.headers["content-type"] = kind
        frozen = self._credentials.get_frozen_credentials()
        self._auth.SigV4Auth(frozen, _SERVICE, self._region).add_auth(request)
        for name, value in request.headers.items():
            headers[name] = value
