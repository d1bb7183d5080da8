"""Tenants that share one upstream credential, kept apart in the provider's cache by what the
provider separates entries by: OpenAI's ``prompt_cache_key``, DeepSeek's ``user_id``, a salt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Final, NamedTuple

import msgspec

from headstart.dialects import AnthropicHosted, Call, Hosted
from headstart.prompt import Chain
from headstart.providers import Rules, rows_of, rules_for
from headstart.server.config import ConfigError
from headstart.server.gateway.insertion import placed
from headstart.server.gateway.planning import wire_key
from headstart.server.upstreams import Upstream

CHANGING = ("plan", "own")
"""Modes in which anything may be put into a request."""
_LONG: Final = 256


class Bond(NamedTuple):
    """What stands in a request for the tenant who sends it."""

    path: tuple[str, ...]
    value: str


class Isolation:
    """Which upstreams several tenants share a credential of, and how they are kept apart."""

    def __init__(
        self, upstreams: Mapping[str, Upstream], keys: Mapping[str, str], secret: bytes
    ) -> None:
        """``keys``: gateway keys by tenant."""
        shared = {n: u for n, u in upstreams.items() if not u.isolated and len(keys) > 1}
        self._shared = frozenset(n for n, u in shared.items() if u.mode in CHANGING)
        self._strict = frozenset(n for n, u in shared.items() if not u.shared_cache)
        self._secret = secret

    def strict(self, upstream: str) -> bool:
        """Whether a request that can't be kept apart must not go on."""
        return upstream in self._strict

    def bond(
        self,
        upstream: str,
        tenant: str,
        hosted: Hosted,
        call: Call,
        rules: Rules,
        wanted: str | None,
    ) -> Bond | None:
        """None where nobody shares, or nothing separates. The client's own value, or else the
        ``wanted`` one, tells a tenant's requests apart as before: it is part of ours."""
        path = _separating(hosted, rules) if upstream in self._shared else None
        if path is None:
            return None
        given = _given(call, path)
        own = given or wanted or ""
        if len(own) > _LONG:  # keys are remembered, and a client's may be any text
            own = sha256(own.encode()).hexdigest()
        return Bond(path, wire_key(self._secret, tenant, own))


def _separating(hosted: Hosted, rules: Rules) -> tuple[str, ...] | None:
    """The field by which these rules part entries, where the dialect has it."""
    if isinstance(hosted, AnthropicHosted):
        return ("metadata", "user_id") if rules.user_partitions else None
    form = getattr(hosted, "format", None)
    if form is None:
        return None
    if rules.key_partitions and form.key:
        return ("prompt_cache_key",)
    if rules.user_partitions and form.user:
        return (form.user,)
    return (form.salts[0],) if rules.salt_partitions and form.salts else None


def _given(call: Call, path: tuple[str, ...]) -> str | None:
    value: object = call.body
    for step in path:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value if isinstance(value, str) else None


def bound(body: bytes, bond: Bond) -> bytes:
    """The body with the bond in the place of the client's own value, or as a new member; all
    other bytes as they were. Unmarkable."""
    return placed(body, bond.path, msgspec.json.encode(bond.value))


def chained_to(chain: Chain, bond: Bond) -> Chain:
    """The prompt as it goes out."""
    controls = chain.controls
    match bond.path[-1]:
        case "prompt_cache_key":
            controls = replace(controls, key=bond.value)
        case "user_id":
            controls = replace(controls, user=bond.value)
        case _:
            controls = replace(controls, salt=bond.value)
    return chain.marked(chain.marks, controls)


def shared_caches(
    upstreams: Mapping[str, Upstream], keys: Mapping[str, str], day: date | None = None
) -> list[str]:
    """A line for each upstream whose cache tenants share, by the rules of a day; ConfigError
    where that is refused."""
    notices = []
    for name, upstream in upstreams.items():
        if upstream.isolated or len(keys) < 2:
            continue
        rules = _rules(upstream, day or datetime.now(UTC).date())
        apart = [rule.family for rule in rules if upstream.mode in CHANGING and _parts(rule)]
        if len(apart) == len(rules):
            continue
        if not apart and not upstream.shared_cache:
            raise ConfigError(
                f"[upstream.{name}] shared_cache = false: {len(keys)} tenants would share one"
                " credential, and so the provider's cache; pass their own credentials on"
            )
        notices.append(_notice(name, upstream, len(keys), apart))
    return notices


def _notice(name: str, upstream: Upstream, tenants: int, apart: list[str]) -> str:
    kept = f" (not with {', '.join(apart)}, where they are kept apart)" if apart else ""
    if not upstream.shared_cache:
        return f"[upstream.{name}]: only {', '.join(apart)} is served, where tenants are kept apart"
    return (
        f"[upstream.{name}]: {tenants} tenants share one credential, and so the provider's cache"
        f"{kept}: its usage fields tell them what others have sent"
    )


def _rules(upstream: Upstream, day: date) -> list[Rules]:
    """Of the models that come here, or of all that the provider has."""
    if upstream.models:
        return [rules_for(upstream.provider, model, day)[0] for model in upstream.models]
    latest: dict[str, Rules] = {}
    for row in rows_of(upstream.provider):
        known = latest.get(row.family)
        if row.since <= day and (known is None or row.since > known.since):
            latest[row.family] = row
    return list(latest.values())


def _parts(rules: Rules) -> bool:
    return rules.key_partitions or rules.user_partitions or rules.salt_partitions
