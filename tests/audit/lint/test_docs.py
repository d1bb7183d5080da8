"""docs/lint.md against the registry: every code is there, and its example has it."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from headstart.audit.lint import CODES, Config, Linter
from headstart.audit.lint.codes import CODE_OF
from headstart.prompt import VolatileKind

PAGE = Path(__file__).parents[3] / "docs" / "lint.md"
SECTION = re.compile(r"^### (HS\d{3}) (\S+)\n(.*?)(?=^### |\Z)", re.MULTILINE | re.DOTALL)
FENCE = re.compile(r"```(\w+)\n(.*?)\n```", re.DOTALL)
NAMES = {"python": "a.py", "json": "a.json", "jsonl": "a.jsonl", "text": "system.txt"}
LONG = " ".join(f"Rule{'abcdefghij'[n % 10]} applies to every ticket." for n in range(200))


def sections() -> dict[str, tuple[str, str]]:
    text = PAGE.read_text(encoding="utf-8").partition("\n## Codes\n")[2]
    return {code: (name, body) for code, name, body in SECTION.findall(text)}


def test_the_page_has_every_code_and_no_other() -> None:
    assert list(sections()) == list(CODES)


def test_every_kind_of_difference_has_a_code() -> None:
    assert set(CODE_OF) == set(VolatileKind)
    assert set(CODE_OF.values()) <= set(CODES)
    assert len(set(CODE_OF.values())) == len(CODE_OF)


@pytest.mark.parametrize("code", CODES)
def test_the_page_says_what_the_registry_says(code: str) -> None:
    name, body = sections()[code]
    about = CODES[code]
    assert name == about.name
    loses = {"call": "at every call", "change": "whenever it changes"}[about.loses]
    assert f"{about.title}. **{about.severity}**, loses {loses}." in body
    assert about.reason in body
    assert f"What to do: {about.remedy}" in body


@pytest.mark.parametrize("code", CODES)
def test_an_example_has_what_it_is_an_example_of(code: str, tmp_path: Path) -> None:
    found = FENCE.search(sections()[code][1])
    assert found
    path = tmp_path / NAMES[found[1]]
    path.write_text(found[2].replace("LONG", LONG), encoding="utf-8")
    outcomes = list(Linter(Config(at=date(2026, 11, 23))).lint([path]))
    assert [one.problems for one in outcomes] == [[]]
    assert code in {finding.code for finding in outcomes[0].findings}
