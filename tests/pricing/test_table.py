"""The generated table against the package that it was generated from."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from headstart.pricing.additions import EXCEPTIONS
from headstart.pricing.table import ROWS, SOURCE

pytest.importorskip("genai_prices", reason="genai-prices is not installed")

TOOL = Path(__file__).parent.parent.parent / "tools" / "prices.py"


def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tools_prices", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_table_and_package_agree_but_for_the_listed_exceptions() -> None:
    listed = {tuple(line.split("\t")) for line in ROWS.strip("\n").split("\n")}
    package = {tuple(cell or "-" for cell in row) for row in tool().rows()}
    differing = {row[:2] for row in listed ^ package}
    assert differing <= set(EXCEPTIONS)


def test_the_table_names_the_version_it_is_from() -> None:
    from importlib.metadata import version

    assert f"genai-prices {version('genai-prices')}" == SOURCE
