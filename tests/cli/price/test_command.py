from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from headstart.cli.main import app
from headstart.pricing import OPEN_MODELS, PRESETS, VARIED

RUN = CliRunner()


def price(*arguments: str, status: int = 0) -> str:
    ran = RUN.invoke(app, ["price", *arguments], env={"COLUMNS": "160"})
    assert ran.exit_code == status, ran.output
    return ran.output


def data(*arguments: str) -> Any:
    return json.loads(price(*arguments, "--json"))


def test_tables_are_whole_lines_for_other_programs() -> None:
    assert any("claude-3-5-haiku-latest" in line for line in price("list").splitlines())
    ran = RUN.invoke(app, ["price", "list"], env={"COLUMNS": "60"})
    assert any("claude-3-5-haiku-latest" in line for line in ran.output.splitlines())


def test_a_loss_has_its_minus_in_front() -> None:
    shown = price("request", "--model", "gpt-6.1-sol", "--written", "10000", "--lifetime", "30m")
    assert "-25.0%, -$0.005" in shown


def test_help_shows_a_table_s_name() -> None:
    assert '[openai."gpt-5.5"]' in " ".join(price("request", "--help").split())


def test_a_cloud_s_list_is_the_one_whose_prices_it_charges() -> None:
    assert data("list", "--provider", "gemini") == data("list", "--provider", "google")


def test_list() -> None:
    everything = data("list")
    assert len(everything) > 300
    assert {one["provider"] for one in data("list", "--provider", "kimi")} == {"kimi"}
    assert "claude-opus-5-5" in price("list", "--provider", "anthropic")
    assert "--provider nobody" in price("list", "--provider", "nobody", status=2)


def test_show() -> None:
    tiers = data("show", "claude-haiku-5-5")
    assert [(t["from_input_tokens"], t["input"]) for t in tiers] == [(0, 0.1), (100_001, 0.5)]
    shown = price("show", "gemini-2.5-pro")
    assert "4.5" in shown
    assert "genai-prices" in shown
    assert data("show", "gemini-3.8-flash", "--at", "2027-01-01")[0]["input"] == 1.5
    assert "no price for model" in price("show", "nonesuch", status=2)
    assert "not a date" in price("show", "gpt-5.5", "--at", "tomorrow", status=2)


def test_request() -> None:
    asked = ("request", "-m", "claude-opus-5-5", "--input", "10000", "--cached", "8000")
    found = data(*asked, "--output", "500", "--calls", "1000")
    assert found["cost"] == pytest.approx(1000 * (2_000 * 4 + 8_000 * 0.2 + 500 * 20) / 1e6)
    assert found["uncached"] == pytest.approx(50)
    assert "60.8%" in price(*asked, "--output", "500")
    written = data("request", "--input", "10", "--written", "10", "--lifetime", "1h")
    assert written["cost"] == pytest.approx(80e-6)
    assert "more than --input" in price(*asked, "--written", "2001", status=2)
    assert "--lifetime 2h" in price("request", "--lifetime", "2h", status=2)


def test_breakeven() -> None:
    five, hour = data("breakeven", "-m", "claude-opus-5")["lifetimes"]
    assert five["hit_rate"] == pytest.approx(0.217, abs=5e-4)
    assert hour["last_use"] is None
    assert (five["reads_to_repay"], hour["reads_to_repay"]) == (1, 2)
    assert "21.7%" in price("breakeven", "-m", "claude-opus-5")
    gemini = data("breakeven", "-m", "gemini-2.5-pro")
    assert gemini["storage"]["reads_per_hour"] == pytest.approx(4)
    assert "15.0 min" in price("breakeven", "-m", "gemini-2.5-pro")
    assert "as much for a read" in price("breakeven", "-m", "claude-2", status=2)


@pytest.mark.parametrize("preset", PRESETS)
def test_roi_presets(preset: str) -> None:
    found = data("roi", "--preset", preset)
    best, *others = found["lifetimes"]
    assert best["saved_share"] > 0.4
    assert all(one["cost"] >= best["cost"] for one in others)
    assert len(found["curve"]) == 13
    assert PRESETS[preset].about in price("roi", "--preset", preset)


@pytest.mark.parametrize("varied", VARIED)
def test_roi_along_each_number(varied: str) -> None:
    curve = data("roi", "--vary", varied)["curve"]
    values = [point[varied] for point in curve]
    assert values == sorted(set(values))
    assert all(point["best"]["saving"] >= 0 for point in curve)


def test_roi_described() -> None:
    described = ("--prefix", "4500", "--suffix", "150", "--output", "400", "--prefixes", "1")
    found = data("roi", *described, "--calls-per-day", "100000", "--investment", "1000")
    assert found["lifetimes"][0]["uncached"] == pytest.approx(100_000 * (4_650 * 4 + 8_000) / 1e6)
    assert found["days_to_repay"] == pytest.approx(1000 / found["lifetimes"][0]["saving"])
    assert "repaid in" in price("roi", *described, "--investment", "1000")
    rare = ("roi", "--prefixes", "100000", "--investment", "5")
    assert "never repaid" in price(*rare)
    for wrong in (("--preset", "x"), ("--prefix", "0"), ("--vary", "x"), ("--busy-hours", "25")):
        assert "headstart: " in price("roi", *wrong, status=2)


@pytest.mark.parametrize("model", OPEN_MODELS)
def test_kv_of_open_models(model: str) -> None:
    found = data("kv", "--model", model)
    assert [tier["tier"] for tier in found["tiers"]] == ["HBM", "DRAM", "NVMe", "S3"]
    assert "keep if reused within" in price("kv", "--model", model)


def test_kv_of_a_configuration(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(
        '{"num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8,'
        ' "head_dim": 128}'
    )
    ours = data("kv", "--config", str(path), "--parameters", "8")
    known = data("kv", "--model", "llama-3.1-8b")
    assert ours["tiers"] == known["tiers"]
    assert ours["bytes_per_token"] == 131_072
    half = data("kv", "--config", str(path), "--prefill-rate", "9000", "--value-bytes", "1")
    assert half["bytes_per_token"] == 65_536
    tape = data("kv", "--tier", "tape=0.00001,1e6", "--tier", "S3=0.01,1e9")["tiers"]
    assert [t["tier"] for t in tape] == ["HBM", "DRAM", "NVMe", "S3", "tape"]
    assert tape[-1]["interval"] == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--model", "nonesuch"), "known: llama-2-7b"),
        (("--config", "nowhere.json", "--parameters", "1"), "No such file"),
        (("--config", "nowhere.json"), "needs --parameters"),
        (("--tier", "tape"), "NAME=USD_PER_GB_HOUR"),
        (("--tier", "tape=-1"), "numbers from 0 on"),
        (("--gpu-dollars", "0"), "above 0"),
        (("--prefill-rate", "-5"), "above 0"),
        (("--prefill-rate", "0"), "above 0"),
        (("--value-bytes", "0"), "above 0"),
    ],
)
def test_kv_says_what_is_wrong(arguments: tuple[str, ...], said: str) -> None:
    assert said in price("kv", *arguments, status=2)


@pytest.mark.parametrize("text", ["[" * 100_000, "{", "[]", '{"num_hidden_layers": 0}', "\x00"])
def test_kv_of_a_hostile_configuration(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(text)
    shown = price("kv", "--config", str(path), "--parameters", "1", status=2)
    assert str(path) in shown.replace("\n", "")


def test_prices_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "prices.toml"
    path.write_text("[inhouse.llama]\ninput = 1\nread = 0.1\noutput = 2\n")
    own = ("--prices", str(path))
    assert data("show", "llama", *own)[0]["source"] == str(path)
    assert data("list", *own)[0]["model"] == "llama"
    assert data("request", "-m", "llama", "--input", "1000000", *own)["cost"] == 1
    path.write_text("[inhouse.llama]\ninput = 1\nread = 3\noutput = 2\n")
    assert "line 3" in price("show", "llama", *own, status=2).replace("\n", " ")


def test_help_loads_no_prices() -> None:
    code = (
        "import sys, contextlib, io\n"
        "from headstart.cli.main import app\n"
        "with contextlib.redirect_stdout(io.StringIO()):\n"
        "    app(['price', '--help'], standalone_mode=False)\n"
        "print([m for m in sys.modules if m.startswith(('headstart.pricing', 'starlette'))])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
