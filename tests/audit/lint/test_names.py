"""What names promise."""

from __future__ import annotations

import pytest

from headstart.audit.lint.names import is_asked, kind_named, prompt_named


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("current_time", "time"),
        ("ctx.currentDate", "date"),
        ("now", "timestamp"),
        ("sessionId", "session_id"),
        ("user.user_name", "user"),
        ("company_name", None),
        ("known", None),
        ("date", None),
    ],
)
def test_kinds(name: str, kind: str | None) -> None:
    assert kind_named(name) == kind


def test_a_bare_date_counts_in_templates() -> None:
    assert kind_named("date", template=True) == "date"


@pytest.mark.parametrize(
    ("name", "section"),
    [
        ("SYSTEM_PROMPT", "system"),
        ("system", "system"),
        ("system_message", "system"),
        ("agentInstructions", "system"),
        ("SYSTEM_PROMPT_V1", "system"),
        ("get_system_prompt", "system"),
        ("prompt", "prompt"),
        ("build_prompt", "prompt"),
        ("prompt_template", "prompt"),
        ("template", "prompt"),
        ("prompt_path", None),
        ("prompt_tokens", None),
        ("system_id", None),
        ("operating_system", None),
        ("file_template", None),
        ("promptly", None),
        ("_", None),
    ],
)
def test_names_of_prompts(name: str, section: str | None) -> None:
    assert prompt_named(name) == section


def test_what_is_asked() -> None:
    assert is_asked("user_query")
    assert is_asked("state.documents")
    assert not is_asked("language")
