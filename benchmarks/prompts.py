"""Real text that every Python carries, as tokens, for benchmarks that need long prompts."""

from __future__ import annotations

from pydoc_data.topics import topics
from typing import Any


def documentation() -> str:
    """The reference documentation of the Python language, about 600 KB."""
    return "\n\n".join(topics[name] for name in sorted(topics))


def tokens(tokenizer: Any, count: int, skip: int = 0) -> list[int]:
    """``count`` tokens of documentation, from token ``skip`` on; ``tokenizer`` is a fast
    Hugging Face tokenizer."""
    text = documentation()[: (count + skip) * 8]
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    if len(ids) < count + skip:
        raise ValueError(f"{count + skip} tokens asked for, the text has {len(ids)}")
    return ids[skip : skip + count]
