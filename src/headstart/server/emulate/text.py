"""What an emulated model answers: the same text for the same prompt, always."""

from __future__ import annotations

from collections import deque
from hashlib import blake2b
from typing import NamedTuple

_VOCABULARY = """
the a this that one each every some no any prefix prompt token cache entry request answer model
page block reads writes keeps holds counts shares finds gives takes needs knows once twice again
first last early late warm cold short long right near same other new old and or but so then when
while because if with without before after under over from into
"""
_WORDS = tuple(_VOCABULARY.split())
_SHORTEST, _SPREAD = 8, 48
_WORDS_A_SENTENCE = 9
MOST_WAITING = 10_000


class Answer(NamedTuple):
    """Text in the pieces in which a stream carries it; each counts as one token."""

    pieces: tuple[str, ...]
    cut: bool
    """Ended by the request's limit."""

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self.pieces)


class Answers:
    """Answers made up from a prompt's digest, or given beforehand."""

    def __init__(self) -> None:
        self._given: deque[str] = deque(maxlen=MOST_WAITING)

    def give(self, text: str) -> None:
        """The next request without an answer gets this one."""
        self._given.append(text)

    def clear(self) -> None:
        """Forget what was given."""
        self._given.clear()

    def answer(self, seed: bytes, most: int | None) -> Answer:
        """At most ``most`` pieces; none for a pre-warm, which takes no given answer."""
        if most == 0:
            return Answer((), cut=True)
        words = _pieces(self._given.popleft()) if self._given else _made_up(seed)
        cut = most is not None and len(words) > most
        return Answer(words[:most], cut)


def _pieces(text: str) -> tuple[str, ...]:
    """Words, each with the space before it."""
    first, *rest = text.split(" ")
    return (first, *(f" {word}" for word in rest))


def _made_up(seed: bytes) -> tuple[str, ...]:
    stream = blake2b(seed, digest_size=64).digest() * 2
    length = _SHORTEST + stream[0] % _SPREAD
    words = []
    for index in range(length):
        word = _WORDS[(stream[index + 1] + index) % len(_WORDS)]
        starts = index % _WORDS_A_SENTENCE == 0
        ends = index % _WORDS_A_SENTENCE == _WORDS_A_SENTENCE - 1 or index == length - 1
        word = (word.capitalize() if starts else word) + ("." if ends else "")
        words.append(word if index == 0 else f" {word}")
    return tuple(words)
