"""The variables by which the providers' own SDKs are pointed at a local server.

Source: the SDKs themselves (anthropic 2.12.0, openai 3.54.0, google-genai 3.4.0, botocore
1.44.5), executed against a local server.
"""

from __future__ import annotations

from collections.abc import Mapping

_CREDENTIALS = {
    "ANTHROPIC_API_KEY": "sk-ant-headstart",
    "OPENAI_API_KEY": "sk-headstart",
    "AZURE_OPENAI_API_KEY": "headstart",
    "OPENAI_API_VERSION": "2025-04-01-preview",
    "GEMINI_API_KEY": "headstart",
    "AWS_ACCESS_KEY_ID": "headstart",
    "AWS_SECRET_ACCESS_KEY": "headstart",
    "AWS_DEFAULT_REGION": "us-east-1",
}
REMOVED = (
    "ANTHROPIC_AUTH_TOKEN",
    "AWS_BEARER_TOKEN_BEDROCK",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_PROFILE",
    "AWS_SESSION_TOKEN",
    "GOOGLE_API_KEY",
)
"""Win over those that are set, or make an SDK refuse plain HTTP."""
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


def base_urls(url: str) -> dict[str, str]:
    """Variable to base URL; ``url`` has no trailing slash."""
    return {
        "ANTHROPIC_BASE_URL": url,
        "ANTHROPIC_BEDROCK_BASE_URL": url,
        "ANTHROPIC_VERTEX_BASE_URL": f"{url}/v1",
        "OPENAI_BASE_URL": f"{url}/v1",
        "AZURE_OPENAI_ENDPOINT": url,
        "GOOGLE_GEMINI_BASE_URL": url,
        "GOOGLE_VERTEX_BASE_URL": url,
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": url,
    }


def emulated(url: str, given: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """What to set, and what to remove, so that SDKs talk to an emulating server: base URLs,
    credentials that open nothing where ``given`` has none, and no proxy in between."""
    missing = {name: value for name, value in _CREDENTIALS.items() if not given.get(name)}
    removed = tuple(name for name in (*REMOVED, *_PROXIES) if name in given)
    return {**base_urls(url), **missing, "NO_PROXY": "127.0.0.1,localhost"}, removed
