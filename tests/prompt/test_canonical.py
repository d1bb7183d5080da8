from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.prompt import canonical_json

_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False).filter(lambda number: abs(number) != float("inf"))
    | st.text()
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(_VALUES)
def test_spelling_does_not_matter(value: object) -> None:
    text = canonical_json(value)
    assert canonical_json(json.loads(json.dumps(value, indent=3, ensure_ascii=True))) == text
    assert json.loads(text) == value


def test_order_of_keys_matters() -> None:
    assert canonical_json({"b": 1, "a": "ä"}) == '{"b":1,"a":"ä"}'
    assert canonical_json({"a": "ä", "b": 1}) != canonical_json({"b": 1, "a": "ä"})


def test_what_json_cannot_say_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json(float("nan"))
