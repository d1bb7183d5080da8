from __future__ import annotations

from itertools import product
from typing import get_args

from headstart.prompt import Kind, VolatileKind
from headstart.prompt.diff_shape import Shape
from headstart.prompt.remedies import remedy


def test_every_difference_has_one_sentence() -> None:
    for kind, shape, section in product([None, *VolatileKind], get_args(Shape), Kind):
        sentence = remedy(kind, shape, section)
        assert sentence[0].isupper()
        assert sentence.endswith(".")
        assert ". " not in sentence


def test_it_names_what_to_move() -> None:
    assert "timestamp" in remedy(VolatileKind.TIMESTAMP, "edit", Kind.SYSTEM)
    assert "sorted by name" in remedy(VolatileKind.TOOL_ORDER, "reorder", Kind.TOOL)
