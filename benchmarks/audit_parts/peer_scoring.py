"""What a peer says of a log against the defects that were planted in it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.audit_parts.peer_reports import Answer, Said
from benchmarks.audit_parts.peer_words import WORDS, Word, known
from benchmarks.audit_parts.scoring import LEAST, NOISE, PLACELESS, RATE_WITHIN, WITHIN, Score


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a peer got right on one log; a clean one has only ``accused`` and ``rate``."""

    log: str
    guilty: bool
    noticed: bool
    kind: bool
    known: bool
    """All kinds in it are kinds that the peer has a word of their own for."""
    place: bool
    lost: bool
    accused: bool
    rate: bool | None
    """None: it gives no hit rate."""


def judged(
    peer: str, truth: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], answer: Answer
) -> Verdict:
    """Any of the things that it says may be the right one."""
    words = WORDS[peer]
    every = [_one(words, defect, rows, answer) for defect in truth["defects"]]
    noticed, kind, place, lost = map(all, zip(*every, strict=True)) if every else (False,) * 4
    total = truth["input"]
    accused = {one.word for one in answer.said if not words.get(one.word, Word()).mild}
    weights = [_tokens(one for one in answer.said if one.word == word) for word in accused]
    rates = [abs(rate - truth["read"] / total) <= RATE_WITHIN for rate in answer.hit_rates]
    return Verdict(
        log=truth["log"],
        guilty=bool(every),
        noticed=noticed,
        kind=kind,
        known={defect["cause"] for defect in truth["defects"]} <= known(peer),
        place=place,
        lost=lost,
        accused=any(
            tokens is None or tokens > NOISE * total or tokens > LEAST for tokens in weights
        ),
        rate=any(rates) if rates else None,
    )


def _one(
    words: Mapping[str, Word],
    defect: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    answer: Answer,
) -> tuple[bool, bool, bool, bool]:
    """Noticed, kind, place, lost tokens of one defect."""
    cause = defect["cause"]
    about = [
        one
        for one in answer.said
        if cause in (word := words.get(one.word, Word())).names | word.covers
    ]
    placed = [one for one in about if _placed(one, defect, rows)]
    by_word = [[one for one in about if one.word == word] for word in {o.word for o in about}]
    sums = [_tokens(some) for some in (*([one] for one in about), about, placed, *by_word)]
    return (
        bool(about),
        any(cause in words[one.word].names for one in about),
        bool(placed),
        any(
            tokens is not None and abs(tokens - defect["lost"]) <= WITHIN * defect["lost"]
            for tokens in sums
        ),
    )


def _tokens(said: Iterable[Said]) -> int | None:
    """None: it gives none."""
    given = [one.lost for one in said if one.lost is not None]
    return sum(given) if given else None


def _placed(one: Said, defect: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> bool:
    if defect["cause"] in PLACELESS:
        return True
    if one.position is not None:
        tools = max(len(row["request"]["tools"]) for row in rows)
        at = defect["segment"]
        return one.position < tools if at is None else one.position == at
    if one.quotes:
        texts = [text_at(row["request"], defect) for row in rows]
        return any(quote in text for quote in one.quotes for text in texts)
    if one.section != defect["section"]:
        return False
    at = defect["segment"] if defect["section"] == "tool" else 0
    if one.segment is not None and at is not None and one.segment != at:
        return False
    start, end = defect["start"], defect["end"]
    return one.offset is None or start is None or start - 1 <= one.offset <= end


def text_at(request: Mapping[str, Any], defect: Mapping[str, Any]) -> str:
    """What a request has where the defect was planted; "" where it has no such place."""
    section, at = defect["section"], defect["segment"]
    if section == "tool":
        tools = request["tools"]
        return json.dumps(tools if at is None else tools[at : at + 1])
    chat = "system" not in request
    if section == "system":
        text = request["messages"][0]["content"] if chat else request["system"][0]["text"]
    else:
        content = request["messages"][1 if chat else 0]["content"]
        text = content if chat else content[0].get("text", "")
    return str(text)[defect["start"] : defect["end"]]


def ours(truths: Sequence[Mapping[str, Any]], scores: Sequence[Score]) -> dict[str, Any]:
    by_log = {one.log: one for one in scores}
    found = []
    for truth in truths:
        one, guilty = by_log[truth["log"]], bool(truth["defects"])
        right = (one.kind, one.kind, True, one.place, one.lost)
        found.append(Verdict(one.log, guilty, *right, not one.innocent, one.rate))
    return {**sums(found), "failed": 0, "seconds": None}


def sums(found: Sequence[Verdict]) -> dict[str, Any]:
    guilty = [one for one in found if one.guilty]
    own = [one for one in guilty if one.known]
    return {
        "logs": len(found),
        "guilty": len(guilty),
        "noticed": sum(one.noticed for one in guilty),
        "kind": sum(one.kind for one in guilty),
        "own": len(own),
        "own_kind": sum(one.kind for one in own),
        "place": sum(one.place for one in guilty),
        "lost": sum(one.lost for one in guilty),
        "clean": len(found) - len(guilty),
        "accused": sum(one.accused for one in found if not one.guilty),
        "rates": sum(one.rate is not None for one in found),
        "rate": sum(one.rate is True for one in found),
    }
