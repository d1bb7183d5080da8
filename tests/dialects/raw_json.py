"""JSON as clients write it: any whitespace, escapes, odd numbers, keys that stand twice."""

from __future__ import annotations

from hypothesis import strategies as st

space = st.sampled_from(["", "", "", " ", "\n", "\t", "\r\n  "])
number = st.sampled_from(["0", "-0", "-0.0", "1.0", "1E5", "1e400", "-1e-400", "1" * 40, "0.10"])
odd = st.sampled_from(
    [r"\u0041", r"\ud83d\ude00", r"\/", r"\"", r"\\", "é", "😀", "\u2028", "\x7f", "]", "}", ",",
     ":", "cache_control", "cachePoint", r"\"cache_control\":", "{", "["]
)  # fmt: skip
plain = st.text("abz é世", max_size=4)


@st.composite
def string(draw: st.DrawFn) -> str:
    """A string literal."""
    return '"' + "".join(draw(st.lists(plain | odd, max_size=4))) + '"'


@st.composite
def array(draw: st.DrawFn, item: st.SearchStrategy[str], least: int = 0) -> str:
    """An array of what ``item`` draws."""
    items = draw(st.lists(item, min_size=least, max_size=3))
    padded = [draw(space) + one + draw(space) for one in items]
    return "[" + (",".join(padded) or draw(space)) + "]"


@st.composite
def an_object(draw: st.DrawFn, value: st.SearchStrategy[str]) -> str:
    """An object whose keys may stand twice."""
    items = draw(st.lists(st.tuples(string(), value), max_size=3))
    return joined(draw, items)


def joined(draw: st.DrawFn, items: list[tuple[str, str]]) -> str:
    """An object of these key literals and values, padded."""
    padded = [draw(space) + key + draw(space) + ":" + draw(space) + value + draw(space)
              for key, value in items]  # fmt: skip
    return "{" + (",".join(padded) or draw(space)) + "}"


@st.composite
def fields(draw: st.DrawFn, given: dict[str, st.SearchStrategy[str]]) -> str:
    """An object with these members and a few unknown ones, in any order; keys written
    plainly or with an escape."""
    items = [(key, draw(value)) for key, value in given.items()]
    extra = draw(st.lists(st.tuples(st.sampled_from(["x", "y ", "é"]), values), max_size=2,
                          unique_by=lambda item: item[0]))  # fmt: skip
    shuffled = draw(st.permutations([*items, *extra]))
    return joined(draw, [(_key(draw, key), value) for key, value in shuffled])


def _key(draw: st.DrawFn, key: str) -> str:
    if draw(st.integers(0, 9)) == 0:
        return '"' + "".join(f"\\u{ord(letter):04x}" for letter in key) + '"'
    return f'"{key}"'


scalar = string() | number | st.sampled_from(["true", "false", "null"])
values = st.recursive(scalar, lambda inner: array(inner) | an_object(inner), max_leaves=6)
deep = st.integers(1, 60).map(lambda n: '[{"a":' * n + "1" + "}]" * n)
anything = values | deep
