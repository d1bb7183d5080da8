from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from headstart.kv.identity import position_settings, weights_digest


def test_names_and_bytes_of_all_weight_files_count(tmp_path: Path) -> None:
    file = tmp_path / "model-1.safetensors"
    file.write_bytes(b"one")
    first = weights_digest(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    assert weights_digest(tmp_path) == first
    (tmp_path / "model-2.safetensors").write_bytes(b"two")
    assert weights_digest(tmp_path) != first
    (tmp_path / "model-2.safetensors").unlink()
    file.rename(tmp_path / "model-3.safetensors")
    assert weights_digest(tmp_path) != first


def test_a_folder_without_weights_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no weight files"):
        weights_digest(tmp_path)


def test_positions_are_the_same_text_whatever_the_order_of_keys() -> None:
    one = SimpleNamespace(rope_parameters={"rope_type": "default", "rope_theta": 1e5})
    two = SimpleNamespace(rope_parameters={"rope_theta": 1e5, "rope_type": "default"})
    assert position_settings(one) == position_settings(two)
    other = SimpleNamespace(rope_parameters={"rope_theta": 1e6, "rope_type": "default"})
    assert position_settings(other) != position_settings(one)
