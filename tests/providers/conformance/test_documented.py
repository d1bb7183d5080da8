"""How many documented rules of caches without markers are stated as cases."""

from __future__ import annotations

from importlib import import_module

from headstart.providers.rules import Rules
from headstart.providers.table import providers, rows_of
from tests.providers.conformance.documented import CASES

MODULES = ("compatible", "deepseek", "engines", "gemini", "openai_automatic")


def test_every_case_has_a_name_and_a_source() -> None:
    for name in MODULES:
        import_module(f"tests.providers.conformance.test_{name}")
    cases = {(case.provider, case.name) for case in CASES}
    assert len(cases) >= 50
    assert all(case.source and case.confidence in "HMLU" for case in CASES)


def without_markers() -> list[Rules]:
    rows = [row for name in providers() for row in rows_of(name)]
    return [row for row in rows if row.scheme in ("granular", "units")]


def test_every_row_says_where_it_comes_from() -> None:
    for row in without_markers():
        assert "*" in row.sources
        assert row.lifetimes
        fields = Rules.__dataclass_fields__
        assert set(row.sources) - {"*"} <= set(fields)
