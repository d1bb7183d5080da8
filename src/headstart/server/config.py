"""What a server can be told, and where it is told it.

A setting comes from the first of these that has it: the command line, a ``HEADSTART_*``
environment variable, the TOML file, the default.
"""

from __future__ import annotations

import ipaddress
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ByteSize, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from headstart.server.alerting import Alerting
from headstart.server.auth import OPERATOR
from headstart.server.upstreams import Upstream, parse_upstreams

DEFAULT_FILE = Path("headstart.toml")
_ENV_PREFIX = "HEADSTART_"
_TENANT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

GiB = 1024**3
MiB = 1024**2


class ConfigError(Exception):
    """A setting is missing, unknown or wrong; the text is one line fit for a terminal."""


class Settings(BaseSettings):
    """Everything ``headstart serve`` can be told."""

    model_config = SettingsConfigDict(env_prefix=_ENV_PREFIX, extra="forbid")

    model: str | None = None
    """A model directory or hub id; None is the built-in model."""
    served_model_name: Annotated[list[str], NoDecode] = []
    """Names the model answers to beside its own."""
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    """0 takes any free port."""
    cache_memory: ByteSize = ByteSize(2 * GiB)
    """Bytes for all KV, running and cached."""
    cache_disk: str | None = None
    """``PATH:SIZE`` of a disk tier below memory."""
    cache_remote: Annotated[list[str], NoDecode] = []
    """URLs of remote tiers, ``s3://...`` or ``valkey://...``, fastest first."""
    cache_master_key: str | None = None
    """``file:PATH`` or ``env:NAME`` of the key that seals pages at rest."""
    cache_previous_key: str | None = None
    """The master key to rotate away from, named likewise."""
    eviction: Literal["lru", "lfu", "fifo", "learned"] = "lru"
    strict_quota: bool = False
    """True: a tenant never holds more memory than its floor."""
    exact: bool | None = None
    """True: a hit equals a miss bit for bit. None: the engine's default."""
    device: str = "auto"
    dtype: str | None = None
    """None: the model's own."""
    prefill_chunk: int = Field(default=512, ge=16)
    """Tokens that one prefill step takes at most; part of the key in exact mode."""
    max_running: int = Field(default=32, ge=1)
    """Requests that are decoded together at most; the others wait."""
    threads: int | None = Field(default=None, ge=1)
    """CPU threads of the model; None: torch's choice."""
    api_keys: Annotated[dict[str, SecretStr], NoDecode] = {}
    """Tenant name to key. Empty: everybody is the tenant ``default``."""
    admin_key: SecretStr | None = None
    """Opens ``/_headstart/cache``; None: it is closed to everybody."""
    warm: Path | None = None
    """A file of prompts, one JSON object a line, to be prefilled at start."""
    insecure_no_auth: bool = False
    """Allow another address than loopback without keys."""
    max_body: ByteSize = ByteSize(32 * MiB)
    grace: float = Field(default=5.0, ge=0)
    """Seconds that running requests get to finish on shutdown."""
    ping_interval: float = Field(default=10.0, gt=0)
    """Seconds of silence after which a waiting stream gets a sign of life."""
    log_format: Literal["auto", "json", "text"] = "auto"
    upstream: Annotated[dict[str, Upstream], NoDecode] = {}
    """``[upstream.NAME]`` tables: hosted models to stand in front of."""
    ledger: str | None = None
    """A path or database URL to record requests in, or "off"; None: beside whoever serves
    upstreams, and nowhere else."""
    alerts: Alerting = Alerting()
    """The ``[alerts]`` table: when to raise an alarm about what the ledger holds."""
    tenant_secret: SecretStr | None = None
    """What tenants' and prompts' names are made with; None: drawn at each start."""
    shared_state: SecretStr | None = None
    """``valkey://HOST:PORT/DB`` where several gateways share what they learn of traffic; None:
    this gateway is the only one."""

    @field_validator("upstream", mode="before")
    @classmethod
    def _parse_upstreams(cls, value: object) -> object:
        return parse_upstreams(value)

    @field_validator("served_model_name", "cache_remote", mode="before")
    @classmethod
    def _split_names(cls, value: object) -> object:
        """A comma-separated string, as an environment variable gives it, is a list."""
        if isinstance(value, str):
            return [name.strip() for name in value.split(",") if name.strip()]
        return value

    @field_validator("api_keys", mode="before")
    @classmethod
    def _parse_keys(cls, value: object) -> object:
        """NAME=KEY items (a list, or one comma-separated string) or a table."""
        if isinstance(value, str):
            value = [item for item in value.split(",") if item.strip()]
        return _keys_from_pairs(value) if isinstance(value, list | tuple) else value

    @field_validator("api_keys")
    @classmethod
    def _check_keys(cls, value: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name, key in value.items():
            if name == OPERATOR:
                raise ValueError(f"tenant name {name!r} is the operator's own")
            if not _TENANT_NAME.fullmatch(name):
                raise ValueError(f"tenant name {name!r} is not 1 to 64 letters, digits, . _ or -")
            if not key.get_secret_value():
                raise ValueError(f"the key of tenant {name!r} is empty")
        if len({key.get_secret_value() for key in value.values()}) < len(value):
            raise ValueError("two tenants have the same key")
        return value

    @field_validator("shared_state")
    @classmethod
    def _check_shared_state(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            from headstart.server.shared.link import checked  # brings the planner with it

            checked(value.get_secret_value())
        return value

    @field_validator("admin_key")
    @classmethod
    def _check_admin_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().strip():
            raise ValueError("the admin key is empty")
        return value

    @model_validator(mode="after")
    def _keep_keys_apart(self) -> Settings:
        admin = self.admin_key.get_secret_value().strip() if self.admin_key else None
        if any(key.get_secret_value() == admin for key in self.api_keys.values()):
            raise ValueError("the admin key must not be a tenant's key too")
        return self

    @model_validator(mode="after")
    def _refuse_open_door(self) -> Settings:
        passing = bool(self.upstream) and all(u.isolated for u in self.upstream.values())
        passing = passing and self.model is None
        if not (passing or self.api_keys or self.insecure_no_auth or is_loopback(self.host)):
            raise ValueError(
                f"without API keys the server binds loopback addresses only, not {self.host}:"
                " give --api-key NAME=KEY, or --insecure-no-auth if the network is trusted"
            )
        return self


def is_loopback(host: str) -> bool:
    """True for ``localhost`` and every loopback address; other names are not resolved."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def load_settings(
    overrides: Mapping[str, Any] | None = None,
    config: Path | None = None,
    upstreams: Mapping[str, Upstream] | None = None,
) -> Settings:
    """Settings out of every source; ``overrides`` are the command line's.

    ``config`` None reads ``headstart.toml`` where it exists. ``upstreams`` are there where
    the file has none. ConfigError.
    """
    path = config if config is not None else DEFAULT_FILE
    in_file = _read_toml(path) if config is not None or path.is_file() else {}
    if upstreams and not in_file.get("upstream"):
        in_file = {**in_file, "upstream": upstreams}
    given = {name: value for name, value in (overrides or {}).items() if value is not None}

    class FromSources(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return init_settings, env_settings, InitSettingsSource(settings_cls, in_file)

    try:
        return FromSources(**given)
    except ValidationError as error:
        raise ConfigError(_one_line(error, given, path)) from None


def _keys_from_pairs(pairs: Iterable[object]) -> dict[str, str]:
    keys: dict[str, str] = {}
    for pair in pairs:
        name, equals, key = str(pair).partition("=")
        name = name.strip()
        if not equals:  # the item may be a bare key: it is not repeated
            raise ValueError("expected NAME=KEY")
        if name in keys:
            raise ValueError(f"tenant {name!r} is given twice")
        keys[name] = key.strip()
    return keys


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            table = tomllib.load(file)
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None
    for name in table:
        if name not in Settings.model_fields:
            known = ", ".join(sorted(Settings.model_fields))
            raise ConfigError(f"{path}: unknown key {name!r} (known: {known})")
    return table


def _one_line(error: ValidationError, given: Mapping[str, Any], path: Path) -> str:
    """The first problem, under the name by which the user gave the setting."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    text = str(first["msg"]).removeprefix("Value error, ")
    if not first["loc"]:
        return text
    field = str(first["loc"][0])
    if field in given:
        option = "api-key" if field == "api_keys" else field.replace("_", "-")
        return f"--{option}: {text}"
    variable = f"{_ENV_PREFIX}{field.upper()}"
    return f"{variable}: {text}" if variable in os.environ else f"{path}: {field}: {text}"
