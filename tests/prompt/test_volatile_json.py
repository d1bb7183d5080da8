from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from headstart.prompt import VolatileKind
from headstart.prompt.volatile_json import json_difference

_KEYS = st.text(st.characters(exclude_characters="[]{}"), max_size=3)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | _KEYS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=10,
)
_OBJECTS = st.dictionaries(_KEYS, _VALUES, min_size=3, max_size=5)


def differ(a: str, b: str) -> VolatileKind | None:
    at = next(i for i in range(len(a) + 1) if a[: i + 1] != b[: i + 1])
    return json_difference(a, b, at)


def shuffled(value: Any, rng: random.Random) -> Any:
    if isinstance(value, dict):
        return {key: shuffled(value[key], rng) for key in rng.sample(list(value), len(value))}
    return [shuffled(item, rng) for item in value] if isinstance(value, list) else value


@given(_OBJECTS, st.randoms(), st.text(st.sampled_from("ab {[")), st.text(st.sampled_from("ab }]")))
def test_keys_in_another_order(value: Any, rng: random.Random, head: str, tail: str) -> None:
    a, b = json.dumps(value), json.dumps(shuffled(value, rng))
    assume(a != b)
    assert differ(head + a + tail, head + b + tail) == VolatileKind.KEY_ORDER


@given(_VALUES, _VALUES)
def test_other_content_is_no_order(one: Any, two: Any) -> None:
    a, b = json.dumps([one, "x"]), json.dumps([two, "y"])
    assert differ(a, b) is None


TOOLS = '[{"name":"%s","input_schema":{}},{"name":"%s","input_schema":{}}]'


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ('{"a":1.0}', '{"a":1}', "number_format"),
        ('{"a":1e2,"b":0}', '{"b":0,"a":100}', "number_format"),
        ("[1,2,3]", "[3,1,2]", "example_order"),
        (TOOLS % ("x", "y"), TOOLS % ("y", "x"), "tool_order"),
        (
            '{"tools":%s}' % (TOOLS % ("x", "y")),
            '{"tools":%s}' % (TOOLS % ("y", "x")),
            "tool_order",
        ),
        ('{"a":1,"a":2}', '{"a":2,"a":1}', None),
        ('{"a":1,"a":2}', '{"a":2}', None),
        ("[true]", "[1]", None),
        ('{"a":1}x', '{"a":1.0}y', None),
        ('{"a": 1', '{"a": 1.0', None),
    ],
)
def test_forms_of_one_value(a: str, b: str, expected: str | None) -> None:
    assert differ(a, b) == expected


def test_after_many_siblings() -> None:
    siblings = '{"q":"[","n":[1]},' * 40
    assert differ(f'[{siblings}{{"a":1,"b":2}}]', f'[{siblings}{{"b":2,"a":1}}]') == "key_order"


@pytest.mark.parametrize("key", ["]", "}", "{", "[{", "}]"])
def test_brackets_in_strings(key: str) -> None:
    a, b = {key: "}", "x": 1, "y": 2}, {key: "}", "y": 2, "x": 1}
    assert differ(json.dumps(a), json.dumps(b)) == VolatileKind.KEY_ORDER


def test_json_nested_too_deep_is_not_read() -> None:
    deep = "[" * 100_000 + '{"a":%s}' + "]" * 100_000
    assert differ(deep % "1", deep % "2") is None
