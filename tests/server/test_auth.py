from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.server.auth import DEFAULT_TENANT, Tenants, credential_of, scope_of

KEYS = {"acme": "key-a", "beta": "key-b"}


@pytest.mark.parametrize(
    ("headers", "tenant"),
    [
        ({"x-api-key": "key-a"}, "acme"),
        ({"authorization": "Bearer key-b"}, "beta"),
        ({"authorization": "bearer   key-b"}, "beta"),
        ({"x-api-key": "key-a", "authorization": "Bearer key-b"}, "acme"),
        ({"x-api-key": "wrong", "authorization": "Bearer key-b"}, None),
        ({"authorization": "Basic key-a"}, None),
        ({"authorization": "Bearer"}, None),
        ({"x-api-key": ""}, None),
        ({"x-api-key": "key-"}, None),
        ({"x-api-key": "kéy\udcff"}, None),
        ({}, None),
    ],
)
def test_a_key_names_its_tenant(headers: dict[str, str], tenant: str | None) -> None:
    assert Tenants(KEYS).authenticate(headers) == tenant


@pytest.mark.parametrize("headers", [{}, {"x-api-key": "any"}, {"authorization": "Bearer any"}])
def test_without_keys_all_callers_are_one_tenant(headers: dict[str, str]) -> None:
    assert Tenants({}).authenticate(headers) == DEFAULT_TENANT


def test_no_key_is_kept() -> None:
    assert "key-a" not in repr(vars(Tenants(KEYS)))


def test_a_credential_is_found_in_either_header() -> None:
    assert credential_of({"x-api-key": " a "}) == "a"
    assert credential_of({"authorization": "Bearer b"}) == "b"
    assert credential_of({}) is None


tenants = st.from_regex(r"[a-z0-9._-]{1,8}", fullmatch=True)
salts = st.none() | st.text(min_size=1, max_size=8)


@given(st.tuples(tenants, salts), st.tuples(tenants, salts))
def test_scopes_are_equal_only_for_equal_callers(
    one: tuple[str, str | None], other: tuple[str, str | None]
) -> None:
    assert (scope_of(*one) == scope_of(*other)) == (one == other)
