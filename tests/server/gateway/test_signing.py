from __future__ import annotations

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from multidict import CIMultiDict
from yarl import URL

from headstart.server import ConfigError
from headstart.server.gateway.signing import Signer
from headstart.server.upstreams import Upstream

URL_ = URL("http://127.0.0.1:9/model/a%3Ab/converse", encoded=True)


def upstream(region: str | None = "eu-north-1") -> Upstream:
    return Upstream(base_url="http://x", provider="bedrock", auth="aws", region=region)


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)


@pytest.mark.usefixtures("keys")
def test_the_signature_is_one_that_aws_would_make() -> None:
    headers = CIMultiDict({"content-type": "application/json", "x-other": "1"})
    Signer(upstream()).sign("POST", URL_, headers, b"{}")
    request = AWSRequest(method="POST", url=str(URL_), data=b"{}")
    request.headers["content-type"] = "application/json"
    request.context["timestamp"] = headers["x-amz-date"]
    request.headers["x-amz-date"] = headers["x-amz-date"]
    auth = SigV4Auth(Credentials("AKIDEXAMPLE", "secret"), "bedrock", "eu-north-1")
    text = auth.string_to_sign(request, auth.canonical_request(request))
    assert headers["authorization"].endswith(f"Signature={auth.signature(text, request)}")
    assert "/eu-north-1/bedrock/aws4_request" in headers["authorization"]
    assert "x-other" not in headers["authorization"]


@pytest.mark.usefixtures("keys")
def test_a_region_is_needed() -> None:
    with pytest.raises(ConfigError, match="region"):
        Signer(upstream(region=None))


def test_credentials_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError, match="credentials"):
        Signer(upstream())
