"""What every benchmark ends with: one line of JSON with its figures and its targets."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from typing import TypedDict


class Target(TypedDict):
    """``target`` is the bound in words; ``ok`` is None where nothing could be measured."""

    name: str
    value: float | None
    target: str
    ok: bool | None


def parser(description: str | None, quick: str) -> argparse.ArgumentParser:
    """A parser that knows ``--quick``, whose meaning here is ``quick``."""
    options = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--quick", action="store_true", help=quick)
    return options


def target(
    name: str,
    value: float | None,
    at_most: float | None = None,
    at_least: float | None = None,
) -> Target:
    """A measured value beside its bound; exactly one bound."""
    if (at_most is None) == (at_least is None):
        raise ValueError(f"{name}: one bound, either at_most or at_least")
    bound = f"at most {at_most:g}" if at_most is not None else f"at least {at_least:g}"
    ok: bool | None = None
    if value is not None:
        value = float(f"{value:.4g}")
        ok = value <= at_most if at_most is not None else value >= (at_least or 0)
    return {"name": name, "value": value, "target": bound, "ok": ok}


def finish(name: str, figures: Mapping[str, object], targets: Sequence[Target]) -> None:
    """Print the last line of a benchmark: ``{"benchmark": ..., figures, "targets": [...]}``."""
    print(json.dumps({"benchmark": name, **figures, "targets": list(targets)}), flush=True)
