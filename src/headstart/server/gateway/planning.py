"""A request as the planner sees it, and a plan as the wire has it."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from headstart.dialects import Call, Hosted, Marked, Placement, Span, Unmarkable
from headstart.dialects.spans import root
from headstart.dialects.splice import into_object, splice
from headstart.planner import Features, Key, Mode, Plan, PlannedRequest
from headstart.prompt import Chain, Kind, Mark, Prompt
from headstart.providers import Lookup, Rules
from headstart.server.gateway.models import Model


def planned_request(
    key: Key,
    model: Model,
    call: Call,
    chain: Chain,
    mode: Mode,
    now: float,
    ping_output: int | None = None,
) -> PlannedRequest:
    """All that a planner may know of a request. Free of content."""

    def peek(marks: Sequence[Mark]) -> Lookup:
        asked = chain if marks == chain.marks else chain.marked(tuple(marks))
        return model.emulator.peek(asked, now, scope=key.tenant)

    segments = call.prompt.segments
    first = min(chain.system, len(chain.plain) - 1)
    return PlannedRequest(
        key=key,
        chain=chain,
        conversation=chain.plain[first] if first >= 0 else b"",
        features=features_of(call),
        rules=model.rules,
        rates=model.rates,
        minimum=model.minimum,
        markable=[i for i, segment in enumerate(segments) if segment.markable],
        peek=peek,
        mode=mode,
        ping_output=ping_output,
    )


def features_of(call: Call) -> Features:
    """Where in its conversation a request stands."""
    segments = call.prompt.segments
    last = segments[-1].message if segments else -1
    inputs: set[str] = set()
    turns: set[int] = set()
    calls: set[int] = set()
    for segment in segments:
        message, role = segment.message, segment.role
        if role == "user":
            turns.add(message)
        elif role == "assistant":
            calls.add(message)
        if message == last:
            inputs.add(segment.type)
    return Features(
        inputs=tuple(sorted(inputs)),
        turn=max(1, len(turns)),
        calls=len(calls),
        stream=call.stream,
        max_tokens=call.max_tokens,
        tools=bool(segments) and segments[0].kind is Kind.TOOL,
    )


@lru_cache(maxsize=4096)
def wire_key(secret: bytes, tenant: str, key: str) -> str:
    """A routing key that no other tenant's request can have."""
    return hmac.digest(secret, f"{tenant}\0{key}".encode(), "sha256").hex()[:32]


def spliced(hosted: Hosted, body: bytes, plan: Plan, rules: Rules, cache_key: str | None) -> Marked:
    """The body with the plan in it; Unmarkable where cutting it out again would not give the
    client's bytes (without the client's own directives, if those were to go)."""
    start = hosted.strip(body) if plan.strip else body
    marked = Marked(start, ())
    if plan.placements:
        usual = rules.lifetimes[0].seconds if rules.lifetimes else None
        places = [
            Placement(mark.segment, None if mark.ttl == usual else mark.ttl)
            for mark in plan.placements
        ]
        marked = hosted.mark(start, places)
    if cache_key is not None:
        marked = _with_key(marked, cache_key)
    if not marked.restores(start):
        raise Unmarkable("the client's bytes would not be left")
    return marked


def _with_key(marked: Marked, key: str) -> Marked:
    member = b'"prompt_cache_key":"' + key.encode() + b'"'
    insert = into_object(marked.body, root(marked.body), member)
    keyed = splice(marked.body, [insert])
    end = keyed.spans[0]
    assert all(span.end <= end.start for span in marked.spans)
    return Marked(keyed.body, (*marked.spans, Span(end.start, end.end)))


def takes_key(hosted: Hosted, call: Call) -> bool:
    """Whether the dialect has ``prompt_cache_key`` and the request does not."""
    form = getattr(hosted, "format", None)
    if form is None or not form.key or form.key_header is not None:
        return False
    return "prompt_cache_key" not in call.body


def key_header(hosted: Hosted, chain: Chain) -> str | None:
    """The header that a routing key goes into, where the dialect has one for it and the
    client named no session of its own."""
    form = getattr(hosted, "format", None)
    return form.key_header if form is not None and chain.controls.session is None else None


def rechained(chain: Chain, plan: Plan, cache_key: str | None) -> Chain:
    """The prompt as it goes out."""
    marks = chain.marks
    if plan.placements or plan.strip:
        marks = tuple(plan.placements)
    controls = chain.controls
    if cache_key is not None:
        controls = replace(controls, key=cache_key)
    if marks == chain.marks and controls is chain.controls:
        return chain
    return chain.marked(marks, controls)


def version_of(prompt: Prompt, chain: Chain) -> bytes:
    """What stands for tools and system text; empty for a prompt without any."""
    return chain.plain[chain.system - 1] if chain.system else b""
