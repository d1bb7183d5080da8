"""Explicit cache objects with a life of their own: Gemini's and Vertex's ``cachedContents``.

An object expires at a moment that only ``patch`` moves: that reads do not move it is
inferred, no document and no probe shows an extension. Times are Unix seconds on the
caller's clock; one that goes back is held where it was.
"""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import msgspec

from headstart.prompt import Chain, Prompt, Segment
from headstart.providers.resource_objects import (
    CachedContent,
    ResourceError,
    bare,
    held,
    identifier,
    invalid,
)
from headstart.providers.rules import Rules
from headstart.providers.table import minimum_of

DEFAULT_TTL: Final = 3600.0
_PAGE: Final = 50
_MOST_PER_PAGE: Final = 1000
_VERSION: Final = 1
_TOOL_SETTINGS: Final = frozenset({"toolConfig", "tool_config", "tool_choice"})
_CONFLICT: Final = (
    "CachedContent can not be used with GenerateContent request setting system_instruction, "
    "tools or tool_config.\n\nProposed fix: move those values to CachedContent from "
    "GenerateContent request."
)


class CacheResources:
    """The objects of all projects or keys (a scope each), at most ``limit``."""

    def __init__(
        self,
        rules: Rules,
        *,
        count: Callable[[Segment], int],
        limit: int = 100_000,
    ) -> None:
        self.rules = rules
        self._count = count
        self._limit = limit
        self._live: dict[str, CachedContent] = {}
        self._ends: list[tuple[float, str]] = []
        self._spent: dict[str, float] = {}
        self._sizes: OrderedDict[str, int] = OrderedDict()
        self.foreign = False
        """Others make objects too: a name that is not known is taken to be one, of as many
        tokens as were read at least by a request that named it."""
        self._serial = 0
        self._now = float("-inf")

    def __len__(self) -> int:
        return len(self._live)

    def create(
        self,
        prompt: Prompt,
        now: float,
        *,
        scope: str = "",
        parent: str = "",
        ttl: float | None = None,
        expires: float | None = None,
        display_name: str = "",
        model_name: str = "",
    ) -> CachedContent:
        """Hold a prompt's tokens for ``ttl`` seconds (3600 unless given) or until
        ``expires``. ``model_name`` is the model as the request spells it (``models/M``, a
        Vertex path), where the prompt has only its id. ResourceError 400 if it is too
        small, ends on a model turn or would not live; 429 beyond the limit."""
        now = self._advance(now)
        until = self._until(now, ttl, expires)
        tokens = sum(self._count(segment) for segment in prompt.segments)
        least = self._minimum(prompt.model)
        if tokens < least:
            raise invalid(
                f"Cached content is too small. total_token_count={tokens}, "
                f"min_total_token_count={least}"
            )
        if prompt.segments and prompt.segments[-1].role == "assistant":
            raise invalid("Requests ending with a model turn are not supported")
        if len(self._live) >= self._limit:
            raise ResourceError(429, "RESOURCE_EXHAUSTED", f"{self._limit} cached contents exist")
        self._serial += 1
        path = f"{parent}/" if parent else ""
        name = f"{path}cachedContents/{identifier(scope, self._serial)}"
        made = CachedContent(
            name,
            self._serial,
            model_name or prompt.model,
            tokens,
            now,
            now,
            until,
            display_name,
            scope,
        )
        self._put(made)
        return made

    def adopt(
        self, name: str, model: str, tokens: int, now: float, expires: float, *, scope: str = ""
    ) -> None:
        """Hold an object that a provider made, by the name and the count that it gave: for
        those who predict what reading it will give. Beyond the limit nothing is held."""
        now = self._advance(now)
        if name in self._live or len(self._live) >= self._limit:
            return
        self._serial += 1
        self._put(CachedContent(name, self._serial, model, tokens, now, now, expires, "", scope))

    def get(self, name: str, now: float, *, scope: str = "") -> CachedContent:
        """ResourceError 403, never 404, if there is none, it has expired, or it is another
        scope's. Changes nothing."""
        found = self._live.get(name)
        if found is None or found.scope != scope or found.expires <= max(now, self._now):
            message = "CachedContent not found (or permission denied)"
            raise ResourceError(403, "PERMISSION_DENIED", message)
        return found

    def use(self, name: str, chain: Chain, now: float, *, scope: str = "") -> CachedContent:
        """The object that a request continues; ResourceError 403 as ``get``, 400 if the
        request is for another model or brings a system instruction, tools or a tool
        configuration. Changes nothing: reads do not extend a life."""
        found = self._used(name, chain, now, scope)
        if bare(found.model) != bare(chain.model):
            raise invalid(f"CachedContent is bound to {found.model}, not to {chain.model}")
        if chain.system or _TOOL_SETTINGS & chain.settings.keys():
            raise invalid(_CONFLICT)
        return found

    def reported(self, name: str, read: int) -> None:
        """A request that named it read so many tokens, as the provider says: all of it, and
        more where a longer prefix was cached as well."""
        if self.foreign and read and name not in self._live:
            self._sizes[name] = min(read, self._sizes.get(name, read))
            self._sizes.move_to_end(name)
            if len(self._sizes) > self._limit:
                self._sizes.popitem(last=False)

    def page(
        self, now: float, *, scope: str = "", parent: str = "", size: int = 0, token: str = ""
    ) -> tuple[list[CachedContent], str]:
        """Live objects, oldest first, and the token of the next page ("" after the last).
        ``size`` 0 means 50, 1000 is the most; ResourceError 400 for what is no page."""
        now = self._advance(now)
        if size < 0 or (token and not (token.isascii() and token.isdigit() and len(token) < 19)):
            raise invalid(f"no page of size {size} at token {token!r}")
        path = f"{parent}/" if parent else ""
        mine = [
            found
            for found in self._live.values()
            if found.scope == scope and found.name.startswith(f"{path}cachedContents/")
        ]
        first = bisect_right(mine, int(token or 0), key=lambda found: found.serial)
        rest = mine[first:]
        size = min(size or _PAGE, _MOST_PER_PAGE)
        return rest[:size], str(rest[size - 1].serial) if len(rest) > size else ""

    def patch(
        self,
        name: str,
        now: float,
        *,
        scope: str = "",
        ttl: float | None = None,
        expires: float | None = None,
    ) -> CachedContent:
        """Move the end: ``ttl`` counts from now. ResourceError 400 without either, 403 as
        ``get``."""
        now = self._advance(now)
        found = self.get(name, now, scope=scope)
        if ttl is None and expires is None:
            raise invalid("Only ttl and expireTime can be updated, and neither is given")
        changed = replace(found, updated=now, expires=self._until(now, ttl, expires))
        self._put(changed)
        return changed

    def delete(self, name: str, now: float, *, scope: str = "") -> None:
        """ResourceError 403 as ``get``."""
        now = self._advance(now)
        self._end(self.get(name, now, scope=scope), now)

    def token_hours(self, now: float, *, scope: str = "") -> float:
        """Tokens times hours held so far, those of ended objects included: what storage is
        charged for. Changes nothing."""
        now = max(now, self._now)
        return self._spent.get(scope, 0.0) + sum(
            held(found, now) for found in self._live.values() if found.scope == scope
        )

    def save(self) -> bytes:
        """All state that ``load`` needs; no content."""
        head = (_VERSION, self.rules.provider, self._now, self._serial, self._spent)
        return msgspec.msgpack.encode((*head, list(self._live.values())))

    def load(self, data: bytes) -> None:
        """Replace all state; ValueError, and no change, if it is not from ``save``."""
        try:
            kind = tuple[int, str, float, int, dict[str, float], list[CachedContent]]
            version, provider, now, serial, spent, live = msgspec.msgpack.decode(data, type=kind)
        except msgspec.MsgspecError as error:
            raise ValueError(f"not saved cache objects: {error}") from None
        if (version, provider) != (_VERSION, self.rules.provider):
            raise ValueError(f"cache objects of {provider}, version {version}")
        self._now, self._serial, self._spent = now, serial, spent
        self._live, self._ends = {}, []
        for found in live:
            self._put(found)

    def _used(self, name: str, chain: Chain, now: float, scope: str) -> CachedContent:
        try:
            return self.get(name, now, scope=scope)
        except ResourceError:
            if not self.foreign:
                raise
        tokens = self._sizes.get(name, 0)
        return CachedContent(name, 0, chain.model, tokens, now, now, now, "", scope)

    def _advance(self, now: float) -> float:
        """Move the clock on, and take away what has expired by then."""
        self._now = max(now, self._now)
        while self._ends and self._ends[0][0] <= self._now:
            end, name = heapq.heappop(self._ends)
            found = self._live.get(name)
            if found is not None and found.expires == end:
                self._end(found, end)
        return self._now

    def _put(self, found: CachedContent) -> None:
        self._live[found.name] = found
        heapq.heappush(self._ends, (found.expires, found.name))
        if len(self._ends) > 2 * self._limit:
            self._ends = [(held.expires, held.name) for held in self._live.values()]
            heapq.heapify(self._ends)

    def _end(self, found: CachedContent, now: float) -> None:
        del self._live[found.name]
        self._spent[found.scope] = self._spent.get(found.scope, 0.0) + held(found, now)

    def _until(self, now: float, ttl: float | None, expires: float | None) -> float:
        if ttl is not None and expires is not None:
            raise invalid("Only one of ttl and expireTime can be set")
        until = expires if expires is not None else now + (DEFAULT_TTL if ttl is None else ttl)
        least = self.rules.least_ttl
        if not now + least <= until < float("inf") or until <= now:
            raise invalid(f"The expiration must lie at least {least:g} s ahead")
        return until

    def _minimum(self, model: str) -> int:
        rules = self.rules
        return minimum_of(
            replace(rules, minimum=rules.resource_minimum, minimums=rules.resource_minimums),
            bare(model),
        )
