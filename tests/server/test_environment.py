"""The variables point each SDK at the server, whatever was set before."""

from __future__ import annotations

import os

import anthropic
import boto3
import openai
import pytest
from google import genai

from headstart.server.environment import REMOVED, base_urls, emulated

URL = "http://127.0.0.1:1"


@pytest.fixture
def _emulated(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a developer's shell may hold."""
    for name in (*REMOVED, "https_proxy", *base_urls("")):
        monkeypatch.setenv(name, "http://elsewhere.example")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-own")
    variables, removed = emulated(URL, os.environ)
    for name in removed:
        monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("_emulated")
def test_sdks_are_pointed_at_it() -> None:
    assert str(anthropic.Anthropic().base_url).rstrip("/") == URL
    assert anthropic.Anthropic().auth_token is None
    bedrock = anthropic.AnthropicBedrock(aws_region="us-east-1")
    assert str(bedrock.base_url).rstrip("/") == URL
    vertex = anthropic.AnthropicVertex(region="us-east5", project_id="p", access_token="t")
    assert str(vertex.base_url).rstrip("/") == f"{URL}/v1"
    assert str(openai.OpenAI().base_url) == f"{URL}/v1/"
    assert openai.OpenAI().api_key == "sk-own"
    assert str(openai.AzureOpenAI().base_url).startswith(f"{URL}/openai")
    assert genai.Client()._api_client._http_options.base_url.rstrip("/") == URL
    client = boto3.client("bedrock-runtime", region_name="us-east-1")
    assert client.meta.endpoint_url == URL


def test_what_is_not_there_is_not_removed() -> None:
    variables, removed = emulated(URL, {})
    assert removed == ()
    assert variables["ANTHROPIC_API_KEY"]
    assert variables["NO_PROXY"] == "127.0.0.1,localhost"
