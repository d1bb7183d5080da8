"""The bodies of ``cachedContents``."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.dialects import DialectError
from headstart.dialects.gemini import (
    CachedContent,
    Expiry,
    no_such_cache,
    read_cache,
    read_cache_patch,
    render_cache,
    render_caches,
    too_small,
)
from headstart.dialects.gemini.names import instant, rfc3339

USER = {"role": "user", "parts": [{"text": "Hi"}]}
CACHE = CachedContent("cachedContents/a", "models/gemini-4", 0.5, 1.25, 3600.5, 7, "d")


def body(**fields: Any) -> bytes:
    return json.dumps({"model": "models/gemini-4", "contents": [USER], **fields}).encode()


def test_create() -> None:
    made = read_cache(
        body(systemInstruction=USER, tools=[{"x": {}}], toolConfig={"y": 1}, displayName="d")
    )
    assert [s.kind.value for s in made.prompt.segments] == ["tool", "system", "message"]
    assert (made.prompt.model, made.model_name) == ("gemini-4", "models/gemini-4")
    assert made.prompt.settings == {"toolConfig": '{"y":1}'}
    assert (made.display_name, made.expiry) == ("d", Expiry(None, None))


@pytest.mark.parametrize(
    ("fields", "expiry"),
    [
        ({"ttl": "300s"}, Expiry(300, None)),
        ({"ttl": "3.5s"}, Expiry(3.5, None)),
        ({"expireTime": "1970-01-01T01:00:00Z"}, Expiry(None, 3600)),
        ({"expire_time": "1970-01-01T01:00:00.25+01:00"}, Expiry(None, 0.25)),
    ],
)
def test_when_it_is_to_end(fields: dict[str, str], expiry: Expiry) -> None:
    assert read_cache(body(**fields)).expiry == expiry
    assert read_cache_patch(json.dumps(fields).encode()) == expiry


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"model": ""}, "model"),
        ({"contents": []}, "contents"),
        ({"contents": [{**USER, "role": "model"}]}, "ending with a model turn"),
        ({"ttl": "300"}, "Illegal duration"),
        ({"ttl": 300}, "Illegal duration"),
        ({"ttl": "0s"}, "greater than"),
        ({"ttl": "-3s"}, "greater than"),
        ({"expireTime": "tomorrow"}, "Timestamp"),
        ({"expireTime": "2026-13-01T00:00:00Z"}, "Timestamp"),
        ({"ttl": "3s", "expireTime": "2026-01-01T00:00:00Z"}, "'expiration' is already set"),
        ({"displayName": 1}, "displayName"),
    ],
)
def test_what_is_refused(fields: dict[str, Any], text: str) -> None:
    with pytest.raises(DialectError, match=text) as caught:
        read_cache(body(**fields))
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("patch", "text"),
    [
        ({"name": "x", "ttl": "3s"}, "'_name' is already set. Cannot set 'name'"),
        ({"displayName": "x"}, "Only ttl and expire_time"),
        ({}, "ttl is not specified"),
    ],
)
def test_only_its_end_can_be_changed(patch: dict[str, Any], text: str) -> None:
    with pytest.raises(DialectError, match=text):
        read_cache_patch(json.dumps(patch).encode())


def test_how_it_is_shown() -> None:
    shown = json.loads(render_cache(CACHE))
    assert shown == {
        "name": "cachedContents/a",
        "model": "models/gemini-4",
        "createTime": "1970-01-01T00:00:00.500000Z",
        "updateTime": "1970-01-01T00:00:01.250000Z",
        "expireTime": "1970-01-01T01:00:00.500000Z",
        "displayName": "d",
        "usageMetadata": {"totalTokenCount": 7},
    }
    assert json.loads(render_caches([CACHE], "t")) == {
        "cachedContents": [shown],
        "nextPageToken": "t",
    }
    assert render_caches([]) == b"{}"


def test_an_end_beyond_all_calendars_can_be_shown() -> None:
    ttl = read_cache(body(ttl="999999999999s")).expiry.ttl
    shown = json.loads(render_cache(replace(CACHE, expires=ttl)))
    assert shown["expireTime"] == "9999-12-31T23:59:59.000000Z"


def test_known_refusals() -> None:
    small = "Cached content is too small. total_token_count=16, min_total_token_count=1024"
    assert too_small(16, 1024).message == small
    assert (no_such_cache().status, no_such_cache().kind) == (403, "permission_error")


@given(st.integers(0, 4 * 10**15))
def test_times_there_and_back(microseconds: int) -> None:
    seconds = microseconds / 1e6
    assert instant(rfc3339(seconds), "t") == pytest.approx(seconds, abs=1e-5)
