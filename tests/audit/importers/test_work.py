from __future__ import annotations

import gzip
import json
import os
import sqlite3
import sys
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest

from headstart.audit.importers import KINDS, NoLogs, Reading, UnknownFormat, Work, files_of, planned
from headstart.audit.importers.work import parts_of
from headstart.ledger import Ledger
from headstart.usage import MissReason
from tests.audit.importers import samples
from tests.audit.importers.reads import read, written
from tests.ledger.samples import sample


def test_files_folders_and_patterns_each_once_and_in_order(tmp_path: Path) -> None:
    (tmp_path / "sub" / "deep").mkdir(parents=True)
    (tmp_path / ".hidden").mkdir()
    names = ("b.jsonl", "a.json.gz", "sub/c.ndjson.zst", "sub/deep/d.log", "sub/readme.md")
    for name in (*names, ".hidden/x.jsonl", "sub/.y.jsonl"):
        (tmp_path / name).write_text("{}")
    logs = [f"{tmp_path}/{name}" for name in ("a.json.gz", "b.jsonl", *names[2:4])]
    assert files_of([tmp_path]) == logs
    assert files_of([f"{tmp_path}/*.jsonl", tmp_path]) == [logs[1], logs[0], *logs[2:]]
    assert files_of([f"{tmp_path}/**/*.log", "-"]) == [logs[3], "-"]
    # A file that is named is read whatever it is called.
    assert files_of([tmp_path / "sub/readme.md"]) == [f"{tmp_path}/sub/readme.md"]


@pytest.mark.parametrize("name", ["missing.jsonl", "*.nothing", "empty"])
def test_where_there_is_nothing_that_is_said(name: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(NoLogs, match=name.replace("*", r"\*")):
        files_of([tmp_path / name])


def test_an_unknown_format_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UnknownFormat, match=r"claude-code-blocks.*raw"):
        planned([tmp_path], "no-such")
    assert all(kind.name == name and kind.about for name, kind in KINDS.items())


@pytest.mark.parametrize("end", [b"", b"\n"])
@pytest.mark.parametrize("size", [1, 7, 50, 1000])
def test_parts_begin_with_lines_and_lose_nothing(size: int, end: bytes, tmp_path: Path) -> None:
    lines = [b"x" * (n % 30) for n in range(200)]
    path = tmp_path / "log"
    path.write_bytes(b"\n".join(lines) + end)
    data = path.read_bytes()
    parts = parts_of(Work(str(path), len(data)), size)
    assert b"".join(data[part.start : part.end] for part in parts) == data
    assert sum(part.size or 0 for part in parts) == len(data)
    for part in parts:
        assert part.line == data[: part.start].count(b"\n") + 1
        assert part.start == 0 or data[part.start - 1 : part.start] == b"\n"


@pytest.mark.parametrize(
    ("content", "note"),
    [
        (b"", "empty"),
        (b"\n \n", "empty"),
        (b"\x7fELF\0\0\0\0", "a binary file, of none of the kinds that are known"),
        ('{"a": 1}'.encode("utf-16"), "UTF-16 text: convert it to UTF-8"),
    ],
)
def test_files_that_are_no_logs_say_what_they_are(
    content: bytes, note: str, tmp_path: Path
) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(content)
    found = read(path)
    assert (found.records, found.broken, found.notes) == ([], [], [note])


def test_a_truncated_gz_gives_what_is_before_the_cut_and_a_note(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl.gz"
    packed = gzip.compress(samples.raw_anthropic(50, os.urandom(200).hex()))
    path.write_bytes(packed[: len(packed) // 2])
    found = read(path)
    assert 0 < len(found.records) < 50
    assert len(found.broken) == 1
    assert "in the middle" in found.notes[0]


def test_a_file_that_cannot_be_opened_is_a_note(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text("{}")
    [work] = planned([path])
    path.unlink()
    reading = Reading(work)
    assert list(reading) == []
    assert reading.notes == ("No such file or directory",)


@pytest.mark.skipif(sys.platform == "win32", reason="no named pipes")
def test_a_pipe_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = Thread(target=lambda: path.write_bytes(samples.raw_anthropic(3, "text")))
    writer.start()
    assert len(read(path).records) == 3
    writer.join()


def test_the_ledger(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    ledger = Ledger.open(path, delay=0.0, retention=None)
    body = samples.claude_body(0, "text")
    one = sample(id="one", time=1000.0, provider="anthropic", model="claude-sonnet-4-5")
    ledger.record(replace(one, prompt=json.dumps(body), reason=MissReason.EXPIRED, confirmed=True))
    ledger.record(replace(one, id="two", time=9000.0, estimated=True, reason=MissReason.EXPIRED))
    assert ledger.flush()
    ledger.close()
    found = read(path)
    assert found.formats == ["ledger"]
    assert [record.id for record in found.records] == ["one", "two"]
    first, second = found.records
    assert first.prompt is not None
    assert first.prompt.segments[0].ttl == 3600.0
    assert first.usage == one.usage
    assert first.confirmed == "expired"
    assert (second.usage, second.output, second.confirmed) == (None, one.usage.output, None)


def test_another_database_is_none(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as other:
        other.execute("create table t (x)")
    found = read(path)
    assert not found.records
    assert "holds no ledger" in found.notes[0]


def test_a_session_s_prompts_are_cut_where_earlier_ones_ended(tmp_path: Path) -> None:
    texts = ["one", "one two", "one two three", "other", "one two 3"]
    sessions = ["s", "s", "s", "t", "s"]
    rows = [
        {"timestamp": n, "input": text, "output": "", "session_id": session}
        for n, (text, session) in enumerate(zip(texts, sessions, strict=True))
    ]
    records = read(written(tmp_path / "log.jsonl", rows)).records
    prompts = [[s.text for s in record.prompt.segments] for record in records if record.prompt]
    assert prompts == [
        ["one"],
        ["one", " two"],
        ["one", " two", " three"],
        ["other"],
        ["one", " two", " 3"],
    ]


def test_a_chat_is_one_request_an_answer(tmp_path: Path) -> None:
    said = [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "u1"},
        {"role": "assistant", "content": "a1"},
        {"role": "user", "content": "u2"},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c", "content": "r"},
    ]
    row = {"conversation": "c1", "messages": said}
    records = read(written(tmp_path / "log.jsonl", [row])).records
    prompts = [[s.text for s in record.prompt.segments] for record in records if record.prompt]
    assert prompts[:2] == [["s", "u1"], ["s", "u1", "a1", "u2"]]
    assert prompts[2][-1] == "r"
    assert {record.conversation for record in records} == {"c1"}
    assert {record.time for record in records} == {None}


CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
SHARED = Path(__file__).parents[4] / "shared" / "data"


@pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/data is not here")
@pytest.mark.parametrize(
    ("name", "format", "records", "broken"),
    [
        ("tau-airline", "chat", 1263, 0),
        ("mooncake", "mooncake", 12_031, 0),
        ("agent-sessions", "agent-sessions", 908, 32),
    ],
)
def test_real_logs(name: str, format: str, records: int, broken: int) -> None:
    found = read(SHARED / name)
    assert set(found.formats) == {format}
    assert (len(found.records), len(found.broken)) == (records, broken)
    assert {item.why for item in found.broken} <= {"its input is empty"}
