from __future__ import annotations

from headstart.prefix import Scope
from headstart.prefix.tenancy import DEFAULT_TENANT, OPERATOR, scope_of


def test_a_tenant_reads_below_what_the_operator_shares() -> None:
    assert scope_of(DEFAULT_TENANT, None) == Scope("default", OPERATOR)
    assert scope_of("alice", "s") == Scope("alice", OPERATOR, "s")


def test_the_operator_reads_its_own_alone() -> None:
    assert scope_of(OPERATOR, None) == Scope(OPERATOR)
