"""Stand-ins for long segments: a cache's keys are made by hashing each prompt several
times over, and a digest with both ends tells the same prompts apart as all of the text."""

from __future__ import annotations

from hashlib import sha256

from headstart.prompt import Prompt, Segment

LONG = 2048
"""Bytes of a segment's canonical form from which on it is condensed."""
EDGE = 256
"""Bytes kept at either end: what the parts of a prompt are compared by."""


def condensed(prompt: Prompt) -> Prompt:
    """The prompt with a short canonical form in the place of each long one. Only for keys of
    whole segments: where caches share part of a segment, its bytes are needed."""
    if all(len(segment.canonical) < LONG for segment in prompt.segments):
        return prompt
    segments = tuple(
        segment if len(segment.canonical) < LONG else _shortened(segment)
        for segment in prompt.segments
    )
    return Prompt(prompt.model, segments, prompt.settings, prompt.controls)


def _shortened(s: Segment) -> Segment:
    whole = s.canonical
    # A zero byte is in no JSON, so that no prompt's own bytes can look like this.
    # SHA-256 has instructions of its own on most machines: BLAKE2 takes twice as long there.
    middle = sha256(whole).digest()
    short = b"%s\0%s\0%s" % (whole[:EDGE], middle, whole[-EDGE:])
    return Segment(
        s.kind,
        s.role,
        s.message,
        s.part,
        s.text,
        s.content,
        s.ttl,
        s.type,
        short,
        s.markable,
        s.boundary,
    )
