"""Logs without one of their defects: what each cause's absence changes about the requests."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from headstart.audit.causes import Found
from headstart.audit.links import Links
from headstart.audit.log import Log
from headstart.audit.replay import Change
from headstart.audit.templates import Template
from headstart.audit.world import Request
from headstart.prompt import VolatileKind
from headstart.prompt.diff_shape import aligned

_RECENT: Final = 4096
_MOST: Final = 12
Cured = Mapping[int, Collection[VolatileKind | None] | None]
"""Template -> the kinds of places that are the same in all; None: all of them."""


class Same(Change):
    """Volatile places say what they said the first time."""

    apart = True

    def __init__(self, log: Log, found: Found, cured: Cured) -> None:
        self._segments = log.segments
        self._found = found
        self._cured = cured
        self._known: dict[int, int] = {}

    def request(self, request: Request) -> Request:
        known = self._known
        segments = [known.get(n, -1) for n in request.segments]
        if -1 in segments:
            segments = [
                self._of(n) if new < 0 else new
                for n, new in zip(request.segments, segments, strict=True)
            ]
        return request._replace(segments=segments)

    def _of(self, number: int) -> int:
        template = self._found.of_digest.get(self._segments.faces[number].digest)
        found = number
        if template is not None and template in self._cured:
            found = self._cure(number, self._found.templates[template], self._cured[template])
        self._known[number] = found
        return found

    def _cure(
        self, number: int, template: Template, kinds: Collection[VolatileKind | None] | None
    ) -> int:
        segments = self._segments
        if kinds is None or all(site.kind in kinds for site in template.sites):
            return segments.like(number, template.reference)
        text = segments.text(number)
        pieces = template.matches(text) if text is not None else None
        if text is None or pieces is None:
            return number
        said, at = [], 0
        for site, piece in zip(template.sites, pieces, strict=True):
            said.append(template.text[at : site.start])
            said.append(template.text[site.start : site.end] if site.kind in kinds else piece)
            at = site.end
        whole = "".join((*said, template.text[at:]))
        tokens = segments.faces[number].tokens
        return segments.virtual(number, f"{template.number} {whole}", whole, tokens)


class ToolsInOrder(Change):
    """Tools in the order in which their set was first sent."""

    def __init__(self, log: Log) -> None:
        self._faces = log.segments.faces
        self._segments = log.segments
        self._orders: dict[tuple[bytes, ...], list[bytes]] = {}

    def start(self) -> None:
        self._orders.clear()

    def request(self, request: Request) -> Request:
        faces, every = self._faces, request.segments
        count = next((i for i, n in enumerate(every) if faces[n].kind), len(every))
        if count < 2:
            return request
        digests = [faces[n].digest for n in every[:count]]
        order = self._orders.setdefault(tuple(sorted(digests)), digests)
        if order == digests:
            return request
        by_digest = {faces[n].digest: n for n in every[:count]}
        return request._replace(segments=[by_digest[d] for d in order] + every[count:])


class Restored(Change):
    """Segments that came, went or moved are as the request before had them. What a request
    did not have costs no tokens; what came in between goes to its end."""

    def __init__(self, log: Log, links: Links, rows: Collection[int]) -> None:
        self._log = log
        self._before = links.before
        self._rows = frozenset(rows)
        self._known: OrderedDict[int, list[int]] = OrderedDict()

    def start(self) -> None:
        self._known.clear()

    def request(self, request: Request) -> Request:
        number = request.row.number
        before = self._before[number]
        if before >= 0 and number in self._rows:
            old = self._known.get(before) or self._log.segments_of(self._log.rows[before])
            request = self._restored(old, request)
        self._known[number] = request.segments
        if len(self._known) > _RECENT:
            self._known.popitem(last=False)
        return request

    def _restored(self, old: Sequence[int], request: Request) -> Request:
        segments, faces = self._log.segments, self._log.segments.faces
        own, marks = list(request.segments), list(request.marks)
        a = [faces[n].digest for n in old]
        moved: list[int] = []
        at = 0
        for _ in range(_MOST):
            b = [faces[n].digest for n in own]
            at = next((i for i in range(at, min(len(a), len(b))) if a[i] != b[i]), -1)
            if at < 0:
                break
            shape, length, rejoins = aligned(a, b, at)
            message = faces[own[at]].kind == 2
            if shape == "edit" or (message and not rejoins and shape != "reorder"):
                break
            end = at + length
            if shape == "insertion":
                moved += own[at:end]
                del own[at:end]
                marks = [(i - length if i >= end else min(i, at - 1), ttl) for i, ttl in marks]
            elif shape == "deletion":
                own[at:at] = [segments.ghost(n) for n in old[at:end]]
                marks = [(i + length if i >= at else i, ttl) for i, ttl in marks]
            else:
                by_digest = {faces[n].digest: n for n in own[at:end]}
                own[at:end] = [by_digest[d] for d in a[at:end]]
        marks = [(i, ttl) for i, ttl in dict(marks).items() if i >= 0]
        return request._replace(segments=own + moved, marks=marks)


class Pinned(Change):
    """What the first request of a conversation had: of models, settings, or scopes."""

    def __init__(self, lanes: Sequence[int], take: Callable[[Request, Request], Request]) -> None:
        """``take`` gives the second request what is to be kept of the first."""
        self._lanes = lanes
        self._take = take
        self._first: dict[int, Request] = {}

    def start(self) -> None:
        self._first.clear()

    def request(self, request: Request) -> Request:
        first = self._first.setdefault(self._lanes[request.row.number], request)
        return request if first is request else self._take(first, request)


def same_model(first: Request, request: Request) -> Request:
    """Provider and model."""
    return request._replace(provider=first.provider, model=first.model)


def same_tool_choice(first: Request, request: Request) -> Request:
    """``tool_choice`` alone."""
    kept = tuple(item for item in first.settings if item[0].startswith("tool_choice"))
    rest = tuple(item for item in request.settings if not item[0].startswith("tool_choice"))
    return request._replace(settings=tuple(sorted((*kept, *rest))))


def same_settings(first: Request, request: Request) -> Request:
    """All settings but ``tool_choice``."""
    kept = tuple(item for item in first.settings if not item[0].startswith("tool_choice"))
    rest = tuple(item for item in request.settings if item[0].startswith("tool_choice"))
    return request._replace(settings=tuple(sorted((*kept, *rest))))


def same_scope(first: Request, request: Request) -> Request:
    """Routing and partition keys, users, salts."""
    had = first.controls
    controls = replace(
        request.controls, key=had.key, user=had.user, session=had.session, salt=had.salt
    )
    return request._replace(controls=controls)


class Ruled(Change):
    """Other rules, for some models or for all."""

    apart = True

    def __init__(
        self, knobs: Mapping[str, Any], models: Collection[tuple[str, str]] | None = None
    ) -> None:
        self._knobs = knobs
        self._models = models

    def knobs(self, provider: str, model: str) -> Mapping[str, Any]:
        if self._models is not None and (provider, model) not in self._models:
            return {}
        return self._knobs


class Marked(Change):
    """Other directives on some rows (all of them if None)."""

    apart = True

    def __init__(
        self,
        place: Callable[[Request], Sequence[tuple[int, float]]],
        rows: Collection[int] | None = None,
    ) -> None:
        self._place = place
        self._rows = rows

    def request(self, request: Request) -> Request:
        if self._rows is not None and request.row.number not in self._rows:
            return request
        return request._replace(marks=self._place(request))
