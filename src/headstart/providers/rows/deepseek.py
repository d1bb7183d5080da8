"""DeepSeek: whole prefix units on disk, without markers."""

from __future__ import annotations

from datetime import date
from typing import Final

from headstart.providers.rules import Lifetime, Rules, Source

_DOC: Final = Source("api-docs.deepseek.com/guides/kv_cache", date(2026, 11, 23), "H")
_OURS: Final = Source("not stated; a default of ours", date(2026, 11, 23), "U")

ROWS: Final[tuple[Rules, ...]] = (
    Rules(
        provider="deepseek",
        family="deepseek",
        models=("deepseek*",),
        since=date(2024, 1, 1),
        scheme="units",
        lifetimes=(Lifetime(7200, None),),
        implicit="always",
        readable="end",
        user_partitions=True,
        isolation="account and user_id",
        delay=5.0,
        notes=(
            "a hit needs a whole unit: the end of a request's input or of its output, a prefix "
            "that two requests that both missed it have in common, or a place at fixed intervals",
            "the interval is not stated: knob `interval`, 0 keeps no such units",
            "cleared after hours to days: two hours are taken; built within seconds: 5 are taken",
            "steps of 64 tokens are from before V4",
        ),
        sources={
            "*": _DOC,
            "lifetimes": _DOC._replace(where=_DOC.where + ": hours to days; the least is taken"),
            "delay": _DOC._replace(where=_DOC.where + ": seconds; their number is ours"),
            "interval": _OURS,
            "user_partitions": Source("a research note citing the API", date(2026, 10, 1), "M"),
            "isolation": Source("a research note citing the API", date(2026, 10, 1), "M"),
        },
    ),
)
