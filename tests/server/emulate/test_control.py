"""The routes below ``/_headstart``."""

from __future__ import annotations

from typing import Any

import pytest

from tests.server.emulate.conftest import HOUSE_RULES, Emulate, Emulated


def _ask(emulated: Emulated, rules: str = HOUSE_RULES, question: str = "Hi") -> Any:
    body = {
        "model": "claude-opus-5",
        "max_tokens": 30,
        "system": [{"type": "text", "text": rules, "cache_control": {"type": "ephemeral"}}],
        "messages": [{"role": "user", "content": question}],
    }
    answer = emulated.http.post(
        "/v1/messages",
        json=body,
        headers={"x-api-key": "a", "anthropic-version": "2023-06-01"},
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_clock_is_moved_set_stopped_and_let_go(emulated: Emulated) -> None:
    def clock(**wanted: Any) -> Any:
        return emulated.http.post("/_headstart/clock", json=wanted).json()

    shown = emulated.http.get("/_headstart/clock").json()
    assert shown["stands"] is True
    assert clock(advance=300)["now"] == shown["now"] + 300
    assert clock(now=shown["now"] + 1_000)["now"] == shown["now"] + 1_000
    assert clock(stands=False)["stands"] is False
    assert clock(stands=True, advance=1)["now"] > shown["now"] + 1_000


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ("[]", "expected an object"),
        ("{}", "expected an object"),
        ('{"advance": -1}', "advance takes seconds"),
        ('{"advance": 1e308}', "advance takes seconds"),
        ('{"advance": true}', "advance: a number of seconds"),
        ('{"advance": "5"}', "advance: a number of seconds"),
        ('{"now": 5}', "can't go back"),
        ('{"now": NaN}', "not valid JSON"),
        ('{"stands": "yes"}', "stands: true or false"),
        ('{"advance": 1, "now": 9e9}', "exclude each other"),
        ('{"advance": 1, "stands": false, "forward": 1}', "unknown key 'forward'"),
    ],
)
def test_a_clock_that_is_told_nonsense_stays(emulated: Emulated, body: str, text: str) -> None:
    before = emulated.http.get("/_headstart/clock").json()
    answer = emulated.http.post("/_headstart/clock", content=body)
    assert answer.status_code == 400
    assert text in answer.json()["error"]["message"]
    assert emulated.http.get("/_headstart/clock").json() == before


def test_a_body_for_the_controls_is_bounded(emulate: Emulate) -> None:
    emulated = emulate(max_body=1_000)
    answer = emulated.http.post("/_headstart/answers", json={"text": "x" * 1_000})
    assert answer.status_code == 413


def test_the_journal_says_what_was_read_and_why_not(emulated: Emulated) -> None:
    _ask(emulated)
    _ask(emulated)
    _ask(emulated, f"It is 2026-11-23T10:00:00Z. {HOUSE_RULES}")
    _ask(emulated, f"It is 2026-11-23T10:00:07Z. {HOUSE_RULES}")
    first, second, _, fourth = emulated.requests()
    assert (first["reason"], first["provider"], first["dialect"]) == (
        "first_sight",
        "anthropic",
        "anthropic",
    )
    assert second["usage"]["read"] == first["usage"]["write_5m"]
    assert second["cost"] < second["cost_without_cache"] < first["cost"]
    assert fourth["reason"] == "diverged"
    written = fourth["usage"]["write_5m"]
    assert written <= fourth["lost"] <= written + fourth["usage"]["fresh"]
    assert fourth["wasted"] == pytest.approx(fourth["cost"] - second["cost"], rel=0.05)
    assert "It is" not in emulated.http.get("/_headstart/requests").text

    shown = emulated.last()
    assert shown["against"] == "req_3"
    assert "character 24" in shown["diff"]
    assert "- It is 2026-11-23T10:00:00Z." in shown["diff"]
    assert "+ It is 2026-11-23T10:00:07Z." in shown["diff"]
    assert shown["remedy"]
    assert [(span["segment"], span["text"]) for span in shown["volatile"]] == [
        (0, "2026-11-23T10:00:07Z")
    ]


def test_the_journal_is_listed_in_parts_and_emptied(emulated: Emulated) -> None:
    for question in ("a", "b", "c"):
        _ask(emulated, question=question)
    assert [e["number"] for e in emulated.requests(limit=2)] == [2, 3]
    assert [e["number"] for e in emulated.requests(after=1)] == [2, 3]
    assert [e["number"] for e in emulated.requests(reason="first_sight")] == [1]
    for query in ({"after": "x"}, {"limit": "0"}, {"limit": "9" * 5_000}, {"reason": "rain"}):
        assert emulated.http.get("/_headstart/requests", params=query).status_code == 400
    assert emulated.http.get("/_headstart/requests/req_99").status_code == 404
    emulated.http.delete("/_headstart/requests")
    assert emulated.requests() == []
    assert _ask(emulated)["usage"]["cache_read_input_tokens"] > 0


def test_sums_over_all_requests(emulated: Emulated) -> None:
    empty = emulated.http.get("/_headstart/stats").json()
    assert (empty["requests"], empty["hit_rate"]) == (0, 0.0)
    for _ in range(4):
        usage = _ask(emulated)["usage"]
    stats = emulated.http.get("/_headstart/stats").json()
    assert stats["requests"] == 4
    assert stats["usage"]["read"] == 3 * usage["cache_read_input_tokens"]
    assert stats["hit_rate"] == pytest.approx(0.75, abs=0.01)
    assert stats["cost"] < stats["cost_without_cache"]
    assert stats["cost"] == pytest.approx(sum(e["cost"] for e in emulated.requests()))
    assert stats["reasons"]["first_sight"] == 1


def test_reset_empties_caches_journal_and_answers(emulated: Emulated) -> None:
    _ask(emulated)
    emulated.http.post("/_headstart/answers", json={"text": "Never given."})
    now = emulated.http.get("/_headstart/clock").json()
    assert emulated.http.post("/_headstart/reset").status_code == 200
    assert emulated.requests() == []
    assert emulated.http.get("/_headstart/clock").json() == now
    answer = _ask(emulated)
    assert answer["usage"]["cache_read_input_tokens"] == 0
    assert answer["content"][0]["text"] != "Never given."


def test_answers_are_made_up_alike_or_given(emulated: Emulated) -> None:
    made_up = _ask(emulated)["content"][0]["text"]
    assert _ask(emulated)["content"][0]["text"] == made_up
    assert emulated.http.post("/_headstart/answers", json={"text": "Forty-two."}).status_code == 200
    assert _ask(emulated)["content"][0]["text"] == "Forty-two."
    assert _ask(emulated)["content"][0]["text"] == made_up
    for bad in ('{"text": 5}', '{"text": "\\ud800"}', '{"answer": "x"}'):
        assert emulated.http.post("/_headstart/answers", content=bad).status_code == 400


def test_it_says_that_it_serves(emulated: Emulated) -> None:
    assert emulated.http.get("/healthz").json() == {"status": "ok"}
