"""Alibaba's Qwen on Model Studio: explicit caching, before Qwen4 and from it on."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Final

from headstart.providers.rows.qwen_implicit import ROWS as IMPLICIT
from headstart.providers.rules import Lifetime, Rules, Source

_GUIDE: Final = Source(
    "alibabacloud.com/help/en/model-studio/context-cache", date(2026, 10, 11), "H"
)
_QWEN4: Final = Source(
    "alibabacloud.com/help/zh/model-studio/explicit-cache-qwen4, excerpt", date(2026, 11, 16), "H"
)
_OURS: Final = Source("not stated; a default of ours", date(2026, 11, 23), "U")

_FIVE_MINUTES: Final = Lifetime(300.0, "write_5m")
_ONE_HOUR: Final = Lifetime(3600.0, "write_1h")

_EXPLICIT: Final = Rules(
    provider="qwen",
    family="explicit, before qwen4",
    models=("qwen-*", "qwen[23]*", "qwq*", "qvq*"),
    since=date(2026, 10, 11),
    scheme="breakpoints",
    lifetimes=(_FIVE_MINUTES,),
    minimum=1024,
    marker="cache_control",
    most_markers=4,
    excess="refuse",
    lookback=20,
    readable="end",
    isolation="account",
    unmarked=IMPLICIT[0],
    notes=(
        "an entry exists once the response is complete: begin it with the last byte",
        "without a marker there is implicit caching, which can't be switched off; what it reads "
        "costs 20% of the input price, where this costs 10%",
        "what more than 4 markers get is not stated; here they are refused",
        "the session cache of its Responses API is not emulated",
    ),
    sources={"*": _GUIDE, "excess": _OURS, "isolation": _OURS},
)

_FROM_QWEN4: Final = replace(
    _EXPLICIT,
    family="qwen4",
    models=("qwen4*",),
    since=date(2026, 11, 16),
    lifetimes=(_FIVE_MINUTES, _ONE_HOUR),
    marker="prompt_cache_breakpoint",
    implicit="optional",
    renew="request",
    isolation="user",
    notes=(
        "a hit renews the entry with the TTL of this request; a partial hit writes what is new",
        "cache_control is still accepted; without any cache parameter there is implicit caching",
        "when an entry becomes readable is stated for earlier models only",
    ),
    sources={
        "*": _QWEN4,
        "most_markers": _GUIDE._replace(confidence="M"),
        "excess": _OURS,
        "readable": _OURS,
    },
)

ROWS: Final[tuple[Rules, ...]] = (
    _FROM_QWEN4,
    _EXPLICIT,
    replace(_EXPLICIT, since=date(2026, 3, 1), unmarked=IMPLICIT[1]),
)
