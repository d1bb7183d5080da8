from __future__ import annotations

import gzip
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from headstart.cli.simulate.traces import Reader, TraceError, files_of, folders_of
from headstart.prefix.workload import Workload

CHAT = [
    {"role": "system", "content": "You are terse. " * 20},
    {"role": "user", "content": "Hello there, how are you?"},
    {"role": "assistant", "content": "Fine."},
    {"role": "user", "content": "And now?"},
    {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
    {"role": "tool", "content": "42"},
    {"role": "assistant", "content": "Fine still."},
]


def write(path: Path, *rows: Any) -> Path:
    text = "".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows)
    data = text.encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def read(*files: Path) -> tuple[Workload, list[str]]:
    reader = Reader()
    for file in files:
        reader.add(file)
    problems = [str(problem) for problem in reader.problems]
    return reader.workload("test"), problems


def paths(workload: Workload) -> list[list[int]]:
    return [list(call.blocks) for call in workload.calls]


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_mooncake_and_its_partial_last_block(tmp_path: Path, name: str) -> None:
    rows = [
        {"timestamp": 2000, "input_length": 1024, "output_length": 1, "hash_ids": [7, 8]},
        {"timestamp": 1000, "input_length": 1000, "output_length": 1, "hash_ids": [7, 9]},
        {"timestamp": 3000, "input_length": 1536, "output_length": 1, "hash_ids": [7, 8, 3]},
    ]
    workload, problems = read(write(tmp_path / name, *rows))
    assert problems == []
    assert workload.block_tokens == 512
    assert [call.time for call in workload.calls] == [1.0, 2.0, 3.0]
    assert [call.tokens for call in workload.calls] == [1000, 1024, 1536]
    first, second, third = paths(workload)
    assert [len(first), len(second), len(third)] == [1, 2, 3]
    assert first == second[:1]
    assert second == third[:2]


def test_ids_mean_nothing_without_what_lies_before_them(tmp_path: Path) -> None:
    rows = [
        {"timestamp": 0, "input_length": 1024, "hash_ids": ids} for ids in ([1, 5], [2, 5], [1, 5])
    ]
    one, other, again = paths(read(write(tmp_path / "a.jsonl", *rows))[0])
    assert one == again
    assert set(one).isdisjoint(other)


def claude_code(*requests: Any) -> dict[str, Any]:
    return {"id": "x", "block_size": 64, "hash_id_scope": "local", "requests": list(requests)}


def test_ids_of_claude_code_are_local_to_a_session(tmp_path: Path) -> None:
    one = claude_code(
        {"t": 0.0, "type": "n", "in": 130, "hash_ids": [1, 2]},
        {
            "t": 5.0,
            "type": "subagent",
            "requests": [{"t": 1.0, "type": "n", "in": 64, "hash_ids": [1]}],
        },
        {"t": 9.0, "type": "s", "in": 192, "hash_ids": [1, 2, 3]},
    )
    workload, problems = read(
        write(tmp_path / "a.json", one), write(tmp_path / "b.json.gz", one), tmp_path / "a.json"
    )
    assert problems == []
    assert workload.block_tokens == 64
    assert workload.footprint == 6
    own = {number for path in paths(workload) for number in path[:1]}
    assert len(own) == 2
    starts = [call.time for call in workload.calls if len(call.blocks) == 2]
    subagents = [call.time for call in workload.calls if len(call.blocks) == 1]
    assert sorted(round(b - a, 6) for a, b in zip(sorted(starts), sorted(subagents), strict=True))


def test_text_is_cut_into_blocks_of_64_bytes(tmp_path: Path) -> None:
    text = "x" * 64 + "y" * 64
    rows = [
        {"timestamp": 5_000_000, "input": text + "é", "output": "", "session_id": "a"},
        {"timestamp": 6_000_000, "input": text + "z" * 64, "output": "", "session_id": "a"},
    ]
    workload, problems = read(write(tmp_path / "a.jsonl", *rows))
    assert problems == []
    assert workload.block_tokens == 16
    assert paths(workload) == [[0, 1], [0, 1, 2]]
    assert [call.tokens for call in workload.calls] == [33, 48]
    assert [call.time for call in workload.calls] == [5.0, 6.0]


def test_each_answer_of_a_conversation_is_a_call(tmp_path: Path) -> None:
    row = {"conversation": "a", "messages": CHAT}
    workload, problems = read(write(tmp_path / "a.jsonl", row, row))
    assert problems == []
    assert len(workload.calls) == 6
    lengths = sorted(len(path) for path in paths(workload))
    assert lengths[0] > 4
    longest = max(paths(workload), key=len)
    assert all(path == longest[: len(path)] for path in paths(workload))


def test_sessions_without_a_clock_are_mixed_the_same_way_every_time(tmp_path: Path) -> None:
    rows = [{"messages": [{"role": "user", "content": str(n) * 999}, *CHAT]} for n in range(9)]
    file = write(tmp_path / "a.jsonl", *rows)
    once, again = read(file)[0], read(file)[0]
    assert once == again
    firsts = [path[0] for path in paths(once)]
    changes = sum(a != b for a, b in pairwise(firsts))
    assert changes > 9
    assert [call.time for call in once.calls] == sorted(call.time for call in once.calls)


GOOD = {"timestamp": 0, "input_length": 512, "hash_ids": [1]}


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("{not json\n", "not JSON"),
        ([1, 2], "not a JSON object"),
        ({"prompt": "x"}, "unknown kind"),
        ({"timestamp": "now", "input_length": 512, "hash_ids": [1]}, "timestamp"),
        ({"timestamp": 0, "input_length": -1, "hash_ids": [1]}, "input_length"),
        ({"timestamp": 0, "input_length": 512, "hash_ids": [1.5]}, "hash_ids"),
        ({"timestamp": 0, "input_length": 5120, "hash_ids": [1]}, "1 hash_ids for 5120"),
        ({"timestamp": 0, "input": 5}, "not text"),
        ({"timestamp": None, "input": "x"}, "timestamp"),
        ({"messages": "hello"}, "messages"),
        ({"messages": ["hello"]}, "messages"),
        ({"block_size": 64, "requests": 5}, "requests"),
        ({"block_size": 0, "requests": []}, "block_size"),
    ],
)
def test_a_bad_line_is_named_and_the_rest_is_read(tmp_path: Path, bad: Any, reason: str) -> None:
    file = write(tmp_path / "a.jsonl", GOOD, bad, GOOD)
    workload, problems = read(file)
    assert len(workload.calls) == 2
    (problem,) = problems
    assert problem.startswith(f"{file}:2: ")
    assert reason in problem


def test_one_bad_request_does_not_cost_the_session(tmp_path: Path) -> None:
    row = claude_code({"t": 0.0, "in": 64, "hash_ids": [1]}, {"t": 1.0, "in": 64}, "x")
    workload, problems = read(write(tmp_path / "a.json", row))
    assert len(workload.calls) == 1
    assert [problem.partition(": ")[2] for problem in problems] == [
        "requests[1]: hash_ids is not a list of whole numbers",
        "requests[2]: not a JSON object",
    ]


def test_a_file_that_breaks_off_keeps_what_came_before(tmp_path: Path) -> None:
    rows = [GOOD | {"hash_ids": [number]} for number in range(5000)]
    file = write(tmp_path / "a.jsonl.gz", *rows)
    file.write_bytes(file.read_bytes()[:-2000])
    workload, problems = read(file)
    assert 0 < len(workload.calls) < 5000
    assert len(problems) == 1
    assert str(file) in problems[0]


@pytest.mark.parametrize("rows", [[], ["\n\n"], [{"messages": []}]])
def test_nothing_to_replay_is_an_error(tmp_path: Path, rows: list[Any]) -> None:
    with pytest.raises(TraceError, match="no calls"):
        read(write(tmp_path / "a.jsonl", *rows))


def test_blocks_of_two_sizes_do_not_mix(tmp_path: Path) -> None:
    text = write(tmp_path / "b.jsonl", {"timestamp": 0, "input": "x"})
    with pytest.raises(TraceError, match="16, 512"):
        read(write(tmp_path / "a.jsonl", GOOD), text)


def test_folders(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    expected = [
        write(tmp_path / "one" / "a.jsonl", GOOD),
        write(tmp_path / "one" / "b.json.gz", GOOD),
        write(tmp_path / "two" / "c.jsonl.gz", GOOD),
    ]
    write(tmp_path / "two" / "notes.md", GOOD)
    write(tmp_path / "two" / ".hidden.jsonl", GOOD)
    assert files_of(tmp_path) == expected
    assert folders_of(tmp_path) == [expected[:2], expected[2:]]
    assert files_of(tmp_path / "two" / "notes.md") == [tmp_path / "two" / "notes.md"]
