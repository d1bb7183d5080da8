"""Paths of cache objects, and what goes there."""

from __future__ import annotations

import pytest
from multidict import CIMultiDict
from yarl import URL

from headstart.server.gateway import Upstream
from headstart.server.gateway.explicit.site import collection, place_of, site_of

UPSTREAM = Upstream(base_url="https://example.test/base/", provider="gemini")
VERTEX = "projects/p-1/locations/us-central1"


@pytest.mark.parametrize(
    ("path", "objects", "model"),
    [
        ("/v1/models/gemini-x:generateContent", "v1/cachedContents", "models/gemini-x"),
        ("/v1beta/models/gemini-2.5-pro:streamGenerateContent", "v1beta/cachedContents",
         "models/gemini-2.5-pro"),
        (f"/v1beta1/{VERTEX}/publishers/google/models/g:generateContent",
         f"v1beta1/{VERTEX}/cachedContents", f"{VERTEX}/publishers/google/models/g"),
        ("/v1beta/models/gemini%2Dx:generateContent", "v1beta/cachedContents", "models/gemini-x"),
    ],
)  # fmt: skip
def test_where_objects_are(path: str, objects: str, model: str) -> None:
    place = place_of(path)
    assert place is not None
    assert (collection(place), place.model) == (objects, model)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/models/a%2Fb:generateContent",
        "/v1/models/a%22b:generateContent",
        "/v1/tunedModels/a:generateContent",
        "/v2/models/a:generateContent",
        "/v1beta1/projects/p/../q/locations/l/publishers/google/models/g:generateContent",
        "/v1/models/a%0a:generateContent",
    ],
)
def test_paths_that_are_left_alone(path: str) -> None:
    assert place_of(path) is None


def test_how_to_go_there() -> None:
    headers = CIMultiDict(
        {
            "X-Goog-Api-Key": "AIza",
            "X-Goog-User-Project": "p",
            "Accept-Encoding": "br",
            "Content-Type": "text/plain",
            "Idempotency-Key": "once",
        }
    )
    url = URL("https://example.test/base/v1/models/m:generateContent?alt=sse&key=A%2Bb")
    site = site_of(UPSTREAM, url, headers)
    assert dict(site.headers) == {
        "X-Goog-Api-Key": "AIza",
        "X-Goog-User-Project": "p",
        "content-type": "application/json",
        "accept-encoding": "identity",
    }
    there = site.url("v1/cachedContents/a-1")
    assert str(there) == "https://example.test/base/v1/cachedContents/a-1?key=A%2Bb"
    assert "AIza" not in repr(site)
