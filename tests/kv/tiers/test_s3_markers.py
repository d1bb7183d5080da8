from __future__ import annotations

import math

import pytest

from headstart.kv.tiers.s3_bucket import Bucket, connect
from headstart.kv.tiers.s3_markers import RENEW_SECONDS, Markers

ONE, TWO = "1" * 40, "2" * 40


@pytest.fixture
def bucket(s3_url: str) -> Bucket:
    return Bucket(connect(s3_url))


def paths(bucket: Bucket) -> list[str]:
    return sorted(listed.path for listed in bucket.list("keep/"))


def test_a_later_end_replaces_the_marker_unless_it_is_hardly_later(bucket: Bucket) -> None:
    markers = Markers(bucket)
    markers.lease(ONE, 1000.2)
    assert paths(bucket) == [f"keep/{ONE}/1001"]
    markers.lease(ONE, 1001 + RENEW_SECONDS)
    assert paths(bucket) == [f"keep/{ONE}/1001"]
    markers.lease(ONE, 1002 + RENEW_SECONDS)
    assert paths(bucket) == [f"keep/{ONE}/{1002 + int(RENEW_SECONDS)}"]


def test_another_process_sees_leases_and_pins_until_they_end(bucket: Bucket) -> None:
    writer, reader = Markers(bucket), Markers(bucket)
    writer.lease(ONE, 1000)
    writer.pin(TWO)
    assert sorted(reader.refresh(999)) == [(ONE, 1000), (TWO, math.inf)]
    reader.unpin([ONE, TWO])
    assert paths(bucket) == [f"keep/{ONE}/1000"]
    assert list(reader.refresh(1000)) == []
    assert paths(bucket) == []


def test_what_is_no_marker_is_left_alone(bucket: Bucket) -> None:
    stray = ["keep/short/5", f"keep/{ONE}/soon", f"keep/{ONE}/5/6"]
    for path in stray:
        bucket.put(path)
    assert list(Markers(bucket).refresh(1000)) == []
    assert paths(bucket) == sorted(stray)
