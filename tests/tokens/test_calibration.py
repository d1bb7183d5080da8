from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.tokens import Calibration
from headstart.tokens.calibration import FURTHEST, MOST_MODELS


def test_an_unseen_model_is_left_alone() -> None:
    calibration = Calibration()
    assert calibration.ratio("m") == 1.0
    assert calibration.error("m") is None


def test_it_learns_the_ratio_and_states_its_error() -> None:
    calibration = Calibration()
    calibration.saw("m", 1_000, 1_250)
    assert calibration.ratio("m") == pytest.approx(1.25)
    assert calibration.error("m") == pytest.approx(0.2)
    for _ in range(300):
        calibration.saw("m", 1_000, 1_250)
    assert calibration.error("m") == pytest.approx(0, abs=0.001)


def test_a_tokenizer_that_changes_is_followed() -> None:
    calibration = Calibration()
    for _ in range(500):
        calibration.saw("m", 1_000, 1_000)
    for _ in range(50):
        calibration.saw("m", 1_000, 1_300)
    assert calibration.ratio("m") == pytest.approx(1.15, abs=0.01)


@pytest.mark.parametrize(("estimated", "actual"), [(99, 99), (1_000, 4_001), (1_000, 249), (0, 0)])
def test_what_can_not_be_the_same_prompt_teaches_nothing(estimated: int, actual: int) -> None:
    calibration = Calibration()
    calibration.saw("m", estimated, actual)
    assert calibration.save() == {}


def test_models_are_bounded_the_least_recent_goes() -> None:
    calibration = Calibration()
    for i in range(MOST_MODELS + 10):
        calibration.saw("kept", 1_000, 2_000)
        calibration.saw(f"m{i}", 1_000, 1_100)
    assert len(calibration.save()) == MOST_MODELS
    assert calibration.ratio("kept") == pytest.approx(2)
    assert calibration.ratio("m0") == 1.0


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(100, 10**6), st.floats(0.3, 3.9))))
def test_it_survives_a_save(seen: list[tuple[str, int, float]]) -> None:
    calibration = Calibration()
    for model, estimated, factor in seen:
        calibration.saw(model, estimated, round(estimated * factor))
    again = Calibration.load(json.loads(json.dumps(calibration.save())))
    for model in "abc":
        assert again.ratio(model) == calibration.ratio(model)
        assert again.error(model) == calibration.error(model)
        assert 1 / FURTHEST <= again.ratio(model) <= FURTHEST


@pytest.mark.parametrize(
    "sums", [None, 3, [1, 2], [0, 0, 0], [1, 1, "x"], [1, 9, 0], [1, -1, 0], [float("nan")] * 3]
)
def test_a_damaged_save_names_the_model(sums: object) -> None:
    with pytest.raises(ValueError, match="calibration of 'openai/x'"):
        Calibration.load({"openai/x": sums})
