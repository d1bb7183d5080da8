"""What one tenant cached, another cannot read or notice."""

from __future__ import annotations

import openai
import pytest

from tests.e2e.conftest import KEYS

MODEL = "smollm2-135m"


def cached(url: str, tenant: str, text: str, salt: str | None = None) -> int:
    """Tokens that a one-token request of this tenant reads."""
    client = openai.OpenAI(base_url=f"{url}/v1", api_key=KEYS[tenant], max_retries=0)
    usage = client.chat.completions.create(
        model=MODEL,
        max_tokens=1,
        messages=[{"role": "user", "content": text}],
        extra_body={} if salt is None else {"cache_salt": salt},
    ).usage
    assert usage is not None
    assert usage.prompt_tokens_details is not None
    return usage.prompt_tokens_details.cached_tokens or 0


@pytest.fixture(scope="module")
def secret() -> str:
    return "The ledger of Ipswich lists forty casks of wine. " * 10


def test_tenants_share_nothing(url: str, secret: str) -> None:
    # Whatever the other tests left behind, a text of one's own reads the template at most.
    floor = cached(url, "beta", "x")
    assert cached(url, "acme", secret) < 60
    assert cached(url, "acme", secret) > 100
    assert cached(url, "beta", secret) <= max(floor, 60)
    assert cached(url, "beta", secret) > 100


def test_salts_narrow_the_scope(url: str, secret: str) -> None:
    salted = secret.replace("Ipswich", "Jena")
    cached(url, "acme", salted)
    assert cached(url, "acme", salted, salt="one") == 0
    assert cached(url, "acme", salted, salt="one") > 100
    assert cached(url, "acme", salted, salt="two") == 0
    assert cached(url, "acme", salted) > 100
