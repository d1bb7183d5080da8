"""What emulators of caches without markers have in common: the life of a request.

A subclass says what is found for a prompt, what a request leaves behind once its response
has begun, and what goes when the provider read less than was predicted.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Final

import msgspec

from headstart.prompt import Chain, Mine, Prompt, Segment, chained
from headstart.providers.contract import Emulator, Lookup, Pricer, Ticket
from headstart.providers.granular_flight import InFlight
from headstart.providers.granular_reasons import Why, explain
from headstart.providers.granular_request import Found, Place, Request
from headstart.providers.granular_route import Router, partition
from headstart.providers.granular_steps import Steps, unknowns
from headstart.providers.recall import Recall
from headstart.providers.resources import CacheResources
from headstart.providers.rules import Rules
from headstart.usage import MissReason, Usage

_VERSION: Final = 1
_UNTOLD: Final = Lookup(Usage(), None, None, None, 0, None, None)
_BYTES_PER_TOKEN: Final = 4
_PIECE_TOKENS: Final = (16, 64)
"""Pieces are a quarter of a step, within these bounds: what a hit that ends within a
segment may be off by."""


class Flow(Emulator):
    """``limit`` bounds what is held, what is remembered for reasons, and what is in flight."""

    scheme: ClassVar[str]

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
        resources: CacheResources | None = None,
    ) -> None:
        """``resources``: the cache objects that ``Controls.resource`` may name. A ``recall``
        that is given may be shared, and is not saved. ValueError for rules of another
        scheme."""
        if rules.scheme not in (self.scheme, "none"):
            raise ValueError(f"rules of scheme {rules.scheme!r}, not {self.scheme!r}")
        if rules.resources and resources is None:
            resources = CacheResources(rules, count=count, limit=limit)
        self.rules = rules
        self.model = model
        self.resources = resources
        self._count = count
        self._price = price
        self._limit = limit
        self._steps = Steps(rules, model)
        self._warnings = (*warnings, *unknowns(rules))
        self._router = Router(rules, limit)
        self._shared = recall
        self._recall = Recall(max(2, limit)) if recall is None else recall
        self._flight = InFlight(limit)
        self._now = float("-inf")
        self._serial = 0
        self._last: tuple[Chain, Place, float, tuple[Found, Why]] | None = None
        """What was found last, until anything changes."""
        self._open()

    def chain(self, prompt: Prompt, known: Mine | None = None) -> Chain:
        low, high = _PIECE_TOKENS
        piece = _BYTES_PER_TOKEN * min(high, max(low, self.rules.granularity // 4))
        return chained(
            prompt, self._count, settings=self.rules.settings, piece_bytes=piece, known=known
        )

    def peek(self, prompt: Prompt | Chain, now: float, *, scope: str = "") -> Lookup:
        return self._look(self._chained(prompt), scope, max(now, self._now))[1]

    def begin(self, prompt: Prompt | Chain, now: float, *, scope: str = "") -> Request:
        chain = self._chained(prompt)
        now = max(now, self._now)
        place, lookup = self._look(chain, scope, now)
        self._last = None
        self._now = now
        self._serial += 1
        ticket = Request(self, chain, place, lookup, f"{self.scheme}-{self._serial}")
        self._router.sent(chain, place.owners, now)
        if chain.keys and self._steps.cacheable(place.before + chain.tokens):
            ticket.lock = self._flight.add(chain.cuts, place.name, now)
        return ticket

    def replay(self, chain: Chain, now: float, *, scope: str = "") -> Usage:
        self._now = now = max(now, self._now)
        place = self._place(chain, scope, now)
        total = place.before + chain.tokens
        able = self._steps.cacheable(total)
        found = self._find(chain, place, now) if able else Found(place.before, None, 0, ())
        usage = self._steps.bill(chain, total, found.read)
        self._router.sent(chain, place.owners, now)
        if able and chain.keys:
            self._keep(Request(self, chain, place, _UNTOLD, ""), now)
        return usage

    def settle(self, ticket: Request, t: float | None) -> None:
        """A response began at ``t``, or there was none."""
        if ticket.answered is not None:
            return
        ticket.answered = t is not None
        self._last = None
        if t is not None:
            self._now = max(t, self._now)
        if ticket.lock is not None:
            self._flight.drop(ticket.lock, self._now)
        if not ticket.answered or not ticket.chain.keys:
            return
        self._recall.remember(ticket.chain, ticket.place.owners, ticket.request, self._now)
        if self._steps.cacheable(ticket.place.before + ticket.chain.tokens):
            self._keep(ticket, self._now)

    def reconcile(self, ticket: Ticket, actual: Usage) -> MissReason | None:
        """A prompt that the provider counts differently is compared by its share, give or
        take one step. ValueError for a ticket of another emulator."""
        if not isinstance(ticket, Request) or ticket.owner is not self:
            raise ValueError("a ticket of another emulator")
        predicted = ticket.lookup.usage
        read = actual.read
        name = ticket.chain.controls.resource
        if name is not None and self.resources is not None:
            self.resources.reported(name, read)
        if actual.input and actual.input != predicted.input:
            read = read * predicted.input // actual.input
            if read + self._steps.slack >= predicted.read:
                return None
        if read >= predicted.read:
            return None
        self._last = None
        self._lose(ticket, max(0, read - ticket.place.before), self._now)
        controls = ticket.chain.controls
        hinted = controls.key is not None or controls.session is not None
        elsewhere = self.rules.routed and not hinted
        return MissReason.ROUTED_ELSEWHERE if elsewhere else MissReason.EVICTED

    def save(self) -> bytes:
        head = (_VERSION, self.rules.provider, self.scheme, self._now, self._serial)
        recall = self._recall.dump() if self._shared is None else None
        return msgspec.msgpack.encode((*head, self._dump(), recall))

    def load(self, data: bytes) -> None:
        fresh = type(self)(
            self.rules,
            self.model,
            count=self._count,
            price=self._price,
            limit=self._limit,
            recall=self._shared,
            resources=self.resources,
        )
        fresh._warnings = self._warnings
        try:
            version, provider, scheme, now, serial, state, recall = msgspec.msgpack.decode(data)
            if (version, provider, scheme) != (_VERSION, self.rules.provider, self.scheme):
                raise ValueError(f"state of {provider!r} {scheme!r}, version {version!r}")
            fresh._now, fresh._serial = float(now), int(serial)
            fresh._restore(state)
            if recall is not None:
                fresh._recall.restore(recall)
        except (ValueError, TypeError, LookupError, OverflowError) as error:
            raise ValueError(f"not a saved state: {error}") from None
        self.__dict__.update(fresh.__dict__)

    @abstractmethod
    def _open(self) -> None:
        """Make what is held; ValueError for rules that make no sense."""

    @abstractmethod
    def _find(self, chain: Chain, place: Place, now: float) -> Found:
        """What is there for a prompt; changes nothing."""

    @abstractmethod
    def _keep(self, ticket: Request, now: float) -> None:
        """The response began: its prompt is stored or refreshed."""

    @abstractmethod
    def _lose(self, ticket: Request, read: int, now: float) -> None:
        """Of what was predicted for a request, only ``read`` tokens were there."""

    @abstractmethod
    def _dump(self) -> Any:
        """What ``_restore`` needs, as msgpack has it."""

    @abstractmethod
    def _restore(self, state: Any) -> None:
        """Fill a fresh emulator; ValueError, TypeError, IndexError or KeyError."""

    def _chained(self, prompt: Prompt | Chain) -> Chain:
        return prompt if isinstance(prompt, Chain) else self.chain(prompt)

    def _look(self, chain: Chain, scope: str, now: float) -> tuple[Place, Lookup]:
        place = self._place(chain, scope, now)
        total = place.before + chain.tokens
        found, why = self._found(chain, place, total, now)
        usage = self._steps.bill(chain, total, found.read)
        price = self._price
        return place, Lookup(
            usage,
            None if price is None else price.cost(usage),
            None if price is None else price.uncached(usage),
            why.reason,
            why.lost,
            why.divergence,
            found.entry,
            (*self._warnings, *self._steps.warnings(chain)),
        )

    def _found(self, chain: Chain, place: Place, total: int, now: float) -> tuple[Found, Why]:
        """A request that goes out finds what was found for its plan a moment before."""
        last = self._last
        # Chains with the same keys, by identity, differ in their marks and controls alone.
        if last is not None and last[0].keys is chain.keys and last[1:3] == (place, now):
            return last[3]
        found = Found(place.before, None, 0, ())
        if self._steps.cacheable(total):
            found = self._find(chain, place, now)
        why = explain(self._steps, chain, place, found, self._recall)
        self._last = chain, place, now, (found, why)
        return found, why

    def _place(self, chain: Chain, scope: str, now: float) -> Place:
        owners = partition(self.rules, chain, scope)
        before = 0
        if self.resources is not None and chain.controls.resource is not None:
            before = self.resources.use(chain.controls.resource, chain, now, scope=scope).tokens
        return Place(owners, f"{owners}/{self._router.machine(chain, owners, now)}", before)
