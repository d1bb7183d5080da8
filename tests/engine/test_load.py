from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from headstart.engine import EngineError, TemplateError, load
from tests.engine.conftest import EngineMaker


@pytest.fixture
def broken(tiny_folder: Path, tmp_path: Path) -> Path:
    """A copy to be damaged."""
    return Path(shutil.copytree(tiny_folder, tmp_path / "broken"))


def no_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def garbage_config(folder: Path) -> None:
    (folder / "config.json").write_text("{")


def unknown_kind(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "nosuch"}')


def mistyped_config(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "hidden_size": "big"}))


def other_shape(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "intermediate_size": 64}))


def no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def cut_weights(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])


def no_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer_config.json").unlink()


def garbage_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{}")


@pytest.mark.parametrize(
    "damage",
    [
        no_config,
        garbage_config,
        unknown_kind,
        mistyped_config,
        other_shape,
        no_weights,
        cut_weights,
        no_tokenizer,
        garbage_tokenizer,
    ],
)
def test_a_damaged_model_is_one_clear_line(damage: Callable[[Path], None], broken: Path) -> None:
    damage(broken)
    with pytest.raises(EngineError) as failure:
        load(str(broken))
    assert str(broken) in str(failure.value)
    assert "\n" not in str(failure.value)


@pytest.mark.parametrize("name", ["/nowhere/at/all", "./nowhere", "~/nowhere"])
def test_a_missing_folder_is_named(name: str) -> None:
    with pytest.raises(EngineError, match=r"^no model at .*nowhere.*no such directory$"):
        load(name)


def test_a_file_is_not_a_model(tiny_folder: Path) -> None:
    with pytest.raises(EngineError, match="directory is needed"):
        load(str(tiny_folder / "config.json"))


def test_a_model_without_a_chat_template_is_refused(broken: Path) -> None:
    (broken / "chat_template.jinja").unlink()
    with pytest.raises(TemplateError, match="broken has no chat template"):
        load(str(broken))


def test_an_unknown_device_is_one_clear_line(tiny_folder: Path) -> None:
    with pytest.raises(EngineError, match=r"^device bogus: .*"):
        load(str(tiny_folder), device="bogus")


def test_an_unknown_dtype_is_one_clear_line(tiny_folder: Path) -> None:
    with pytest.raises(EngineError, match="dtype fp8 is not one of float32, bfloat16, float16"):
        load(str(tiny_folder), dtype="fp8")


def test_too_little_memory_tells_what_is_needed(tiny_folder: Path) -> None:
    with pytest.raises(EngineError) as failure:
        load(str(tiny_folder), cache_memory=2 * 16 * 512 - 1, chunk=16)
    assert str(2 * 16 * 512) in str(failure.value)
    assert "31 tokens" in str(failure.value)


def test_more_memory_than_there_is_tells_so(tiny_folder: Path) -> None:
    with pytest.raises(EngineError, match="bytes aside for KV"):
        load(str(tiny_folder), cache_memory=1 << 66)


def test_the_checkpoints_dtype_unless_told_otherwise(open_engine: EngineMaker) -> None:
    assert open_engine().info.dtype == "float32"
    engine = open_engine(dtype="bfloat16")
    assert engine.info.dtype == "bfloat16"
    assert engine.info.kv_bytes_per_token == 256
