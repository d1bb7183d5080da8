from __future__ import annotations

import pytest

from headstart.server.emulate import State, emulated_accounts, parse_knobs
from headstart.server.emulate.accounts import MOST_MODELS, account_of


def test_knobs_are_json_or_else_text() -> None:
    assert parse_knobs(["minimum=64", "renew=longer", "refresh_ancestors=true"]) == {
        "minimum": 64,
        "renew": "longer",
        "refresh_ancestors": True,
    }
    for bad in ("minimum", "=5"):
        with pytest.raises(ValueError, match="expected NAME=VALUE"):
            parse_knobs([bad])


@pytest.mark.parametrize("knobs", [{"nonsense": 1}, {"minimum": "x"}, {"minimum": -1}])
def test_knobs_that_do_not_exist_are_told_at_the_start(knobs: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(knobs))):
        emulated_accounts(knobs=knobs)


def test_the_provider_of_a_path_or_of_a_name() -> None:
    state = State(emulated_accounts())
    assert state.provider_of("bedrock", "gpt-5.5") == "bedrock"
    assert state.provider_of("auto", "claude-opus-5") == "anthropic"
    assert state.provider_of("auto", "nobody's") == "openai"
    state.reset(provider="groq")
    assert state.provider_of("auto", "gpt-5.5") == "groq"
    assert state.provider_of("openai", "gpt-5.5") == "groq"
    assert state.provider_of("bedrock", "gpt-5.5") == "bedrock"
    state.reset(provider="openai")
    assert state.provider_of("anthropic", "claude-opus-5") == "anthropic"
    state.reset(provider="vertex")
    assert state.provider_of("anthropic", "claude-opus-5") == "vertex"
    with pytest.raises(ValueError, match="unknown provider 'nobody'"):
        state.reset(provider="nobody")


def test_emulators_are_bounded() -> None:
    accounts = emulated_accounts()
    first = accounts.emulator("openai", "m0")
    assert accounts.emulator("openai", "m0") is first
    for index in range(1, MOST_MODELS + 1):
        accounts.emulator("openai", f"m{index}")
    assert accounts.emulator("openai", "m0") is not first
    with pytest.raises(KeyError):
        accounts.emulator("nobody", "m")


def test_a_credential_is_a_digest_of_what_stays() -> None:
    day, other = (
        {"authorization": f"AWS4-HMAC-SHA256 Credential=AKIA/{date}/us/bedrock, Signature={date}"}
        for date in ("20261123", "20261124")
    )
    assert account_of(day, {}) == account_of(other, {}) != ""
    assert account_of({}, {}) == ""
    found = {
        account_of({"x-api-key": "a"}, {}),
        account_of({"x-api-key": "b"}, {}),
        account_of({"authorization": "Bearer c"}, {}),
        account_of({}, {"key": "d"}),
    }
    assert len(found) == 4
