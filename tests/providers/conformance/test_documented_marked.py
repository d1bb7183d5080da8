"""How many documented rules of caches with breakpoints are stated as cases."""

from __future__ import annotations

from importlib import import_module

from tests.providers.conformance.documented import CASES

MODULES = ("anthropic", "bedrock", "openai_breakpoints", "qwen")


def test_every_case_has_a_name_and_a_source() -> None:
    found = {import_module(f"tests.providers.conformance.test_{name}") for name in MODULES}
    cases = {(case.provider, case.name) for case in CASES}
    assert len(found) == len(MODULES)
    assert len(cases) >= 120
    assert all(case.source and case.confidence in "HMLU" for case in CASES)
