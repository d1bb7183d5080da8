"""What every importer has in common, held against a log of each kind."""

from __future__ import annotations

import gzip
import itertools
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headstart.audit.importers import KINDS, Reading, Work, planned
from headstart.audit.importers.growth import BLOCK
from headstart.audit.record import Broken, Record
from headstart.usage import Usage
from tests.audit.importers.reads import Read, read
from tests.audit.importers.samples import NAMES, SAMPLES, SECRET, START, Sample

DAMAGE = (
    *(b"", b"\0", b'"', b"{", b"}", b"[", b"]", b"\n", b"\\", b"9" * 25, b"-1"),
    *(b"null", b"[]", b"{}", b'""', b"1e999", b"\xff", b"\xed\xa0\x80"),
)

TEXT = "You are a careful assistant. " * 20
quick = settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
each = pytest.mark.parametrize("sample", SAMPLES, ids=NAMES)


def saved(folder: Path, sample: Sample, count: int = 5) -> Path:
    path = folder / f"log{sample.suffix}"
    path.write_bytes(sample.make(count, TEXT))
    return path


@each
def test_its_kind_is_told_and_every_request_is_found(sample: Sample, tmp_path: Path) -> None:
    found = read(saved(tmp_path, sample))
    assert found.formats == [sample.format]
    assert not found.broken
    assert len(found.records) == 5
    for record in found.records:
        assert record.usage == sample.usage
        assert record.model == sample.model
        assert record.provider == sample.provider
    if sample.usage is not None:
        assert all(r.output == sample.usage.output for r in found.records)
    ids = [r.id for r in found.records if r.id is not None]
    assert len(set(ids)) == len(ids)


@each
def test_prompts_are_read_in_their_order(sample: Sample, tmp_path: Path) -> None:
    records = read(saved(tmp_path, sample)).records
    if not sample.prompt:
        assert all(r.prompt is None for r in records)
        return
    for n, record in enumerate(records):
        assert record.prompt is not None
        text = "".join(segment.text for segment in record.prompt.segments)
        assert text.replace("\n", "") == f"{TEXT}Question {n}?"
        assert record.prompt.model == record.model


@each
def test_times_are_those_of_sending(sample: Sample, tmp_path: Path) -> None:
    records = read(saved(tmp_path, sample)).records
    if sample.timed:
        assert [r.time for r in records] == [START + 10 * n for n in range(5)]
    elif sample.format in ("mooncake", "bailian", "claude-code-blocks"):
        assert [r.time for r in records] == [10.0 * n for n in range(5)]


@each
def test_blocks_hold_the_tokens_and_share_what_is_equal(sample: Sample, tmp_path: Path) -> None:
    records = [r for r in read(saved(tmp_path, sample)).records if r.blocks is not None]
    for record in records:
        blocks = record.blocks
        assert blocks is not None
        assert record.prompt is None
        assert (len(blocks.ids) - 1) * blocks.size < blocks.tokens <= len(blocks.ids) * blocks.size
        assert blocks.tools <= blocks.system <= len(blocks.ids)
    for one, two in itertools.pairwise(records):
        assert one.blocks is not None
        assert two.blocks is not None
        assert one.blocks.ids[:2] == two.blocks.ids[:2]
        if sample.format in ("claude-code", "codex"):
            assert two.blocks.size == BLOCK
        else:
            assert one.blocks.ids[2:] != two.blocks.ids[2:]


@each
def test_no_record_has_a_credential(sample: Sample, tmp_path: Path) -> None:
    found = read(saved(tmp_path, sample))
    assert found.records
    assert SECRET not in repr(found)


@each
def test_compressed_it_is_the_same(sample: Sample, tmp_path: Path) -> None:
    plain = saved(tmp_path, sample)
    expected = read(plain)
    data = plain.read_bytes()
    half = len(data) // 2
    plain.write_bytes(gzip.compress(data[:half]) + gzip.compress(data[half:]))
    assert read(plain) == expected
    frames = zstandard.compress(data[:half]) + zstandard.compress(data[half:])
    plain.write_bytes(frames)
    assert read(plain) == expected


@each
def test_it_may_be_asked_for_by_name(sample: Sample, tmp_path: Path) -> None:
    path = saved(tmp_path, sample)
    assert sample.format in KINDS
    assert read(path, format=sample.format) == read(path)


@each
def test_in_parts_it_is_the_same(sample: Sample, tmp_path: Path) -> None:
    """Records and line numbers; of kinds whose rows do not stand alone there is one part."""
    path = saved(tmp_path, sample, 40)
    whole, parts = read(path), read(path, part=3000)
    if KINDS[sample.format].alone and path.suffix == ".jsonl":
        assert len(parts.formats) > 1
    else:
        assert len(parts.formats) == 1
    assert parts.records == whole.records
    assert parts.broken == whole.broken


@each
def test_progress_comes_to_the_size_of_the_file(sample: Sample, tmp_path: Path) -> None:
    path = saved(tmp_path, sample)
    path.write_bytes(gzip.compress(path.read_bytes()))
    done: list[int] = []
    [work] = planned([path])
    for _ in Reading(work, done.append):
        pass
    assert sum(done) == work.size == path.stat().st_size


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("damaged")


def sound(found: Read) -> None:
    for item in (*found.records, *found.broken):
        assert item.place.line >= 1
    for broken in found.broken:
        assert isinstance(broken, Broken)
        assert "\n" not in broken.why
        assert "could not be read (" not in broken.why
        assert SECRET not in broken.why
    for record in found.records:
        assert isinstance(record, Record)
        assert record.usage is None or isinstance(record.usage, Usage)
        assert record.prompt is None or record.blocks is None


@each
@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_damage_is_never_fatal(sample: Sample, folder: Path, data: st.DataObject) -> None:
    """Bytes cut off, changed, taken out or put in anywhere; numbers and types swapped."""
    content = bytearray(sample.make(3, "Text. "))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content)))
        end = min(len(content), at + data.draw(st.sampled_from([0, 1, 1, 3, 50])))
        put = data.draw(st.sampled_from(DAMAGE))
        content[at:end] = put
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content))) :]
    path = folder / f"damaged{sample.suffix}"
    path.write_bytes(content)
    sound(read(path))
    sound(read(path, format=sample.format))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)


@each
@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_value_in_any_place_is_never_fatal(
    sample: Sample, folder: Path, data: st.DataObject
) -> None:
    import json

    content = sample.make(2, "Text. ")
    by_line = sample.suffix == ".jsonl"
    rows = [json.loads(line) for line in content.splitlines()] if by_line else json.loads(content)
    for _ in range(data.draw(st.integers(1, 3))):
        spot = rows
        while True:
            keys = list(spot) if isinstance(spot, dict) else range(len(spot))
            if not keys:
                break
            key = data.draw(st.sampled_from(list(keys)))
            inner = spot[key]
            if isinstance(inner, (dict, list)) and inner and data.draw(st.integers(0, 3)):
                spot = inner
                continue
            spot[key] = data.draw(VALUES)
            break
    path = folder / f"strange{sample.suffix}"
    if by_line:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        path.write_text(json.dumps(rows))
    sound(read(path))
    sound(read(path, format=sample.format))


def test_standard_input_is_read_as_it_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    path = saved(tmp_path, SAMPLES[0])
    expected = read(path)
    with open(path, "rb") as file:

        class Stdin:
            buffer = file

        monkeypatch.setattr(sys, "stdin", Stdin())
        found = read("-")
    assert planned(["-"]) == [Work("-")]
    assert [r.id for r in found.records] == [r.id for r in expected.records]
    assert {r.place.path for r in found.records} == {"-"}
