"""Reading traces of real traffic into workloads.

Known are, each also gzipped:

- Mooncake, one call a line: ``timestamp`` (ms), ``input_length``, ``hash_ids`` (blocks of
  512 tokens, chained, the last one partial);
- Claude Code block traces, one session a file: ``block_size``, ``requests`` with ``t`` (s),
  ``in`` and ``hash_ids``, which mean nothing outside of the session;
- sessions with text, one call a line: ``timestamp`` (µs) and ``input``, the whole prompt;
- OpenAI chat conversations, one a line: ``messages``; every assistant message is one call.

Text is cut into blocks of bytes, 4 bytes a token: no tokenizer is asked.
"""

from __future__ import annotations

import gzip
import random
import zlib
from array import array
from collections.abc import Callable, Iterator, Sequence
from math import log
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from headstart.prefix.beginning import equal_beginning
from headstart.prefix.workload import Call, Numbering, Workload

MOONCAKE_BLOCK = 512
TEXT_BLOCK = 16
TOKEN_BYTES = 4
OPEN_SESSIONS = 8
ANSWER_RATE = 50.0
TOOL_SECONDS = 1.0
USER_SECONDS = 15.0
PAUSE_SEED = 1
"""A conversation without times gets some: answers come at so many tokens a second, tools
take an exponential time of this mean, users a lognormal one of this median (sigma 1)."""
KNOWN = "Mooncake, Claude Code block traces, sessions with text, OpenAI chat conversations"
SUFFIXES = (".json", ".jsonl", ".json.gz", ".jsonl.gz")


class Problem(NamedTuple):
    """What could not be read, and was left out. ``line`` counts from 1; 0 is the file."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        return (
            f"{self.file}:{self.line}: {self.reason}"
            if self.line
            else f"{self.file}: {self.reason}"
        )


class TraceError(Exception):
    """Nothing can be simulated, and why."""


class Session(NamedTuple):
    """The calls of one session. Without a ``clock`` their times count from its start."""

    name: str
    block_tokens: int
    clock: bool
    calls: list[Call]


class _Bad(Exception):
    """One row is not what it should be."""


def files_of(path: Path) -> list[Path]:
    """A file, or the traces in a folder and below it, sorted."""
    if not path.is_dir():
        return [path]
    found = (file for file in path.rglob("*") if file.is_file() and file.name.endswith(SUFFIXES))
    return sorted(file for file in found if not file.name.startswith("."))


def folders_of(path: Path) -> list[list[Path]]:
    """The traces below a folder by the folder that they lie in; a file by itself."""
    groups: dict[Path, list[Path]] = {}
    for file in files_of(path):
        groups.setdefault(file.parent, []).append(file)
    return list(groups.values())


class Reader:
    """Reads files into one workload. ``problems`` has what was left out."""

    def __init__(self, text_block: int = TEXT_BLOCK) -> None:
        self.problems: list[Problem] = []
        self._numbering = Numbering()
        self._sessions: list[Session] = []
        self._text_bytes = text_block * TOKEN_BYTES
        self._text_block = text_block
        self._pauses = random.Random(PAUSE_SEED)

    def add(self, file: Path) -> None:
        """Read one file; what cannot be read goes to ``problems``."""
        last = _Last()
        timed: dict[int, list[Call]] = {}
        line = 0
        try:
            for line, row in _rows(file, self.problems):
                try:
                    self._row(file, line, row, last, timed)
                except _Bad as bad:
                    self.problems.append(Problem(str(file), line, str(bad)))
        except (OSError, EOFError, zlib.error) as error:
            self.problems.append(Problem(str(file), line and line + 1, str(error)))
        for block, calls in timed.items():
            self._sessions.append(Session(str(file), block, True, calls))

    def workload(self, name: str, concurrent: int = OPEN_SESSIONS, seed: int = 1) -> Workload:
        """Everything read so far. TraceError if that is nothing, or does not go together.

        Sessions without a clock start at random (``seed``), so that about ``concurrent`` of
        them are open at a time.
        """
        sessions = [session for session in self._sessions if session.calls]
        if not sessions:
            raise TraceError(f"no calls in the trace; what is known: {KNOWN}")
        sizes = {session.block_tokens for session in sessions}
        if len(sizes) > 1:
            listed = ", ".join(map(str, sorted(sizes)))
            raise TraceError(f"blocks of {listed} tokens cannot share a cache: one size at a time")
        calls = [call for session in sessions if session.clock for call in session.calls]
        calls.extend(_staggered([s for s in sessions if not s.clock], concurrent, seed))
        calls.sort(key=lambda call: call.time)
        return Workload(name, sizes.pop(), len(self._numbering), calls)

    def _row(
        self, file: Path, line: int, row: Any, last: _Last, timed: dict[int, list[Call]]
    ) -> None:
        if not isinstance(row, dict):
            raise _Bad("not a JSON object")
        if "requests" in row and "block_size" in row:
            size = _whole(row, "block_size", least=1)
            root = self._numbering.root((str(file), line))
            calls = list(self._claude_code(row, size, root, 0.0, _Last(), file, line))
            self._sessions.append(Session(str(file), size, False, calls))
        elif "hash_ids" in row:
            call = self._hashed(row, "input_length", MOONCAKE_BLOCK, 0, last)
            timed.setdefault(MOONCAKE_BLOCK, []).append(
                call._replace(time=_number(row, "timestamp") / 1e3)
            )
        elif "input" in row:
            if not isinstance(row["input"], str):
                raise _Bad("input is not text")
            call = self._text(row["input"].encode("utf-8", "replace"), last)
            timed.setdefault(self._text_block, []).append(
                call._replace(time=_number(row, "timestamp") / 1e6)
            )
        elif "messages" in row:
            name = f"{file}:{line}"
            calls = list(self._chat(row["messages"], last))
            self._sessions.append(Session(name, self._text_block, False, calls))
        else:
            raise _Bad("none of hash_ids, requests, input and messages: unknown kind of trace")

    def _claude_code(
        self,
        row: Any,
        size: int,
        root: int,
        start: float,
        last: _Last,
        file: Path,
        line: int,
    ) -> Iterator[Call]:
        requests = row["requests"]
        if not isinstance(requests, list):
            raise _Bad("requests is not a list")
        for number, request in enumerate(requests):
            try:
                if not isinstance(request, dict):
                    raise _Bad("not a JSON object")
                time = start + _number(request, "t")
                if "requests" in request:
                    yield from self._claude_code(request, size, root, time, last, file, line)
                else:
                    call = self._hashed(request, "in", size, root, last)
                    yield call._replace(time=time)
            except _Bad as bad:
                self.problems.append(Problem(str(file), line, f"requests[{number}]: {bad}"))

    def _hashed(self, row: Any, length: str, size: int, root: int, last: _Last) -> Call:
        tokens = _whole(row, length)
        ids = row.get("hash_ids")
        if not isinstance(ids, list) or not all(type(i) is int for i in ids):
            raise _Bad("hash_ids is not a list of whole numbers")
        if len(ids) < tokens // size:
            raise _Bad(f"{len(ids)} hash_ids for {tokens} tokens in blocks of {size}")
        del ids[tokens // size :]  # a partial block at the end is never a hit
        return Call(0.0, self._path(ids, root or self._numbering.root(None), last), tokens)

    def _text(self, text: bytes, last: _Last) -> Call:
        size = self._text_bytes
        whole = len(text) // size * size
        blocks = [text[at : at + size] for at in range(0, whole, size)]
        tokens = -(-len(text) // TOKEN_BYTES)
        return Call(0.0, self._path(blocks, self._numbering.root(None), last), tokens)

    def _chat(self, messages: Any, last: _Last) -> Iterator[Call]:
        if not isinstance(messages, list) or not all(isinstance(m, dict) for m in messages):
            raise _Bad("messages is not a list of objects")
        prompt = bytearray()
        now = 0.0
        for message in messages:
            role = message.get("role")
            text = msgspec.json.encode(message) + b"\n"
            if role == "assistant":
                yield self._text(bytes(prompt), last)._replace(time=now)
                now += len(text) / TOKEN_BYTES / ANSWER_RATE
            elif role == "tool":
                now += self._pauses.expovariate(1 / TOOL_SECONDS)
            elif prompt:
                now += self._pauses.lognormvariate(log(USER_SECONDS), 1.0)
            prompt += text

    def _path(self, blocks: Sequence[Any], root: int, last: _Last) -> array[int]:
        known = equal_beginning(blocks, last.blocks) if last.root == root else 0
        path = self._numbering.path(blocks, root, known, last.path)
        last.blocks, last.path, last.root = blocks, path, root
        return path


class _Last:
    """The prompt before, most of which the next one repeats."""

    def __init__(self) -> None:
        self.blocks: Sequence[Any] = ()
        self.path = array("i")
        self.root = 0


def _staggered(sessions: list[Session], concurrent: int, seed: int) -> Iterator[Call]:
    """Sessions without a clock, started at random, several open at a time."""
    rng = random.Random(seed)
    rng.shuffle(sessions)
    lasting = [max(call.time for call in s.calls) - min(c.time for c in s.calls) for s in sessions]
    mean = sum(lasting) / max(1, len(lasting)) or 1.0
    start = 0.0
    for session in sessions:
        first = min(call.time for call in session.calls)
        for call in session.calls:
            yield call._replace(time=start + call.time - first)
        start += rng.expovariate(concurrent / mean)


def _rows(file: Path, problems: list[Problem]) -> Iterator[tuple[int, Any]]:
    opened: Callable[..., Any] = gzip.open if file.suffix == ".gz" else open
    with opened(file, "rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                yield number, msgspec.json.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                problems.append(Problem(str(file), number, f"not JSON: {error}"))


def _number(row: Any, name: str) -> float:
    value = row.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _Bad(f"{name} is not a number")
    return float(value)


def _whole(row: Any, name: str, least: int = 0) -> int:
    value = row.get(name)
    if type(value) is not int or value < least:
        raise _Bad(f"{name} is not a whole number from {least} on")
    return value
