"""Where requests are sent on to: ``[upstream.NAME]`` tables, and those that need none."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from headstart.planner import Mode
from headstart.providers import providers
from headstart.server.replica_tables import ReplicaTable, checked_url, tables_of

Speech = Literal["anthropic", "openai", "gemini", "vertex", "bedrock", "azure"]
"""Which paths an upstream has."""

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_PERIODS = {"hour": 3600.0, "day": 86400.0}
_BUDGET = re.compile(r"\d{1,6}(?:\.\d{1,6})?/(?:hour|day)")
_RESERVED = frozenset(
    {"v1", "v1beta", "v1alpha", "model", "openai", "projects", "healthz", "metrics"}
)
"""First steps of paths that mean something without an upstream's name before them. The
built-in upstream of OpenAI may be named so: its own paths begin with a version."""
_SPEECHES: Mapping[str, Speech] = {
    "anthropic": "anthropic",
    "gemini": "gemini",
    "vertex": "vertex",
    "bedrock": "bedrock",
    "azure": "azure",
}


class Upstream(BaseModel):
    """One provider's account, as requests reach it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: str
    """Without ``/v1`` or whatever else the client's own path begins with."""
    provider: str = ""
    """Whose cache and prices count; by default the upstream's name."""
    dialect: Speech | None = None
    """Whose paths it has; by default the provider's."""
    auth: Literal["pass", "inject", "aws"] = "pass"
    """pass: the client's credential goes on. inject: ours, from ``key_env``. aws: signed
    anew with the credentials that botocore finds."""
    key_env: str | None = None
    """The variable that holds the key to inject."""
    region: str | None = None
    """Of an AWS endpoint; by default what botocore finds."""
    mode: Mode = "plan"
    shared_cache: bool = True
    """False: refuse a configuration in which tenants share the provider's cache."""
    models: tuple[str, ...] = ()
    """Glob patterns of the models that paths without an upstream's name send here."""
    connect_timeout: float = Field(default=10.0, gt=0)
    read_timeout: float = Field(default=600.0, gt=0)
    """Seconds without a byte of the response."""
    keep_alive: bool = False
    """Send pings that keep cached prompts alive where that is expected to pay."""
    keep_alive_budget: str = "1/day"
    """USD that these may cost, as ``AMOUNT/hour`` or ``AMOUNT/day``."""

    followers: bool = False
    """Of requests that begin alike and come together, hold back all but one until it has
    written what they share: for the median time to first byte, and 2 s, at most."""

    include_usage: bool = False
    """Ask for usage in chat streams whose clients do not say whether they want any: these get
    a last chunk with it. Without it, such rows are estimated."""
    store_prompts: bool = False
    """Keep request bodies in the ledger, so that misses are explained to the character."""

    explicit_caches: bool = False
    """Make the provider's cache objects (``cachedContents``) of prefixes that recur often
    enough. They hold prompts at the provider, and a request that reads one names it in the
    place of that part of its prompt."""
    explicit_cache_budget: str = "1/day"
    """USD that making and storing these may cost, as ``AMOUNT/hour`` or ``AMOUNT/day``."""

    replicas: tuple[ReplicaTable, ...] = ()
    """Servers of one model, each with a cache of its own: URLs or tables. A request goes where
    most of its prefix lies, weighed against load; ``base_url`` may then be left out."""
    replica_header: bool = False
    """Name the replica to clients, in ``x-headstart-replica``."""
    tokenize: bool = True
    """Where replicas publish KV events, ask one for each prompt's tokens, so that what they
    hold is known from these."""

    @field_validator("replicas", mode="before")
    @classmethod
    def _parse_replicas(cls, value: object) -> object:
        return tables_of(value)

    @model_validator(mode="after")
    def _whole(self) -> Upstream:
        try:
            checked_url(self.base_url)
        except ValueError as error:
            raise ValueError(f"base_url: {error}") from None
        if len({table.name for table in self.replicas}) < len(self.replicas):
            raise ValueError("replicas: two have one address; ranks need a rank each")
        if self.replicas and (self.auth == "aws" or self.keep_alive or self.explicit_caches):
            raise ValueError("replicas go with no keep_alive, explicit_caches or auth = aws")
        if self.auth == "inject" and not self.key_env:
            raise ValueError('auth = "inject" needs key_env, the name of a variable')
        for name in ("keep_alive_budget", "explicit_cache_budget"):
            if _BUDGET.fullmatch(getattr(self, name)) is None:
                raise ValueError(f'{name}: expected "AMOUNT/hour" or "AMOUNT/day", in USD')
        for name in ("keep_alive", "followers", "explicit_caches", "include_usage"):
            if getattr(self, name) and self.mode not in ("plan", "own"):
                raise ValueError(f'{name} needs mode "plan" or "own", not "{self.mode}"')
        if self.explicit_caches and self.speech not in ("gemini", "vertex"):
            raise ValueError("explicit_caches: only Gemini has them, here and on Vertex")
        if self.auth != "inject" and self.key_env:
            raise ValueError('key_env needs auth = "inject"')
        if self.provider and self.provider not in providers():
            known_names = ", ".join(providers())
            raise ValueError(f"provider: {self.provider!r} is unknown (known: {known_names})")
        return self

    @property
    def speech(self) -> Speech:
        """Whose paths it has."""
        return self.dialect or _SPEECHES.get(self.provider, "openai")

    @property
    def keep_alive_limit(self) -> tuple[float, float]:
        """USD, and the seconds that they are for."""
        return _limit(self.keep_alive_budget)

    @property
    def explicit_cache_limit(self) -> tuple[float, float]:
        """USD, and the seconds that they are for."""
        return _limit(self.explicit_cache_budget)

    @property
    def isolated(self) -> bool:
        """Whether each client's own credential, and so its own account, is used."""
        return self.auth == "pass"


def _limit(budget: str) -> tuple[float, float]:
    amount, _, period = budget.partition("/")
    return float(amount), _PERIODS[period]


_DEFAULT_URLS = {
    "anthropic": "https://api.anthropic.com",
    "openai": "https://api.openai.com",
    "gemini": "https://generativelanguage.googleapis.com",
    "deepseek": "https://api.deepseek.com",
    "groq": "https://api.groq.com/openai",
    "kimi": "https://api.moonshot.ai",
    "mistral": "https://api.mistral.ai",
    "openrouter": "https://openrouter.ai/api",
    "qwen": "https://dashscope-intl.aliyuncs.com/compatible-mode",
    "xai": "https://api.x.ai",
}
DEFAULTS: Mapping[str, Upstream] = {
    name: Upstream(base_url=url, provider=name) for name, url in _DEFAULT_URLS.items()
}
"""The providers' own addresses, with the clients' own credentials."""


def parse_upstreams(tables: object) -> dict[str, Upstream]:
    """``[upstream.NAME]`` tables; ValueError in one line. A built-in name may leave out its
    ``base_url``."""
    if not isinstance(tables, Mapping):
        raise ValueError("expected tables: [upstream.NAME]")
    found = {}
    for name, table in tables.items():
        if isinstance(table, Upstream):
            found[name] = table
            continue
        if not _NAME.fullmatch(name) or (name in _RESERVED and name not in DEFAULTS):
            raise ValueError(f"{name!r} is no name for an upstream: lower case, not of a path")
        if not isinstance(table, Mapping):
            raise ValueError(f"{name}: expected a table")
        found[name] = _parsed(name, table)
    return found


def _parsed(name: str, table: Mapping[str, object]) -> Upstream:
    default = DEFAULTS.get(name)
    given = dict(table)
    if default is not None:
        given.setdefault("base_url", default.base_url)
    elif given.get("replicas"):
        given.setdefault("base_url", _first_url(given["replicas"]))
    if "provider" not in given:
        dialect = str(given.get("dialect", ""))
        given["provider"] = next((n for n in (name, dialect) if n in providers()), "")
    try:
        upstream = Upstream.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join((name, *map(str, first["loc"])))
        raise ValueError(f"{where}: {str(first['msg']).removeprefix('Value error, ')}") from None
    if not upstream.provider:
        raise ValueError(f"{name}.provider: give one of {', '.join(providers())}")
    return upstream


def _first_url(replicas: object) -> object:
    """What stands for the whole route; what is no replica is told later."""
    first = replicas[0] if isinstance(replicas, list | tuple) else replicas
    return first.get("url", "") if isinstance(first, Mapping) else first


def in_mode(upstreams: Mapping[str, Upstream], mode: str | None) -> dict[str, Upstream]:
    """The same upstreams, all in one mode; ValueError for one that does not exist."""
    if mode is None:
        return dict(upstreams)
    if mode not in get_args(Mode):
        raise ValueError(f"--mode {mode}: unknown (known: {', '.join(get_args(Mode))})")
    return {
        name: upstream.model_copy(update={"mode": mode}) for name, upstream in upstreams.items()
    }
