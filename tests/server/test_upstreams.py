"""``[upstream.NAME]`` tables, and what is wrong with them in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from headstart.server import ConfigError, load_settings
from headstart.server.upstreams import DEFAULTS, in_mode


def load(tmp_path: Path, text: str) -> object:
    file = tmp_path / "headstart.toml"
    file.write_text(text)
    return load_settings({}, file)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("upstream = 3", "expected tables"),
        ('[upstream.x]\nbase_url = "ftp://x"', "x: base_url: expected http"),
        ('[upstream.x]\nbase_url = "http://u:p@x"', "takes no credentials"),
        ('[upstream.x]\nbase_url = "http://x"', "x.provider: give one of"),
        ('[upstream.x]\nprovider = "openai"', "x.base_url: Field required"),
        ('[upstream.x]\nbase_url = "http://x"\nprovider = "y"', "'y' is unknown"),
        ('[upstream.openai]\nauth = "inject"', "needs key_env"),
        ('[upstream.openai]\nkey_env = "K"', 'needs auth = "inject"'),
        ('[upstream.openai]\nmode = "wild"', "openai.mode: Input should be 'observe'"),
        ('[upstream.openai]\nfollowers = true\nmode = "observe"', "followers needs mode"),
        ("[upstream.openai]\nexplicit_caches = true", "only Gemini has them"),
        ('[upstream.gemini]\nexplicit_caches = true\nmode = "off"', "explicit_caches needs mode"),
        (
            '[upstream.gemini]\nexplicit_cache_budget = "1"',
            'explicit_cache_budget: expected "AMOUNT',
        ),
        ('[upstream.gemini]\nkeep_alive_budget = "1/week"', 'keep_alive_budget: expected "AMOUNT'),
        ("[upstream.openai]\nmood = 1", "openai.mood: Extra inputs"),
        ("[upstream.openai]\nread_timeout = 0", "greater than 0"),
        ('[upstream.v1]\nbase_url = "http://x"', "'v1' is no name"),
        ('[upstream."A B"]\nbase_url = "http://x"', "'A B' is no name"),
        (
            'host = "0.0.0.0"\n[upstream.openai]\nauth = "inject"\nkey_env = "K"',
            "without API keys",
        ),
    ],
)
def test_what_is_wrong_is_told_in_one_line(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigError) as error:
        load(tmp_path, text)
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_a_built_in_name_needs_no_url(tmp_path: Path) -> None:
    load(tmp_path, "[upstream.anthropic]")
    settings = load_settings({}, tmp_path / "headstart.toml")
    assert settings.upstream == {"anthropic": DEFAULTS["anthropic"]}


def test_passing_credentials_on_needs_no_keys_off_loopback(tmp_path: Path) -> None:
    load(tmp_path, 'host = "0.0.0.0"\n[upstream.anthropic]')


def test_defaults_stand_in_for_no_tables(tmp_path: Path) -> None:
    (tmp_path / "headstart.toml").write_text("port = 1")
    settings = load_settings({}, tmp_path / "headstart.toml", DEFAULTS)
    assert settings.upstream == dict(DEFAULTS)
    assert load_settings({}, tmp_path / "headstart.toml").upstream == {}


def test_one_mode_for_all() -> None:
    assert {upstream.mode for upstream in in_mode(DEFAULTS, "observe").values()} == {"observe"}
    with pytest.raises(ValueError, match="--mode wild"):
        in_mode(DEFAULTS, "wild")
