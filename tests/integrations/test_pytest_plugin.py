"""The pytest plugin, on a sample application with two bugs that break caching."""

from __future__ import annotations

import re
from pathlib import Path

import anthropic
import openai
import pytest

from headstart.integrations import prompt_cache

pytest_plugins = ["pytester"]

_APP = Path(__file__).with_name("sample_app.py")
_HEAD = """\
import os
import pytest
from sample_app import ask
QUESTIONS = ["Who?", "What?", "When?", "Why?"]
"""
_WITHOUT = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-p", "no:anyio")
_LOADED = (anthropic, openai, prompt_cache)
"""Runs in this process would each load what they need anew, if it were not here."""


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project with the sample application in it."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    pytester.makepyfile(sample_app=_APP.read_text())
    pytester.makepyprojecttoml('[tool.pytest.ini_options]\naddopts = "--strict-markers"')
    return pytester


def _run(run: pytest.Pytester, test: str, head: str = _HEAD) -> pytest.RunResult:
    run.makepyfile(test_app=head + test)
    return run.runpytest_inprocess(*_WITHOUT)


def test_the_clean_version_passes(run: pytest.Pytester) -> None:
    test = """
def test_ask(prompt_cache):
    assert len(ask(QUESTIONS)) == 4
    prompt_cache.assert_hit_rate(min=0.9, skip=1)
    prompt_cache.assert_no_volatile_prefix()
    assert prompt_cache.hit_rate > 0.7
    assert 0 < prompt_cache.cost < prompt_cache.cost_without_cache
    assert [request.lookup.reason for request in prompt_cache.requests][0] == "first_sight"
    assert prompt_cache.usage.read == 3 * prompt_cache.requests[1].usage.read > 1000
    prompt_cache.advance(301)
    prompt_cache.answer("As I said.")
    assert ask(["Again?"]) == ["As I said."]
    assert prompt_cache.requests[-1].lookup.reason == "expired"

def test_every_test_starts_with_an_empty_one(prompt_cache):
    assert prompt_cache.requests == ()
    ask(QUESTIONS[:1])
    assert prompt_cache.usage.read == 0

@pytest.mark.prompt_cache(provider="anthropic", model="claude-opus-5", min_hit_rate=0.7)
def test_by_the_marker_alone():
    ask(QUESTIONS)
"""
    _run(run, test).assert_outcomes(passed=3)


def test_a_timestamp_is_shown_with_both_sides_and_its_price(run: pytest.Pytester) -> None:
    test = """
@pytest.mark.prompt_cache(min_hit_rate=0.7)
def test_ask():
    ask(QUESTIONS, timestamp=True)
"""
    result = _run(run, test)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "prompt cache: 0.0% of * input tokens were read from the cache, and at least"
            " 70.0% should be",
            "*request 2 (claude-opus-5, anthropic): read 0 of * tokens; diverged",
            "*tokens could have been read and were not",
            "*against request 1:",
            "*segment 5 (system), character 23: timestamp; *",
            "*- Now: 2026-11-23 09:30:00*",
            "*+ Now: 2026-11-23 09:30:01*",
        ],
        consecutive=False,
    )
    text = result.stdout.str()
    money = re.search(r"this costs \$([\d.]+) in 1,000 calls", text)
    lost = re.search(r"([\d,]+) tokens could have been read", text)
    assert money is not None
    assert lost is not None
    # USD a million tokens: 6.25 to write, 0.50 to read; three of four requests missed.
    each = int(lost[1].replace(",", "")) * (6.25 - 0.50) / 1e6
    assert float(money[1]) == pytest.approx(each * 1000 * 3 / 4, rel=0.001)
    lines = text.splitlines()
    side = next(i for i, line in enumerate(lines) if "- Now: 2026-11-23 09:30:00" in line)
    assert lines[side + 1].rstrip().endswith("^")
    assert lines[side].index(":00") + 2 == lines[side + 1].index("^")


def test_a_failure_by_the_marker_is_shown_once(run: pytest.Pytester) -> None:
    test = """
@pytest.mark.prompt_cache(min_hit_rate=0.7)
def test_ask():
    pass
"""
    text = _run(run, test).stdout.str()
    assert "During handling of the above exception" not in text


def test_what_takes_seconds_to_build_is_there_while_the_clock_stands(run: pytest.Pytester) -> None:
    test = """
def test_ask(prompt_cache):
    import openai
    for turn in range(4):
        system = {"role": "system", "content": "All that is the same. " * 400}
        user = {"role": "user", "content": f"Question {turn}"}
        client = openai.OpenAI()
        client.chat.completions.create(model="deepseek-chat", messages=[system, user])
    assert [r.usage.read > 0 for r in prompt_cache.requests] == [False, False, True, True]
"""
    _run(run, test).assert_outcomes(passed=1)


def test_a_provider_counts_only_where_it_takes_the_api(run: pytest.Pytester) -> None:
    test = """
@pytest.mark.prompt_cache(provider="openai")
def test_ask(prompt_cache):
    ask(QUESTIONS[:1])
    assert prompt_cache.requests[0].provider == "anthropic"
"""
    _run(run, test).assert_outcomes(passed=1)


def test_shuffled_tools_are_shown(run: pytest.Pytester) -> None:
    test = """
def test_rate(prompt_cache):
    ask(QUESTIONS, shuffled=True)
    prompt_cache.assert_hit_rate(min=0.7)

def test_prefix(prompt_cache):
    ask(QUESTIONS, shuffled=True)
    prompt_cache.assert_no_volatile_prefix()
"""
    result = _run(run, test)
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        ["*request 2 *: read 0 of * tokens; tools_changed", "*segment * (tool)*", "*this costs $*"]
    )
    result.stdout.fnmatch_lines(
        ["*the part of the prompt that is to be cached holds what changes:"]
    )


def test_no_volatile_prefix(run: pytest.Pytester) -> None:
    test = """
def test_told_by_its_pattern(prompt_cache):
    ask(QUESTIONS[:1], timestamp=True)
    with pytest.raises(AssertionError, match="system block 0: timestamp: '2026-11-23 09:30:00'"):
        prompt_cache.assert_no_volatile_prefix()
    prompt_cache.assert_no_volatile_prefix(ignore=["timestamp"])

def test_what_is_behind_the_last_marker_may_change(prompt_cache):
    import anthropic
    system = [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}},
              {"type": "text", "text": "Now: 2026-11-23 09:30:00"}]
    anthropic.Anthropic().messages.create(
        model="claude-opus-5", max_tokens=9, system=system,
        messages=[{"role": "user", "content": "It was 2026-11-23 09:30:01."}])
    prompt_cache.assert_no_volatile_prefix()

def test_of_a_chat_the_head_counts(prompt_cache):
    import openai
    messages = [{"role": "system", "content": "Be brief."},
                {"role": "user", "content": "It was 2026-11-23 09:30:01."},
                {"role": "system", "content": "Be kind."}]
    openai.OpenAI().chat.completions.create(model="gpt-5.5", messages=messages)
    prompt_cache.assert_no_volatile_prefix()
"""
    _run(run, test).assert_outcomes(passed=3)


def test_without_a_request_there_is_no_rate(run: pytest.Pytester) -> None:
    result = _run(run, "def test(prompt_cache): prompt_cache.assert_hit_rate()")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*no request reached the emulated prompt cache at http://127*"])


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ("min_hitrate=0.9", "unknown 'min_hitrate' (known: provider, model, min_hit_rate)"),
        ("'anthropic'", "unknown positional arguments (known: provider, model, min_hit_rate)"),
        ("provider='nobody'", "unknown provider 'nobody' (known: anthropic,"),
        ("min_hit_rate='0.9'", "min_hit_rate is a share from 0 to 1, not '0.9'"),
        ("min_hit_rate=90", "min_hit_rate is a share from 0 to 1, not 90"),
    ],
)
def test_marker_options_that_are_refused(run: pytest.Pytester, options: str, text: str) -> None:
    result = _run(
        run, f"@pytest.mark.prompt_cache({options})\ndef test(): pass\n", "import pytest\n"
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"*@pytest.mark.prompt_cache: {text.replace('[', '[[]')}*"])
    assert "Traceback" not in result.stdout.str()


def test_another_providers_rules_and_the_environment(run: pytest.Pytester) -> None:
    test = """
BEFORE = dict(os.environ)

@pytest.mark.prompt_cache(provider="bedrock", model="anthropic.claude-haiku-4-5-20251001-v1:0")
def test_rules(prompt_cache):
    assert os.environ["ANTHROPIC_BASE_URL"] == prompt_cache.url
    ask(QUESTIONS)
    assert {r.provider for r in prompt_cache.requests} == {"bedrock"}
    assert prompt_cache.requests[-1].lookup.reason == "below_minimum"

def test_after_it():
    assert {k: v for k, v in os.environ.items() if k != "PYTEST_CURRENT_TEST"} == {
        k: v for k, v in BEFORE.items() if k != "PYTEST_CURRENT_TEST"}
"""
    _run(run, test).assert_outcomes(passed=2)


def test_who_does_not_use_it_pays_nothing(run: pytest.Pytester) -> None:
    test = """
import sys

def test_what_is_imported():
    loaded = {name for name in sys.modules if name.startswith("headstart")}
    assert loaded == {"headstart", "headstart.integrations", "headstart.integrations.pytest_plugin"}
    assert not {"anthropic", "openai", "starlette", "uvicorn", "msgspec"} & set(sys.modules)
"""
    run.makepyfile(test_app=test)
    run.runpytest_subprocess().assert_outcomes(passed=1)


def test_its_marker_is_listed(run: pytest.Pytester) -> None:
    run.runpytest_inprocess(*_WITHOUT, "--markers").stdout.fnmatch_lines(
        ["@pytest.mark.prompt_cache(*"]
    )
