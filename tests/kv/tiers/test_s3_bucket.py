from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.kv.tiers import PageKey
from headstart.kv.tiers.contract import ROOT
from headstart.kv.tiers.s3_bucket import Bucket, connect, key_of, path_of


def hexes(digits: int) -> st.SearchStrategy[str]:
    return st.text("0123456789abcdef", min_size=digits, max_size=digits)


@given(hexes(32), hexes(32), hexes(40), hexes(40), st.integers(0, 999_999_999))
def test_a_path_names_its_page(model: str, scope: str, name: str, parent: str, page: int) -> None:
    key = PageKey(model, scope, name, parent, page)
    assert key_of(path_of(key)) == (key if name != parent else None)


A, B, NAME = "a" * 32, "b" * 32, "c" * 40


@pytest.mark.parametrize(
    "path",
    [
        "",
        "pages/",
        f"pages/{A}/{B}/{NAME}.0",
        f"pages/{A}/{B}/{NAME}.0.{NAME}",
        f"pages/{A}/{B}/{NAME}.-1.{ROOT}",
        f"pages/{A}/{B}/{NAME}.1234567890.{ROOT}",
        f"pages/{A}/{B}/{NAME.upper()}.0.{ROOT}",
        f"pages/{A}/../{NAME}.0.{ROOT}",
        f"pages/{A}/{B}/{NAME}.0.{ROOT}\n",
        f"pages/{A}/{B}/{NAME}.0.{ROOT}/more",
    ],
)
def test_any_other_path_names_none(path: str) -> None:
    assert key_of(path) is None


def test_objects_come_go_and_may_be_absent(s3_url: str) -> None:
    bucket = Bucket(connect(s3_url))
    assert bucket.get("a/b") is None
    assert not bucket.has("a/b")
    bucket.remove([])
    bucket.remove(["a/b"])
    bucket.put("a/b", [b"one", memoryview(b"two")])
    assert bytes(bucket.get("a/b") or b"") == b"onetwo"
    bucket.put("a/empty")
    listed = {each.path: each for each in bucket.list("a/")}
    assert {path: each.size for path, each in listed.items()} == {"a/b": 6, "a/empty": 0}
    assert abs(listed["a/b"].changed - time.time()) < 3600
    bucket.remove(["a/b", "a/empty", "a/never"])
    assert not list(bucket.list("a/"))
