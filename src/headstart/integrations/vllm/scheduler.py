"""The scheduler's end: what of a request the store has, and what each step loads and saves."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

from headstart.integrations.vllm.background import survives
from headstart.integrations.vllm.lookup import Found, Lookup, Lookups
from headstart.integrations.vllm.options import Options, lease_seconds
from headstart.integrations.vllm.plan import Course, Pages, Recent, Step, Use, readable_pages
from headstart.kv.fingerprint import Fingerprint
from headstart.prefix import Scope, pack


class _Tracked:
    """One request, from its arrival to its end."""

    def __init__(self, request: Any, scope: Scope, page_tokens: int) -> None:
        self.request = request
        self.scope = scope
        self.course = Course(page_tokens)
        self.lookup: Lookup | None = None
        self.found: Found | None = None
        self.told = False
        """Its use was announced."""

    def tokens(self, pages: int, page_tokens: int) -> bytes:
        """Packed tokens of its first pages."""
        return pack(list(self.request.all_token_ids[: pages * page_tokens]))


class Scheduling:
    """Not safe across threads; vLLM's scheduler has one."""

    def __init__(self, options: Options, ranks: Sequence[Fingerprint]) -> None:
        """Opens the store; ValueError, TierUnavailable, SealError."""
        self._options = options
        self._ranks = ranks
        self._page = ranks[0].page_tokens
        self.store = options.open(ranks[0])
        self._lookups = Lookups(self.store, ranks)
        self._tracked: dict[str, _Tracked] = {}
        self._loads: list[Pages] = []
        self._recent = Recent()
        self.local_tokens: dict[str, int] = {}
        """Of each request that is loading: how many tokens come without a network."""

    def arrived(self, request: Any) -> None:
        """A new request: ask at once what the store has of it."""
        if not _eligible(request):
            return
        scope = self._options.scope(request.cache_salt)
        tracked = _Tracked(request, scope, self._page)
        self._tracked[request.request_id] = tracked
        if request.num_tokens >= self._page:
            self._ask(tracked)

    def matched(self, request: Any, computed: int) -> int | None:
        """Tokens that can be loaded behind ``computed``; None: not known yet."""
        tracked = self._tracked.get(request.request_id)
        if tracked is None or tracked.lookup is None:
            return 0
        if tracked.lookup.stale:
            self._ask(tracked)
        found = tracked.lookup.answer()
        if found is None:
            return None
        if found is not tracked.found:
            tracked.found = found
            kept = self._recent.skip(found.names, found.pages, time.monotonic())
            tracked.course.kept = max(tracked.course.kept, kept)
        return tracked.course.loads(found.pages, request.num_tokens, computed)

    def allocated(self, request: Any, blocks: Sequence[int], external: int) -> None:
        """Blocks were set aside for a request, ``external`` tokens of it to be loaded."""
        tracked = self._tracked.get(request.request_id)
        if not external or tracked is None or tracked.found is None:
            return
        stop = readable_pages(tracked.found.pages, request.num_tokens, self._page)
        first = stop - external // self._page
        filled = tuple(blocks[first:stop])
        tokens = tracked.tokens(stop, self._page)
        self._loads.append(Pages(request.request_id, tokens, tracked.scope, first, filled))
        tracked.course.loading(first, filled)
        local = max(0, min(tracked.found.local, stop) - first) * self._page
        self.local_tokens[request.request_id] = local

    def step(self, output: Any, blocks_of: Any) -> Step:
        """The work of a step; ``blocks_of`` gives a request's block ids."""
        made = Step(loads=self._loads, idle=not output.total_num_scheduled_tokens)
        self._loads = []
        for name, scheduled in output.num_scheduled_tokens.items():
            tracked = self._tracked.get(name)
            if tracked is not None and not self._advance(made, tracked, scheduled, blocks_of):
                self._tracked.pop(name)
        return made

    def loaded(self, names: Iterable[str], failed: set[int]) -> None:
        """Requests whose loading has ended, and blocks that could not be loaded."""
        for tracked in self._tracked.values():
            tracked.course.failed(failed)
        for name in names:
            if name in self._tracked:
                self._tracked[name].course.loading(0, ())

    def finished(self, name: str) -> None:
        """A request has ended."""
        self._tracked.pop(name, None)
        self.local_tokens.pop(name, None)

    def drop(self) -> bool:
        """Remove every page of this model, of all ranks, from every tier."""
        for made in self._ranks:
            self.store.evict(self.store.select(model=made.hex))
        self._recent = Recent()
        return True

    def close(self) -> None:
        """Close the store."""
        self._lookups.close()
        self.store.close()

    def _ask(self, tracked: _Tracked) -> None:
        request = tracked.request
        pages = request.num_tokens // self._page
        tracked.lookup = self._lookups.ask(tracked.tokens(pages, self._page), tracked.scope)

    @survives(bool)
    def _advance(self, made: Step, tracked: _Tracked, scheduled: int, blocks_of: Any) -> bool:
        """Add what one request brings; False, after a fault, to save no more of it."""
        request = tracked.request
        computed, known = request.num_computed_tokens, len(request.all_token_ids)
        due = tracked.course.due(computed, scheduled, known)
        if due:
            tokens = tracked.tokens(due.stop, self._page)
            blocks = tuple(blocks_of(request.request_id)[due.start : due.stop])
            made.saves.append(Pages(request.request_id, tokens, tracked.scope, due.start, blocks))
            self._note(tokens, tracked, due)
        if not tracked.told and computed + scheduled >= request.num_prompt_tokens:
            tracked.told = True
            pages = request.num_prompt_tokens // self._page
            if pages:
                lease = lease_seconds(request.kv_transfer_params)
                until = time.time() + lease if lease else 0.0
                made.uses.append(Use(tracked.tokens(pages, self._page), tracked.scope, until))
        return True

    def _note(self, tokens: bytes, tracked: _Tracked, due: range) -> None:
        """What is on its way need not be copied again for a request that comes before it
        has arrived."""
        names = [key.name for key in self.store.prefix(tokens, tracked.scope).keys]
        self._recent.add(names[due.start : due.stop], time.monotonic())


def _eligible(request: Any) -> bool:
    """Its KV depends on its tokens and nothing else."""
    return (
        request.prompt_token_ids is not None
        and request.prompt_embeds is None
        and not request.mm_features
        and request.lora_request is None
        and request.pooling_params is None
    )
