from __future__ import annotations

import base64
import random

import pytest

from headstart.prompt import volatile_checks as checks


@pytest.mark.parametrize(
    ("check", "yes", "no"),
    [
        (checks.always, ["", "x"], []),
        (checks.varied, ["550e8400-e29b-41d4"], ["00000000-0000-0000", "ffff-ffff"]),
        (checks.mixed, ["deadbee0"], ["deadbeef", "12345678"]),
        (checks.numbered, ["r17"], ["string"]),
        (checks.identifier, ["req_011CSHo", "call_oIHazX6"], ["call_function", "run_Step1"]),
        (checks.not_generic, ["alice", "Bob."], ["user", "ROOT", "string", "x", "id"]),
        (checks.account, ["mia_li", "u17"], ["already", "user"]),
        (checks.personal, ["mia.li@x.io"], ["support@x.io", "no-reply@x.io", "you@x.io"]),
        (checks.temporary, ["/tmp/tmpabc", "/tmp/x1", "/var/folders/a"], ["/tmp/out.txt"]),
        (checks.high_port, ["32768", "60999"], ["32767", "08080", "65536", "99999"]),
        (checks.random_token, ["aB3dE6gH9jK2mN5pQ8sT"], ["TestCaseForTheMigration2", "a" * 30]),
    ],
)
def test_a_second_look(check, yes: list[str], no: list[str]) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    assert [value for value in yes if not check(value, 0, len(value))] == []
    assert [value for value in no if check(value, 0, len(value))] == []


@pytest.mark.parametrize("before", ["such as ", 'e.g. "', "since ", "format: ", "cutoff date is "])
def test_a_date_that_is_an_example(before: str) -> None:
    text = before + "2026-01-05"
    assert not checks.dated(text, len(before), len(text))
    assert checks.dated("Today is 2026-01-05", 9, 19)


def test_most_random_bytes_in_base64_look_random() -> None:
    rng = random.Random(7)
    tokens = [base64.b64encode(rng.randbytes(32)).decode() for _ in range(500)]
    held = [token for token in tokens if checks.random_token(token, 0, len(token))]
    assert len(held) >= 480
