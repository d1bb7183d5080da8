"""Replicas as they are configured: URLs, or ``[[upstream.NAME.replicas]]`` tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Kind = Literal["vllm", "sglang", "llamacpp", "headstart"]
DEFAULT_CAPACITY: Final = 500_000
"""Tokens that a replica is taken to hold, where neither the configuration nor it says so."""
_HEALTH: Mapping[str, str] = {"headstart": "/healthz"}
_ENDPOINTS = ("tcp://", "ipc://")


class ReplicaTable(BaseModel):
    """One replica."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str
    """As ``base_url`` of an upstream."""
    kind: Kind = "vllm"
    weight: float = Field(default=1.0, gt=0)
    """How much faster than the others it is."""
    capacity: int | None = Field(default=None, ge=0)
    """Tokens that its cache holds. None: what it says (vLLM), or ``DEFAULT_CAPACITY``."""
    events: str | None = None
    """Where it publishes KV events, as a subscriber reaches it: ``tcp://HOST:5557``."""
    replay: str | None = None
    """Where it can be asked for events that were missed."""
    rank: int | None = Field(default=None, ge=0)
    """One data-parallel rank of the engine at ``url``, named to it in a header. Each rank has
    a cache and events of its own, and so is a replica."""

    @field_validator("url")
    @classmethod
    def _check_url(cls, value: str) -> str:
        return checked_url(value)

    @field_validator("events", "replay")
    @classmethod
    def _check_endpoint(cls, value: str | None) -> str | None:
        if value is not None and (not value.startswith(_ENDPOINTS) or "*" in value):
            raise ValueError("expected tcp://HOST:PORT or ipc://PATH of a publisher")
        return value

    @model_validator(mode="after")
    def _whole(self) -> ReplicaTable:
        if self.replay is not None and self.events is None:
            raise ValueError("replay needs events")
        return self

    @property
    def name(self) -> str:
        """Host and port, and the rank: what metrics and the admin API call it."""
        netloc = urlsplit(self.url).netloc
        return netloc if self.rank is None else f"{netloc}#{self.rank}"

    @property
    def health(self) -> str:
        """The path that says whether it lives."""
        return _HEALTH.get(self.kind, "/health")


def checked_url(value: str) -> str:
    """An address without credentials, query or fragment; ValueError."""
    try:
        url = urlsplit(value)
        known = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        known = False
    if not known:
        raise ValueError("expected http://HOST or https://HOST")
    if url.query or url.fragment or "@" in url.netloc:
        raise ValueError("takes no credentials, query or fragment")
    return value


def tables_of(value: object) -> object:
    """A list in which a string stands for a replica of that URL."""
    if not isinstance(value, list | tuple):
        return value
    return tuple({"url": item} if isinstance(item, str) else item for item in value)
