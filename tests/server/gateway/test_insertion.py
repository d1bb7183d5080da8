"""Members set in a body's own bytes, and usage asked for in chat streams."""

from __future__ import annotations

import json
from typing import Any

import httpx
import openai
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from headstart.dialects import Unmarkable
from headstart.server.emulate import State
from headstart.server.gateway import Upstream
from headstart.server.gateway.insertion import placed
from tests.server.gateway.conftest import Running, Start, upstreams
from tests.server.gateway.raw import RawUpstream

RULES = "The mill of Kalmar grinds rye. " * 400
Emulated = tuple[str, State]
values = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
NAMES = st.sampled_from(["x", "y", "a", "b\u00e9"])


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(NAMES, values | st.dictionaries(NAMES, values, max_size=3), max_size=4),
    st.sampled_from([None, 1, " "]),
    st.sampled_from([("x",), ("x", "y"), ("x", "y", "x")]),
)
def test_nothing_else_changes(body: dict[str, Any], indent: Any, path: tuple[str, ...]) -> None:
    content = json.dumps(body, indent=indent).encode()
    expected = json.loads(content)
    place: Any = expected
    for step in path[:-1]:
        if place.get(step) is None:
            place[step] = {}
        place = place[step]
        if not isinstance(place, dict):
            with pytest.raises(Unmarkable):
                placed(content, path, b"7")
            return
    place[path[-1]] = 7
    assert json.loads(placed(content, path, b"7")) == expected


def stream(running: Running, **more: Any) -> None:
    messages = [{"role": "user", "content": "x"}]
    asked = {"model": "gpt-4.1", "messages": messages, "stream": True, **more}
    httpx.post(f"{running.url}/v1/chat/completions", json=asked)


def test_usage_is_asked_for_where_the_route_says_so(start: Start, emulator: Emulated) -> None:
    found = []
    for asking in (True, False):
        running = start(upstreams(emulator[0], include_usage=asking))
        client = openai.OpenAI(base_url=f"{running.url}/v1", api_key="sk-1", max_retries=0)
        chunks = list(
            client.chat.completions.create(
                model="gpt-4.1",
                messages=[{"role": "user", "content": RULES}],
                stream=True,
            )
        )
        found.append((running.records(1)[0].estimated, chunks[-1].usage is not None))
    assert found == [(False, True), (True, False)]


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({}, {"include_usage": True}),
        ({"stream_options": None}, {"include_usage": True}),
        ({"stream_options": {"x": 1}}, {"x": 1, "include_usage": True}),
        ({"stream_options": {"include_usage": False}}, {"include_usage": False}),
        ({"stream_options": {"include_usage": True}}, {"include_usage": True}),
        ({"stream": False}, None),
    ],
)
def test_what_the_client_says_counts(
    start: Start, raw: RawUpstream, given: dict[str, Any], sent: dict[str, Any] | None
) -> None:
    running = start(upstreams(raw.url, include_usage=True))
    stream(running, **given)
    assert json.loads(raw.bodies[0]).get("stream_options") == sent


def test_it_needs_a_mode_that_may_change_a_request() -> None:
    with pytest.raises(ValidationError, match="include_usage needs mode"):
        Upstream(base_url="http://x", provider="openai", include_usage=True, mode="observe")
