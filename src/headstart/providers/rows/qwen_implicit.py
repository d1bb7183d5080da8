"""Alibaba's Qwen without a cache parameter: its implicit cache, which can't be switched off.

A request uses the explicit or the implicit cache and never both, so these rows are of a
provider of their own.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Final

from headstart.providers.rules import Lifetime, Rules, Source

_EARLIER_PAGE: Final = Source(
    "alibabacloud.com/help/en/model-studio/context-cache, 2026-03", date(2026, 3, 1), "M"
)
_GUIDE: Final = Source(
    "alibabacloud.com/help/en/model-studio/context-cache", date(2026, 10, 11), "H"
)
_OURS: Final = Source("not stated; a default of ours", date(2026, 11, 23), "U")

_EARLIER: Final = Rules(
    provider="qwen-implicit",
    family="qwen",
    models=("qwen*", "qwq*", "qvq*"),
    since=date(2024, 1, 1),
    scheme="granular",
    lifetimes=(Lifetime(300, None),),
    minimum=256,
    implicit="always",
    readable="end",
    isolation="account",
    notes=(
        "read at 20% of the input price, where explicit entries are read at 10%",
        "lifetime and steps are not stated: 5 minutes and single tokens are taken",
    ),
    sources={
        "*": _EARLIER_PAGE,
        "lifetimes": _OURS,
        "granularity": _OURS,
        "readable": _OURS,
        "isolation": _OURS,
    },
)

ROWS: Final[tuple[Rules, ...]] = (
    replace(
        _EARLIER,
        since=date(2026, 10, 11),
        minimum=1024,
        sources={**_EARLIER.sources, "*": _GUIDE},
    ),
    _EARLIER,
)
