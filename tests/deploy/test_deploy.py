"""The files under ``deploy/``, as far as they can be checked without a container engine."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from headstart.server import load_settings
from headstart.server.gateway import DEFAULTS

yaml = pytest.importorskip("yaml")

DEPLOY = Path(__file__).parent.parent.parent / "deploy"
ROOT = DEPLOY.parent


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    with (DEPLOY / "compose.yaml").open() as file:
        found: dict[str, Any] = yaml.safe_load(file)
    return found


def test_every_service_is_locked_down_and_limited(compose: dict[str, Any]) -> None:
    assert len(compose["services"]) == 8
    for name, service in compose["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["deploy"]["resources"]["limits"]["memory"], name
        assert not service.get("privileged"), name
        user = str(service.get("user", ""))
        assert not user.startswith(("0", "root")), name


def test_images_of_ours_do_not_run_as_root() -> None:
    for name in ("Containerfile", "Containerfile.vllm"):
        users = re.findall(r"^USER (\S+)$", (DEPLOY / name).read_text(), re.MULTILINE)
        assert users
        assert users[-1] not in ("0", "root")


def test_what_is_mounted_and_copied_is_there(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            assert not source.startswith(".") or (DEPLOY / source).is_file(), source
    for name in ("Containerfile", "Containerfile.vllm"):
        for line in re.findall(r"^COPY (?!--from)(.+) \S+$", (DEPLOY / name).read_text(), re.M):
            for source in line.split():
                assert (ROOT / source).exists(), source


def test_every_variable_is_a_setting_or_a_key(
    compose: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = compose["services"]["gateway-1"]["environment"]
    ours = {name: value for name, value in given.items() if name.startswith("HEADSTART_")}
    monkeypatch.setenv("HEADSTART_TENANT_SECRET", "a secret")
    monkeypatch.setenv("HEADSTART_API_KEYS", "alice=one,bob=two")
    for name in set(ours) - {"HEADSTART_TENANT_SECRET", "HEADSTART_API_KEYS"}:
        monkeypatch.setenv(name, re.sub(r"\$\{[^}]*\}", "x", ours[name]))
    settings = load_settings({"host": "0.0.0.0"}, DEPLOY / "headstart.toml", DEFAULTS)
    assert set(settings.upstream) == {"anthropic", "openai", "local"}
    for name in ours:
        assert hasattr(settings, name.removeprefix("HEADSTART_").lower()), name
    assert {u.key_env for u in settings.upstream.values() if u.key_env} <= set(given)


def test_prometheus_reads_the_rules() -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool (Debian's package prometheus) is not installed")
    subprocess.run(["promtool", "check", "config", "prometheus.yml"], cwd=DEPLOY, check=True)


def test_nginx_reads_the_entry(tmp_path: Path) -> None:
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin")
    if nginx is None:
        pytest.skip("nginx is not installed")
    entry = (DEPLOY / "entry.conf").read_text()
    (tmp_path / "entry.conf").write_text(re.sub(r"gateway-\d:8080", "127.0.0.1:1", entry))
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/pid; error_log {tmp_path}/log; events {{}}"
        f" http {{ access_log off; include {tmp_path}/entry.conf; }}"
    )
    subprocess.run([nginx, "-t", "-c", str(tmp_path / "nginx.conf")], check=True)
