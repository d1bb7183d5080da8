"""Caches with breakpoints: entries end exactly where a marker stands, or where the provider
puts one of its own. Anthropic, Bedrock, OpenAI from gpt-5.6 on, Qwen's explicit cache.

An entry is a chained digest in a dictionary. What a request costs here depends on its own
breakpoints and never on how many entries are held.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Final

import msgspec

from headstart.prompt import Chain, Mark, Mine, Prompt, Segment, chained
from headstart.providers.breakpoints_bill import Bill
from headstart.providers.breakpoints_places import Places, places_of
from headstart.providers.breakpoints_reasons import Case, Reasons
from headstart.providers.breakpoints_request import Request
from headstart.providers.breakpoints_thinking import DROPPED, without_thinking
from headstart.providers.contract import Emulator, Lookup, Pricer, Ticket, Trace
from headstart.providers.granular_route import partition
from headstart.providers.recall import Recall
from headstart.providers.rules import Rules
from headstart.providers.state import Entries, Saved
from headstart.providers.table import minimum_of, stated_minimum
from headstart.usage import MissReason, Usage

_VERSION: Final = 1
_FOREIGN: Final = ("granularity", "hidden", "holdback", "machines", "delay", "interval", "capacity")
"""Fields of rules that mean nothing here."""
_PREFIX_BYTES: Final = 8
_LEAST_RECALL: Final = 10_000


class _State(msgspec.Struct, array_like=True, frozen=True):
    version: int
    provider: str
    family: str
    now: float
    serial: int
    entries: Saved
    recall: list[object] | None
    """None where it is shared."""


class BreakpointEmulator(Emulator):
    """``limit`` bounds entries, expired ones included; without a shared ``recall`` it keeps
    one of its own, of five segments an entry."""

    def __init__(
        self,
        rules: Rules,
        model: str,
        *,
        count: Callable[[Segment], int],
        price: Pricer | None = None,
        limit: int = 100_000,
        recall: Recall | None = None,
        warnings: tuple[str, ...] = (),
    ) -> None:
        """ValueError for rules of another scheme, or that say what has no meaning here."""
        if rules.scheme != "breakpoints":
            raise ValueError(f"rules of scheme {rules.scheme!r}, not 'breakpoints'")
        defaults = {field.name: field.default for field in fields(Rules)}
        for name in _FOREIGN:
            if getattr(rules, name) != defaults[name]:
                raise ValueError(f"{name}: caches with breakpoints have no such rule")
        self.rules = rules
        self.model = model
        self._count = count
        self._price = price
        self._limit = limit
        self._warnings = warnings + _unstated(rules, model)
        self._minimum = minimum_of(rules, model)
        self._how = places_of(rules)
        self._bill = Bill(rules)
        self._parted = rules.key_partitions or rules.user_partitions or rules.salt_partitions
        self._at_once = rules.readable == "at_once"
        self._entries = Entries(limit)
        self._shared = recall
        self._recall = recall or Recall(max(_LEAST_RECALL, 5 * limit))
        self._reasons = Reasons(self._minimum, self._how, self._entries, self._recall)
        self._now = float("-inf")
        self._serial = 0
        self._replayed: Request | None = None

    def chain(self, prompt: Prompt, known: Mine | None = None) -> Chain:
        if self.rules.strips_thinking:
            prompt = without_thinking(prompt)
        rules = self.rules
        return chained(prompt, self._counted, settings=rules.settings, runs=rules.runs, known=known)

    def peek(self, prompt: Prompt | Chain, now: float, *, scope: str = "") -> Lookup:
        return self._look(prompt, max(now, self._now), scope).lookup

    def begin(self, prompt: Prompt | Chain, now: float, *, scope: str = "") -> Request:
        self._now = now = max(now, self._now)
        ticket = self._look(prompt, now, scope)
        self._serial += 1
        ticket.request = f"{self.model}/{self._serial}"
        self._entries.promise(ticket.fresh)
        return ticket

    def replay(self, chain: Chain, now: float, *, scope: str = "") -> Usage:
        """A request that was answered at once, for who asks neither why nor for a ticket: it
        is not remembered for others' reasons. Takes a fraction of ``begin``'s time."""
        self._now = now = max(now, self._now)
        keys, scope = self._keyed(chain, scope)
        places = self._how.places(chain)
        hit, _ = self._find(keys, places, now)
        writes, usage = self._billed(chain, places, hit)
        lookup = Lookup(usage, None, None, None, 0, None, None)
        ticket = Request(self, chain, keys, scope, now, places, writes, hit, lookup)
        self._leave(ticket)
        ticket.began, self._replayed = True, ticket
        return usage

    def replayed(self) -> Trace | None:
        """What the latest ``replay`` left behind."""
        return None if self._replayed is None else self.trace(self._replayed)

    def settle(self, ticket: Request, t: float | None) -> None:
        """A response began at ``t``, or there was none."""
        if ticket.began is not None:
            return
        ticket.began = t is not None
        self._entries.settle(ticket.fresh)
        if t is None:
            return
        self._now = max(t, self._now)
        self._leave(ticket)
        writes = ticket.writes
        cached = max(ticket.hit, writes[-1].segment if writes else -1) + 1
        self._recall.remember(ticket.chain, ticket.scope, ticket.request, self._now, cached=cached)

    def reconcile(self, ticket: Ticket, actual: Usage) -> MissReason | None:
        """A prompt that the provider counts differently is compared by its share, give or
        take 2%. What was read is taken to end at the longest breakpoint that fits; entries
        beyond it go, but for those that this request has then written itself. ValueError
        for a ticket of another emulator."""
        if not isinstance(ticket, Request) or ticket.owner is not self:
            raise ValueError("a ticket of another emulator")
        predicted = ticket.lookup.usage
        read, slack = actual.read, 0
        if actual.input and actual.input != predicted.input:
            read, slack = read * predicted.input // actual.input, predicted.read // 50
        if ticket.hit < 0 or read + slack >= predicted.read:
            return None
        elsewhere = self.rules.routed and ticket.chain.controls.key is None
        reason = MissReason.ROUTED_ELSEWHERE if elsewhere else MissReason.EVICTED
        self._lose(ticket, read + slack if read else 0, reason)
        return reason

    def trace(self, ticket: Ticket) -> Trace | None:
        if not isinstance(ticket, Request) or not ticket.began:
            return None
        get, start = self._entries.held.get, ticket.start
        held = [
            (key, entry[0] - start, entry[1])
            for key in ticket.touched
            if (entry := get(key)) is not None
        ]
        # What was not there and was then written anew is both: its old lifetime is over.
        again = {key for key, _, _ in held}
        gone = [key for key in ticket.gone if key in again or get(key) is None]
        return Trace(start, held, gone)

    def observe(self, trace: Trace, now: float) -> None:
        start, entries = min(trace.start, now), self._entries
        for key in trace.gone:
            entries.drop(key, MissReason.EVICTED)
        for key, lasts, ttl in trace.held:
            expiry = start + min(lasts, ttl)
            entries.write(key, expiry, ttl)
            if self.rules.renew == "request":
                entries.use(key, expiry, ttl)

    @property
    def entries(self) -> int:
        return len(self._entries.held)

    def save(self) -> bytes:
        head = (_VERSION, self.rules.provider, self.rules.family, float(self._now), self._serial)
        recall = self._recall.dump() if self._shared is None else None
        return msgspec.msgpack.encode(_State(*head, self._entries.save(), recall))

    def load(self, data: bytes) -> None:
        try:
            state = msgspec.msgpack.decode(data, type=_State)
        except (msgspec.MsgspecError, ValueError) as error:
            raise ValueError(f"not a saved state: {error}") from None
        rules = self.rules
        found = (state.version, state.provider, state.family)
        if found != (_VERSION, rules.provider, rules.family):
            raise ValueError(f"state of version, provider and family {found}")
        if self._shared is None and state.recall is not None:
            self._recall.restore(state.recall)
        self._entries = Entries(self._limit)
        self._entries.load(state.entries)
        self._reasons = Reasons(self._minimum, self._how, self._entries, self._recall)
        self._now, self._serial = state.now, state.serial

    def _counted(self, segment: Segment) -> int:
        return 0 if segment.type == DROPPED else self._count(segment)

    def _look(self, prompt: Prompt | Chain, now: float, scope: str) -> Request:
        chain = prompt if isinstance(prompt, Chain) else self.chain(prompt)
        keys, scope = self._keyed(chain, scope)
        places = self._how.places(chain)
        hit, expired = self._find(keys, places, now)
        writes, usage = self._billed(chain, places, hit)
        why = self._reasons.explain(
            Case(chain, keys, scope, now, places, bool(writes), hit, expired)
        )
        price = self._price
        lookup = Lookup(
            usage,
            None if price is None else price.cost(usage),
            None if price is None else price.uncached(usage),
            why.reason,
            why.lost,
            why.divergence,
            keys[hit].hex() if hit >= 0 else None,
            self._warnings,
        )
        return Request(self, chain, keys, scope, now, places, writes, hit, lookup)

    def _keyed(self, chain: Chain, scope: str) -> tuple[Sequence[bytes], str]:
        """A scope's keys, and its digest."""
        keys: Sequence[bytes] = chain.keys
        if scope or self._parted:
            scope = partition(self.rules, chain, scope)
            if scope:
                prefix = bytes.fromhex(scope)[:_PREFIX_BYTES]
                keys = [prefix + key for key in keys]
        return keys, scope

    def _billed(self, chain: Chain, places: Places, hit: int) -> tuple[Sequence[Mark], Usage]:
        """The breakpoints that are long enough to be written, and who pays what."""
        ends, least = chain.ends, self._minimum
        writes = [mark for mark in places.writes if ends[mark.segment] >= least]
        read = ends[hit] if hit >= 0 else 0
        past = [mark for mark in writes if mark.segment > hit] if hit >= 0 else writes
        return writes, self._bill.usage(chain, read, past)

    def _find(self, keys: Sequence[bytes], places: Places, now: float) -> tuple[int, int]:
        """Last segments of the entry that is read and of the longest expired one; -1: none."""
        get, pending = self._entries.held.get, self._entries.pending
        early = pending if self._at_once else ()
        expired = -1
        for window in places.windows:
            for segment in window:
                entry = get(keys[segment])
                if entry is not None:
                    if entry[0] > now:
                        return segment, expired
                    expired = max(expired, segment)
                if early and keys[segment] in early:
                    return segment, expired
        return -1, expired

    def _leave(self, ticket: Request) -> None:
        """What a request whose response began leaves behind."""
        if ticket.hit >= 0:
            self._refresh(ticket)
        self._write(ticket, ticket.hit)

    def _refresh(self, ticket: Request) -> None:
        """What is read lives on, from the start of the request that reads it."""
        marks = dict(ticket.places.writes)
        first = 0 if self.rules.refresh_ancestors else ticket.hit
        for segment in range(first, ticket.hit + 1):
            entry = self._entries.held.get(ticket.keys[segment])
            if entry is not None:
                expiry, ttl = entry
                ttl = self._renewed(ttl, marks.get(segment))
                if self._bill.lifetime(ttl).refresh:
                    expiry = ticket.start + ttl
                self._entries.use(ticket.keys[segment], expiry, ttl)
                ticket.touched.append(ticket.keys[segment])

    def _renewed(self, ttl: float, asked: float | None) -> float:
        if asked is None or self.rules.renew == "entry":
            return ttl
        asked = self._bill.lifetime(asked).seconds
        return asked if self.rules.renew == "request" else max(asked, ttl)

    def _write(self, ticket: Request, after: int) -> None:
        """One entry a breakpoint past segment ``after``."""
        for segment, asked in ticket.writes:
            if segment > after:
                ttl = self._bill.lifetime(asked).seconds
                self._entries.write(ticket.keys[segment], ticket.start + ttl, ttl)
                ticket.touched.append(ticket.keys[segment])
        marks = ticket.chain.marks
        if len(marks) > len(ticket.places.writes):
            kept = {mark.segment for mark in ticket.places.writes}
            for segment, _ in marks:
                key = ticket.keys[segment]
                if segment not in kept and key not in self._entries.held:
                    self._entries.drop(key, MissReason.TOO_MANY_BREAKPOINTS)

    def _lose(self, ticket: Request, read: int, reason: MissReason) -> None:
        """Only ``read`` tokens were there for a request."""
        looked = ticket.places.looked()
        chain, was = ticket.chain, ticket.hit
        if ticket.began is None:
            self._entries.settle(ticket.fresh)
        ticket.hit = max((s for s in looked if s < was and 0 < chain.ends[s] <= read), default=-1)
        for segment in looked:
            if ticket.hit < segment <= was:
                self._entries.drop(ticket.keys[segment], reason)
                ticket.gone.append(ticket.keys[segment])
        if ticket.began is None:
            self._entries.promise(ticket.fresh)
        elif ticket.began:
            ticket.touched.clear()
            self._leave(ticket)


def _unstated(rules: Rules, model: str) -> tuple[str, ...]:
    """What the provider does not say, and is taken at a default."""
    known = {"since"} if stated_minimum(rules, model) is None else {"since", "minimum"}
    return tuple(
        f"{name}: {rules.provider} does not say; taken as {getattr(rules, name)}"
        for name, source in rules.sources.items()
        if source.confidence == "U" and name not in known and hasattr(rules, name)
    )
