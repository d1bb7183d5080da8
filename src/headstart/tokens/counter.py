"""Counting a prompt's segments, each text once.

A provider's own count is known only from its usage: what surrounds a message, how tools are
put into the prompt and what an image takes is the provider's affair. The numbers here for
these are stated defaults, and ``Calibration`` is what corrects them.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable
from functools import cache

from headstart.prompt import Segment
from headstart.tokens.calibration import Calibration
from headstart.tokens.estimate import ERROR, estimate
from headstart.tokens.vocabulary import Vocabulary, encoder, vocabulary_of

FRAME = 4
"""Tokens around a message where the template is not published: role, begin and end."""
MEDIA = 1_500
"""Tokens of an image, a clip, or each ``PAGE`` of a document: a default of ours."""
PAGE = 100_000
"""Bytes of a document, as base64 carries them, that are taken for one page."""
KNOWN = 65_536
"""Texts whose counts are kept for each vocabulary, about 200 bytes each."""

_MEDIA_TYPES = ("image", "audio", "video", "document")
_BLOB = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{512,}={0,2}")
"""Base64 data. The lookbehind keeps the search linear."""


class _Texts:
    """Counts of texts, the oldest forgotten first. Safe across threads under the interpreter's
    lock, since each step on the dictionary is one call. Texts themselves are not kept: the
    process's keyed hash of 64 bits stands for each."""

    __slots__ = ("_counts", "_encode")

    def __init__(self, encode: Callable[[str], int]) -> None:
        self._encode = encode
        self._counts: OrderedDict[int, int] = OrderedDict()

    def count(self, text: str) -> int:
        key = hash(text)
        found = self._counts.get(key)
        if found is None:
            found = self._counts[key] = self._encode(text)
            if len(self._counts) > KNOWN:
                self._counts.popitem(last=False)
        return found


class Counter:
    """Counts for one model. Its ratio stays as it was made, so that a prompt's count does
    not move while caches are keyed by it; ``renewed`` takes in what was learned since."""

    def __init__(
        self, provider: str, model: str, calibration: Calibration, *, plain: bool = False
    ) -> None:
        """``plain`` goes without vocabularies."""
        self._made = (provider, model)
        self._name = f"{provider}/{model}"
        self._plain = plain
        self._calibration = calibration
        self.vocabulary = None if plain else _carried(vocabulary_of(model))
        """None where tokens are estimated."""
        self._texts = _texts(self.vocabulary.name if self.vocabulary else None)
        self._frame = self.vocabulary.frame if self.vocabulary else FRAME
        self.ratio = calibration.ratio(self._name)
        """What usage said of earlier counts."""

    @property
    def exact(self) -> bool:
        """Plain text is counted by the model's own vocabulary (and what stands around it by
        a published template, which is not all that a provider adds)."""
        return self.vocabulary is not None and self.vocabulary.published

    @property
    def error(self) -> float | None:
        """Mean relative error of the counts: as usage showed it, or else 0 for a model's own
        vocabulary and ``ERROR`` for estimates of one whose vocabulary they were fitted to.
        None: nothing is known."""
        seen = self._calibration.error(self._name)
        if seen is not None:
            return seen
        if self.vocabulary is not None:
            return 0.0 if self.vocabulary.published else None
        own = vocabulary_of(self._made[1])
        fitted = own is not None and own.published and own.name in ("o200k_base", "gpt-oss")
        return ERROR if fitted else None

    def count_text(self, text: str) -> int:
        """Tokens of a bare text."""
        return self._calibrated(self._texts.count(text))

    def count(self, segment: Segment) -> int:
        """Tokens that a segment adds to the prompt: its text, media in it, and what stands
        around a message at the message's first part. 0 for a dropped one."""
        text = segment.text
        if not text:
            return 0
        if segment.type == "text":
            tokens = self._texts.count(text)
        else:
            tokens = self._structured(text, segment.type)
        if segment.part == 0:
            tokens += self._frame
        return self._calibrated(tokens)

    def saw(self, counted: int, actual: int) -> None:
        """The whole input that this counter found in a request, and what was reported."""
        self._calibration.saw(self._name, counted / self.ratio, actual)

    def renewed(self) -> Counter:
        """A counter with the ratio as it is now."""
        return Counter(*self._made, self._calibration, plain=self._plain)

    def _structured(self, text: str, kind: str) -> int:
        if kind not in _MEDIA_TYPES and len(text) < 512:
            return self._texts.count(text)
        blobs = _BLOB.findall(text)
        if kind == "document":
            pages = sum(-(-len(blob) * 3 // (4 * PAGE)) for blob in blobs)
            return MEDIA * pages + self._texts.count(_BLOB.sub("", text))
        if kind in _MEDIA_TYPES:
            return MEDIA * max(1, len(blobs))
        return MEDIA * len(blobs) + self._texts.count(_BLOB.sub("", text) if blobs else text)

    def _calibrated(self, tokens: int) -> int:
        return tokens if self.ratio == 1.0 or not tokens else max(1, round(tokens * self.ratio))


def counter_of(
    provider: str, model: str, calibration: Calibration | None = None, *, plain: bool = False
) -> Counter:
    """A counter for a model, by its vocabulary where one is installed and else by estimate.
    Models unknown to all are estimated; ``plain`` estimates any."""
    return Counter(provider, model, calibration or Calibration(), plain=plain)


def _carried(vocabulary: Vocabulary | None) -> Vocabulary | None:
    return vocabulary if vocabulary and encoder(vocabulary.name) else None


@cache
def _texts(vocabulary: str | None) -> _Texts:
    """Counters of one vocabulary share what they know."""
    found = encoder(vocabulary) if vocabulary else None
    return _Texts(found or estimate)
