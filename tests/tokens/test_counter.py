from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

import headstart.tokens.counter as counter_module
from headstart.prompt import Kind, Segment, chained
from headstart.prompt.prompt import Prompt
from headstart.tokens import ERROR, Calibration, counter_of, estimate
from headstart.tokens.counter import FRAME, MEDIA

WORDS = "a quick brown fox and 12 lazy dogs jump over each other in Seattle. " * 20


def segment(text: str = WORDS, part: int = 1, type: str = "text") -> Segment:
    return Segment(Kind.MESSAGE, "user", 0, part, text, text, None, type)


def test_a_model_without_a_vocabulary_is_estimated() -> None:
    counter = counter_of("anthropic", "claude-opus-5-5")
    assert counter.vocabulary is None
    assert not counter.exact
    assert counter.error is None
    assert counter.count(segment()) == counter.count_text(WORDS) == estimate(WORDS)


def test_a_published_vocabulary_is_exact() -> None:
    pytest.importorskip("splintr", reason="splintr-rs is not installed")
    counter = counter_of("openai", "gpt-5.5")
    assert counter.exact
    assert counter.error == 0
    assert counter.count_text("Hello world") == 2
    assumed = counter_of("openai", "gpt-6.1-sol")
    assert not assumed.exact
    assert assumed.error is None
    plain = counter_of("openai", "gpt-5.5", plain=True)
    assert (plain.exact, plain.error) == (False, ERROR)
    prose = counter_module.__doc__ or ""
    assert plain.count_text(prose) == pytest.approx(counter.count_text(prose), rel=0.1)


def test_a_message_has_a_frame_and_a_dropped_block_nothing() -> None:
    counter = counter_of("anthropic", "m")
    assert counter.count(segment(part=0)) == counter.count(segment()) + FRAME
    assert counter.count(segment("", part=0)) == 0


def test_media_are_not_counted_as_text() -> None:
    counter = counter_of("anthropic", "m")
    data = "iVBORw0KGgo" * 20_000
    image = json.dumps({"type": "image", "source": {"type": "base64", "data": data}})
    assert counter.count(segment(image, type="image")) == MEDIA
    url = json.dumps({"type": "image", "source": {"type": "url", "url": "https://a/b.png"}})
    assert counter.count(segment(url, type="image")) == MEDIA
    result = counter.count(segment(f"here: {image}", type="tool_result"))
    assert MEDIA < result < MEDIA + 60
    pdf = json.dumps({"type": "document", "source": {"type": "base64", "data": data}})
    assert 2 * MEDIA < counter.count(segment(pdf, type="document")) < 2 * MEDIA + 60
    text = json.dumps({"type": "document", "source": {"type": "text", "data": WORDS}})
    assert counter.count(segment(text, type="document")) == estimate(text)


def test_usage_corrects_a_renewed_counter_alone() -> None:
    calibration = Calibration()
    counter = counter_of("anthropic", "claude-opus-5-5", calibration)
    before = counter.count(segment())
    for _ in range(20):
        counter.saw(10_000, 13_000)
    assert counter.count(segment()) == before
    renewed = counter.renewed()
    assert renewed.count(segment()) == round(before * 1.3)
    renewed.saw(13_000, 13_000)
    assert renewed.ratio == pytest.approx(calibration.ratio("anthropic/claude-opus-5-5"))
    assert renewed.error is not None
    assert renewed.error < 0.05
    other = counter_of("anthropic", "claude-haiku-5-5", calibration)
    assert other.count(segment()) == before


def test_a_text_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    counter = counter_of("anthropic", "m")
    counted: list[str] = []
    monkeypatch.setattr(counter._texts, "_encode", lambda text: counted.append(text) or len(text))
    texts = [f"never seen before {i}" for i in range(3)]
    prompt = Prompt("m", tuple(segment(text) for text in texts))
    first = chained(prompt, counter.count)
    again = Prompt("m", tuple(replace(s, text=s.text[:]) for s in prompt.segments))
    assert chained(again, counter.count).ends == first.ends
    assert counted == texts


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headstart.tokens.counter.KNOWN", 100)
    counter = counter_of("anthropic", "m")
    texts = counter._texts
    texts._counts.clear()
    for i in range(1_000):
        counter.count_text(f"text {i}")
    assert len(texts._counts) == 100


def test_threads_agree() -> None:
    counter = counter_of("openai", "gpt-5.5")
    texts = [f"{WORDS} {i % 50}" for i in range(2_000)]
    with ThreadPoolExecutor(8) as pool:
        counts = list(pool.map(counter.count_text, texts))
    assert counts[:50] == counts[50:100] == [counter.count_text(text) for text in texts[:50]]


def test_a_search_for_data_is_linear() -> None:
    """A search that starts anew at every letter would not come back from these."""
    counter = counter_of("anthropic", "m")
    text = ("a" * 511 + " ") * 1_000
    assert counter.count(segment(text, type="tool_use")) > 1_000
