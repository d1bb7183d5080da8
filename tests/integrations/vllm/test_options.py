from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from headstart.integrations.vllm.options import LEASE_PARAMETER, Options, lease_seconds
from headstart.kv.fingerprint import Fingerprint
from headstart.kv.layout import KVLayout
from headstart.prefix import Scope

FINGERPRINT = Fingerprint("00", KVLayout(2, 1, 4, "float16", (None, None)), page_tokens=4)


def test_what_vllm_passes_is_read() -> None:
    options = Options.parse(
        {"disk": "/x:1G", "remotes": ["valkey://h:1/0"], "tenants": ["a"], "write_queue": "1M"}
    )
    assert options == Options("/x:1G", ("valkey://h:1/0",), tenants=("a",), write_queue=1 << 20)


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({}, "name a tier"),
        ({"disc": "/x:1G"}, "unknown disc; known: disk,"),
        ({"disk": 3}, "disk must be a string"),
        ({"disk": "/x:1G", "remotes": "valkey://h"}, "remotes must be a list"),
        ({"disk": "/x:1G", "strict_quota": 1}, "strict_quota must be true or false"),
        ({"disk": "/x:1G", "write_queue": "much"}, "'much' is not a size"),
        ({"disk": "/x:1G", "tenant": ""}, "no tenant"),
        ({"disk": "/x:1G", "tenants": ["_operator"]}, "no tenant"),
        ({"disk": "/x:1G", "tenants": ["a:b"]}, "no tenant"),
    ],
)
def test_what_makes_no_sense_is_refused(given: dict[str, Any], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        Options.parse(given)


def test_a_salt_is_the_scope_of_the_built_in_server() -> None:
    options = Options.parse({"disk": "/x:1G"})
    assert options.scope(None) == Scope("default", "_operator")
    assert options.scope("s") == Scope("default", "_operator", "s")
    assert options.scope("alice:s") == Scope("default", "_operator", "alice:s")


def test_a_salt_may_name_a_tenant() -> None:
    options = Options.parse({"disk": "/x:1G", "tenants": ["alice"]})
    assert options.scope("alice") == Scope("alice", "_operator")
    assert options.scope("alice:s:t") == Scope("alice", "_operator", "s:t")
    assert options.scope("bob:s") == Scope("default", "_operator", "bob:s")
    assert options.scope(None) == Scope("default", "_operator")


def test_named_tenants_have_floors(tmp_path: Path) -> None:
    many = Options.parse({"disk": f"{tmp_path / 'a'}:8M", "tenants": ["alice", "bob"]})
    store = many.open(FINGERPRINT)
    # Three tenants, and what the operator shares with them.
    assert [tier.quota.floor for tier in store.tiers] == [2 << 20]  # type: ignore[attr-defined]
    store.close()
    store = Options.parse({"disk": f"{tmp_path / 'b'}:8M"}).open(FINGERPRINT)
    assert [tier.quota.floor for tier in store.tiers] == [None]  # type: ignore[attr-defined]
    store.close()


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [(300, 300.0), (1e9, 3600.0), (-1, 0.0), (True, 0.0), ("9", 0.0), (math.nan, 0.0), (None, 0.0)],
)
def test_leases_are_bounded_and_nonsense_asks_for_none(asked: Any, seconds: float) -> None:
    assert lease_seconds({LEASE_PARAMETER: asked}) == seconds


def test_no_parameters_no_lease() -> None:
    assert lease_seconds(None) == 0.0
