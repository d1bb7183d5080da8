"""From tokens to text as it comes: whole characters only, and never past a stop sequence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class TextStream:
    """Feed tokens, get the text that is safe to send."""

    def __init__(self, tokenizer: Any, stop: Sequence[str] = ()) -> None:
        """``tokenizer`` is a fast Hugging Face tokenizer."""
        from tokenizers.decoders import DecodeStream

        self._backend = tokenizer.backend_tokenizer
        self._decode = DecodeStream(skip_special_tokens=True)
        self._stop = [s for s in stop if s]
        self._held = ""
        self.stopped: str | None = None
        """The stop sequence that was met; what followed it is dropped."""

    def feed(self, token: int) -> str:
        """The text that may be sent now: none that could be the start of a stop sequence."""
        self._held += self._decode.step(self._backend, token) or ""
        found = [(self._held.find(s), s) for s in self._stop if s in self._held]
        if found:
            cut, self.stopped = min(found, key=lambda f: f[0])
            text, self._held = self._held[:cut], ""
            return text
        keep = max((_overlap(self._held, s) for s in self._stop), default=0)
        cut = len(self._held) - keep
        text, self._held = self._held[:cut], self._held[cut:]
        return text

    def flush(self) -> str:
        """What was held back, at the end of the output."""
        text, self._held = self._held, ""
        return text


def _overlap(text: str, stop: str) -> int:
    """Length of the longest end of ``text`` that is a beginning of ``stop``."""
    for size in range(min(len(text), len(stop) - 1), 0, -1):
        if text.endswith(stop[:size]):
            return size
    return 0
