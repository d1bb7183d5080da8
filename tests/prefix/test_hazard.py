from __future__ import annotations

import random

import pytest

from headstart.prefix.hazard import BINS, FEATURES, Hazards, bin_of, end_of, kind_of

QUICK, SLOW = (1, 1, 1, 0), (5, 1, 1, 0)


def test_a_kind_is_one_number_for_each_combination() -> None:
    kinds = {
        kind_of((a, b, c, d))
        for a in range(FEATURES[0])
        for b in range(FEATURES[1])
        for c in range(FEATURES[2])
        for d in range(FEATURES[3])
    }
    assert kinds == set(range(len(kinds)))
    assert kind_of((999, 999, 999, 999)) == max(kinds)


@pytest.mark.parametrize("age", [0.0, 0.05, 0.0625, 0.5, 1.0, 59.9, 60.0, 3600.0, 1e9])
def test_an_age_lies_within_its_bin(age: float) -> None:
    number = bin_of(age)
    assert 0 <= number < BINS
    assert age < end_of(number)
    assert number == 0 or end_of(number - 1) <= age


def test_what_comes_back_soon_is_worth_more_until_it_is_late() -> None:
    rng = random.Random(1)
    hazards = Hazards()
    for _ in range(500):
        hazards.used(kind_of(QUICK), rng.uniform(2, 6))
        hazards.used(kind_of(SLOW), rng.uniform(100, 300))
    hazards.fit(iter(()))
    quick, slow = kind_of(QUICK), kind_of(SLOW)
    assert hazards.value(quick, bin_of(1)) > 5 * hazards.value(slow, bin_of(1))
    assert hazards.value(quick, bin_of(60)) < hazards.value(slow, bin_of(60))
    assert hazards.value(slow, bin_of(100)) > hazards.value(slow, bin_of(1))


def test_what_waits_to_this_day_counts_as_not_come_back() -> None:
    hazards = Hazards()
    for _ in range(100):
        hazards.used(kind_of(QUICK), 4.0)
    hazards.fit(iter(()))
    alone = hazards.value(kind_of(QUICK), bin_of(1))
    hazards.fit((kind_of(QUICK), 500.0) for _ in range(900))
    assert hazards.value(kind_of(QUICK), bin_of(1)) < alone / 3


def test_a_rare_kind_is_expected_to_do_what_its_features_do() -> None:
    hazards = Hazards()
    for turn in (1, 2):
        for _ in range(300):
            hazards.used(kind_of((1, turn, 0, 0)), 4.0)
            hazards.used(kind_of((1, turn, 3, 0)), 4000.0)
    hazards.used(kind_of((1, 3, 0, 0)), 4.0)
    hazards.used(kind_of((1, 3, 3, 0)), 4000.0)
    hazards.fit(iter(()))
    few, many = (hazards.value(kind_of((1, 3, fresh, 0)), bin_of(2)) for fresh in (3, 0))
    assert many > 3 * few


def test_an_unknown_kind_has_a_value_before_any_fit_and_it_falls_with_age() -> None:
    hazards = Hazards()
    values = [hazards.value(None, number) for number in range(1, BINS - 1)]
    assert values == sorted(values, reverse=True)
    assert values[-1] > 0
