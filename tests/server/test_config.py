from __future__ import annotations

from pathlib import Path

import pytest

from headstart.server.config import ConfigError, is_loopback, load_settings

GIB = 1024**3


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(text: str, name: str = "headstart.toml") -> Path:
    path = Path(name)
    path.write_text(text)
    return path


def test_defaults() -> None:
    settings = load_settings()
    assert (settings.host, settings.port, settings.cache_memory) == ("127.0.0.1", 8080, 2 * GIB)
    assert settings.model is None
    assert settings.exact is None
    assert settings.api_keys == {}


def test_the_command_line_beats_the_environment_beats_the_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write('port = 1\nhost = "::1"\nmodel = "from-file"\n')
    monkeypatch.setenv("HEADSTART_PORT", "2")
    monkeypatch.setenv("HEADSTART_MODEL", "from-env")
    settings = load_settings({"port": 3, "model": None})
    assert (settings.port, settings.model, settings.host) == (3, "from-env", "::1")


def test_another_file_is_read_when_named() -> None:
    write("port = 1\n")
    assert load_settings(config=write("port = 5\n", "other.toml")).port == 5


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("2GiB", 2 * GIB),
        ("512MiB", GIB // 2),
        ("512 mib", GIB // 2),
        ("1.5G", 1_500_000_000),
        ("4096", 4096),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert load_settings({"cache_memory": text}).cache_memory == size


def keys_of(settings: object) -> dict[str, str]:
    return {name: key.get_secret_value() for name, key in settings.api_keys.items()}  # type: ignore[attr-defined]


def test_keys_come_from_every_source(monkeypatch: pytest.MonkeyPatch) -> None:
    write('[api_keys]\nfile = "k1"\n')
    assert keys_of(load_settings()) == {"file": "k1"}
    monkeypatch.setenv("HEADSTART_API_KEYS", "env=k2, other=k=3")
    assert keys_of(load_settings()) == {"env": "k2", "other": "k=3"}
    assert keys_of(load_settings({"api_keys": ["cli=k4"]})) == {"cli": "k4"}


def test_keys_do_not_show() -> None:
    assert "s3cret" not in repr(load_settings({"api_keys": ["acme=s3cret"]}))


def test_model_names_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADSTART_SERVED_MODEL_NAME", "a, b")
    assert load_settings().served_model_name == ["a", "b"]


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        ({"cache_memory": "2 bananas"}, "--cache-memory: could not interpret byte unit: bananas"),
        ({"cache_memory": "lots"}, "--cache-memory: "),
        ({"port": 70000}, "--port: "),
        ({"api_keys": ["s3cret"]}, "--api-key: expected NAME=KEY"),
        ({"api_keys": ["a=s3cret", "b=s3cret"]}, "--api-key: two tenants have the same key"),
        ({"api_keys": ["a=1", "a=2"]}, "--api-key: tenant 'a' is given twice"),
        ({"api_keys": ["a\0b=1"]}, "--api-key: tenant name"),
        ({"api_keys": ["a="]}, "--api-key: the key of tenant 'a' is empty"),
        ({"log_format": "xml"}, "--log-format: "),
        ({"host": "0.0.0.0"}, "--insecure-no-auth"),
    ],
)
def test_a_bad_option_is_named_in_one_line(overrides: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(overrides)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_bad_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADSTART_PORT", "http")
    with pytest.raises(ConfigError, match=r"^HEADSTART_PORT: "):
        load_settings()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('port = "http"\n', r"^bad\.toml: port: "),
        ("prot = 1\n", r"^bad\.toml: unknown key 'prot' \(known: admin_key, alerts, api_keys, "),
        ("port =\n", r"^bad\.toml: not valid TOML: "),
        ("[port]\nx = 1\n", r"^bad\.toml: port: "),
    ],
)
def test_a_bad_file_is_named(text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        load_settings(config=write(text, "bad.toml"))


def test_a_named_file_must_exist() -> None:
    with pytest.raises(ConfigError, match=r"^none\.toml: no such file$"):
        load_settings(config=Path("none.toml"))


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "::1"])
def test_loopback(host: str) -> None:
    assert is_loopback(host)
    assert load_settings({"host": host}).host == host


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.org", ""])
def test_other_addresses_need_keys_or_a_word(host: str) -> None:
    assert not is_loopback(host)
    with pytest.raises(ConfigError):
        load_settings({"host": host})
    assert load_settings({"host": host, "api_keys": ["a=b"]}).host == host
    assert load_settings({"host": host, "insecure_no_auth": True}).host == host
