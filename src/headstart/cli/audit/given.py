"""What the command line of an audit says, checked before any log is read."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from headstart.audit.importers import KINDS, files_of
from headstart.audit.options import Options
from headstart.cli.audit.remedy import FILES
from headstart.cli.failures import fail
from headstart.cli.price.prices_file import read_prices
from headstart.pricing import OPEN_MODELS, Row, UnknownPrice, price_of
from headstart.providers import providers

_APP: Final = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


def rate(text: str | None) -> float | None:
    """A share, 0 to 1, of ``0.8`` or ``80%``."""
    if text is None:
        return None
    try:
        found = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        found = -1.0
    if not 0 <= found <= 1:
        raise fail(f"--fail-below {text}: not a share such as 0.8 or 80%")
    return found


def options_of(
    form: str | None,
    provider: str,
    model: str,
    gap: float,
    at: datetime | None,
    prices: Path | None,
    compare: Sequence[str] | None,
    kv_model: str,
) -> Options:
    """Of the command's own; what is unknown ends it with one line."""
    if form is not None:
        _known("--format", form, KINDS)
    _known("--provider", provider, providers())
    _known("--kv-model", kv_model, OPEN_MODELS)
    rows = read_prices(prices)
    day = (at or datetime.now(UTC)).date()
    return Options(
        provider=provider,
        model=model,
        gap=gap,
        day=at.date() if at else None,
        prices=rows,
        compare=tuple(_pair(text, day, rows) for text in compare) if compare else None,
        kv_model=kv_model,
        format=form,
    )


def check_outputs(
    logs: Sequence[str], json_file: str | None, html_file: Path | None, write: Path | None, app: str
) -> None:
    """Nothing is written over a log, and nothing that can't be written is found out late."""
    read = {Path(path).resolve() for path in files_of(logs) if path != "-"}
    files = [None if json_file == "-" else json_file, html_file]
    for path in (Path(name) for name in files if name is not None):
        if path.resolve() in read:
            raise fail(f"{path} is one of the logs: it is not written over")
        if not path.parent.is_dir():
            raise fail(f"{path}: no such folder")
    if html_file is not None and find_spec("plotly") is None:
        raise fail("--html needs plotly: pip install 'headstart[sim]'")
    if app and (write is None or not _APP.fullmatch(app)):
        raise fail(f"--app {app}: expected MODULE:FUNCTION, together with --write")
    if write is not None:
        for name in FILES:
            if (write / name).exists():
                raise fail(f"{write / name} exists and is not written over")


def _pair(text: str, day: date, rows: Sequence[Row]) -> tuple[str, str]:
    provider, slash, model = text.partition("/")
    if not (slash and provider and model):
        raise fail(f"--compare {text}: expected PROVIDER/MODEL, such as openai/gpt-6.1-sol")
    _known("--compare", provider, providers())
    try:
        price_of(model, provider=provider, at=day, overrides=rows)
    except UnknownPrice as error:
        raise fail(
            f"--compare {text}: {error}; see headstart price list, or give --prices"
        ) from None
    return provider, model


def _known(option: str, name: str, names: Collection[str]) -> None:
    if name not in names:
        raise fail(f"{option} {name}: unknown (known: {', '.join(sorted(names))})")
