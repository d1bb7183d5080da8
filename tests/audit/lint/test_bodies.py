"""Bodies out of files: whole, by line, wrapped, and templates."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from headstart.audit.lint.bodies import Body, bodies, parsable
from headstart.audit.lint.finding import Problem

CHAT = b'{"messages": [{"role": "user", "content": "Hi"}]}'


def read(data: bytes, language: str = "json") -> list[Body | Problem]:
    return list(bodies("x", data, language))  # type: ignore[arg-type]


def test_one_body_and_one_a_line() -> None:
    assert [one.start for one in read(CHAT) if isinstance(one, Body)] == [0]
    lines = read(CHAT + b"\n\n" + CHAT + b"\n", "jsonl")
    assert [one.start for one in lines if isinstance(one, Body)] == [0, len(CHAT) + 2]
    assert len(read(CHAT + b"\n" + CHAT)) == 2  # by its content, whatever it is called


def test_batch_lines() -> None:
    (found,) = read(b'{"custom_id": "1", "body": ' + CHAT + b"}")
    assert isinstance(found, Body)
    assert (found.path, found.body, found.start) == ("body", CHAT, 27)


def test_broken_lines_are_told_with_their_numbers() -> None:
    found = read(CHAT + b"\n{broken\n" + CHAT, "jsonl")
    assert [type(one) for one in found] == [Body, Problem, Body]
    assert isinstance(found[1], Problem)
    assert found[1].line == 2
    assert not found[1].skipped


def test_json_that_is_no_request_is_skipped() -> None:
    (found,) = read(b'{"name": "package"}')
    assert isinstance(found, Problem)
    assert found.skipped


def test_a_key_that_stands_twice_is_refused() -> None:
    (found,) = read(b'{"messages": [], "messages": []}')
    assert isinstance(found, Problem)
    assert "twice" in found.message


def test_templates_keep_every_place() -> None:
    text = b'{"messages": {{ messages }}, {% if x %}"n": {n}{% endif %}, "s": "{{ a }}"}'
    made = parsable(text)
    assert len(made) == len(text)
    assert json.loads(made) == {"messages": "{ messages }", "n": "n", "s": "{{ a }}"}
    doubled = b'{{\n"messages": [{{"role": "user", "content": "{question}"}}]}}'
    assert json.loads(parsable(doubled))["messages"][0]["content"] == "{question}"


@given(
    st.recursive(
        st.integers() | st.text() | st.booleans(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
        max_leaves=10,
    )
)
def test_json_is_its_own_template(value: object) -> None:
    data = json.dumps({"messages": value}).encode()
    assert parsable(data) == data
