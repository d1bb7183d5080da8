"""Whose scope a request belongs to: tenants, what the operator shares with them, salts."""

from __future__ import annotations

from headstart.prefix.contract import Scope

DEFAULT_TENANT = "default"
OPERATOR = "_operator"
"""Owner of the prefixes that all tenants share. No tenant may take this name."""


def scope_of(tenant: str, salt: str | None) -> Scope:
    """The cache scope of a tenant, narrowed by a ``cache_salt``; below what the operator
    lets every tenant read."""
    return Scope(tenant, None if tenant == OPERATOR else OPERATOR, salt or "")
