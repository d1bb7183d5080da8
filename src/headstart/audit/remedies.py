"""What would mend a cause, as changes to the log that can be replayed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from headstart.audit.causes import Found
from headstart.audit.cures import Cured, Marked, Ruled, Same
from headstart.audit.pings import KeptAlive
from headstart.audit.replay import Change
from headstart.audit.suspects import Suspect, best_marks
from headstart.audit.templates import WHOLE
from headstart.audit.world import Request, World
from headstart.prompt import Kind, VolatileKind
from headstart.prompt.remedies import remedy
from headstart.prompt.volatile_kinds import CLOCK
from headstart.providers import Rules, minimum_of
from headstart.tokens import estimate
from headstart.usage import MissReason

HOUR: Final = 3600.0
_ORDERS: Final = (VolatileKind.TOOL_ORDER, VolatileKind.EXAMPLE_ORDER, VolatileKind.KEY_ORDER)


@dataclass(frozen=True, slots=True)
class Remedy:
    """One change. ``changes`` None: the one that takes the cause away is the change itself."""

    action: str
    text: str
    changes: tuple[Change, ...] | None = None


class Moved(Same):
    """Volatile places go behind everything else: they are read by the model, and nothing
    stands behind them."""

    def __init__(self, world: World, found: Found, cured: Cured) -> None:
        super().__init__(world.log, found, cured)
        self._world = world
        self._moved = {
            number: sum(
                estimate(found.templates[number].text[site.start : site.end])
                for site in found.templates[number].sites
                if kinds is None or site.kind in kinds
            )
            for number, kinds in cured.items()
        }

    def request(self, request: Request) -> Request:
        fixed = super().request(request)
        segments, table, moved = list(fixed.segments), self._segments, 0
        for i, number in enumerate(request.segments):
            template = self._found.of_digest.get(table.faces[number].digest, -1)
            tokens = self._moved.get(template, 0)
            if tokens:
                segments[i] = table.spare(segments[i], table.faces[segments[i]].tokens - tokens)
                moved += tokens
        if not moved or not segments:
            return fixed
        name = f"moved {request.row.number}"
        segments.append(table.virtual(segments[-1], name, name, moved))
        return fixed._replace(segments=segments)


class Apart(Change):
    """Text blocks cut in front of their volatile places, with a breakpoint there."""

    apart = True

    def __init__(self, world: World, found: Found, templates: Sequence[int]) -> None:
        self._world = world
        self._found = found
        self._templates = frozenset(templates)

    def request(self, request: Request) -> Request:
        table = self._world.log.segments
        rules = self._world.rules(request.provider, request.model)
        segments, marks, shift = list[int](), list[tuple[int, float]](), 0
        old = dict(request.marks)
        for i, number in enumerate(request.segments):
            place = self._found.of_digest.get(table.faces[number].digest, -1)
            if place in self._templates:
                template = self._found.templates[place]
                at = template.sites[0].start
                share = at / max(1, len(template.text))
                tokens = round(table.faces[number].tokens * share)
                head = table.virtual(number, f"head {place}", template.text[:at], tokens)
                segments.append(head)
                marks.append((i + shift, rules.lifetimes[0].seconds))
                shift += 1
                rest = table.faces[number].tokens - tokens
                segments.append(table.spare(number, rest))
            else:
                segments.append(number)
            if i in old:
                marks.append((i + shift, old[i]))
        most = rules.most_markers or len(marks)
        return request._replace(segments=segments, marks=marks[:1] + marks[1:][-(most - 1) :])


def remedies(world: World, found: Found, suspect: Suspect) -> Iterator[Remedy]:
    """The usual one first."""
    if suspect.templates:
        yield from _of_text(world, found, suspect)
    elif suspect.section is not None:
        yield from _of_segments(suspect)
    else:
        yield from _of_rule(world, suspect)


def _of_text(world: World, found: Found, suspect: Suspect) -> Iterator[Remedy]:
    kind = None if suspect.cause == "content" else VolatileKind(suspect.cause)
    section = suspect.section or Kind.SYSTEM
    said = remedy(kind, "edit", section)
    if kind in WHOLE:
        yield Remedy("sort" if kind in _ORDERS else "normalise", said)
        return
    cured: Cured = {number: {kind} for number in suspect.templates}
    if kind is None and section is not Kind.MESSAGE:
        yield Remedy("one_wording", "Stay with one wording of this text in all requests.")
    if kind is None and section is Kind.MESSAGE:
        yield Remedy("append", said)
        return
    yield Remedy("move", said, (Moved(world, found, cured),))
    if kind is not None:
        what = (
            "send the day alone, or one time for a whole conversation"
            if kind in CLOCK
            else ("leave it out, or keep it the same for a whole conversation")
        )
        yield Remedy("freeze", f"Where the model does not need it, {what}.")
    starts = [found.templates[number].sites[0].start for number in suspect.templates]
    if section is Kind.SYSTEM and min(starts) > 0 and _breakpoints(world, suspect):
        text = "Cut the block in front of it, and put a breakpoint there."
        yield Remedy("split", text, (Apart(world, found, suspect.templates),))


def _of_segments(suspect: Suspect) -> Iterator[Remedy]:
    section = suspect.section or Kind.MESSAGE
    if suspect.cause in (VolatileKind.TOOL_ORDER, VolatileKind.EXAMPLE_ORDER):
        yield Remedy("sort", remedy(VolatileKind(suspect.cause), "reorder", section))
    elif section is Kind.TOOL:
        yield Remedy("pin", remedy(None, "edit", section))
    else:
        shape = "deletion" if suspect.cause == "history_cut" else "edit"
        yield Remedy("append", remedy(None, "deletion" if shape == "deletion" else "edit", section))


def _of_rule(world: World, suspect: Suspect) -> Iterator[Remedy]:
    match suspect.reason:
        case MissReason.EXPIRED:
            yield from _lasting(world, suspect)
        case MissReason.LOOKBACK_EXCEEDED:
            text = "Put a breakpoint every 20 blocks at most: that is how far back each one looks."
            yield Remedy("breakpoints", text, (Marked(lambda r: spaced_marks(world, r)),))
        case MissReason.NO_BREAKPOINT:
            text = "Put one at the end of tools and system text, and one at the prompt's end."
            yield Remedy("breakpoints", text)
        case MissReason.TOO_MANY_BREAKPOINTS:
            text = "Use one at the end of tools and system text, and one at the prompt's end."
            yield Remedy("breakpoints", text, (Marked(lambda r: best_marks(world, r)),))
        case MissReason.BELOW_MINIMUM:
            yield from _models(world, suspect)
        case MissReason.NOT_YET_READABLE:
            text = "Send one, and the others that share its prompt once its response begins."
            yield Remedy("stagger", text)
        case MissReason.MODEL_CHANGED:
            text = "Stay with one model within a conversation: each has a cache of its own."
            yield Remedy("pin", text)
        case _:
            text = "Keep tool_choice, settings and cache keys the same within a conversation."
            yield Remedy("pin", text)


def _lasting(world: World, suspect: Suspect) -> Iterator[Remedy]:
    rules = [world.rules(*model) for model in suspect.models]
    if any(life.seconds == HOUR for one in rules for life in one.lifetimes) and all(
        one.scheme == "breakpoints" for one in rules
    ):
        text = "Ask for the lifetime of an hour where pauses are longer than five minutes."
        yield Remedy("ttl_1h", text, (Marked(lambda r: longer_marks(world, r)),))
    text = "Keep the prefix warm through the pauses, with requests that only read it."
    yield Remedy("keep_alive", text, (KeptAlive(world),))


def _models(world: World, suspect: Suspect) -> Iterator[Remedy]:
    """Other models of the same provider with a lower minimum."""
    for provider, model in suspect.models:
        rules = world.rules(provider, model)
        least = minimum_of(rules, model)
        lower = [pattern for pattern, size in rules.minimums.items() if size < least]
        names = ", ".join(dict.fromkeys(pattern.strip("*") for pattern in lower[:4]))
        if lower:
            smaller = min(rules.minimums.values())
            yield Remedy(
                "model",
                f"{model} caches {least:,} tokens or more; models with a lower minimum "
                f"({names}: down to {smaller:,}) would.",
                (Ruled({"minimum": smaller, "minimums": {}}, {(provider, model)}),),
            )


def longer_marks(world: World, request: Request) -> Sequence[tuple[int, float]]:
    """The same, for an hour."""
    rules = world.rules(request.provider, request.model)
    if all(life.seconds != HOUR for life in rules.lifetimes):
        return request.marks
    return [(segment, HOUR) for segment, _ in request.marks]


def spaced_marks(world: World, request: Request) -> Sequence[tuple[int, float]]:
    """The client's last one, and more before it, each as far back as a breakpoint looks."""
    rules = world.rules(request.provider, request.model)
    if not request.marks or not rules.lookback:
        return request.marks
    last, ttl = request.marks[-1]
    fixed = [mark for mark in request.marks[:-1] if mark[0] < last][:1]
    room = max(1, rules.most_markers - len(fixed))
    floor = fixed[-1][0] if fixed else -1
    places = [last - rules.lookback * i for i in range(room)]
    return [*fixed, *((place, ttl) for place in sorted(places) if place > floor)]


def _breakpoints(world: World, suspect: Suspect) -> bool:
    rows = world.log.rows
    models = {(rows[p.row].provider, rows[p.row].model) for p in suspect.pairs[:64]}
    rules: list[Rules] = [world.rules(*model) for model in models]
    return all(one.scheme == "breakpoints" and one.most_markers > 1 for one in rules)
