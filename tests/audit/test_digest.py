from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.audit.digest import Digester
from headstart.audit.log import Gatherer, Log
from headstart.audit.options import Options
from headstart.audit.record import Blocks, Place, Record
from headstart.prompt import Prompt, Segment
from tests.audit.logs import Ask, log_of, prompt_of, record_of, texts_of

texts = st.text(st.sampled_from("abcde\n\U0001f600é"), min_size=1, max_size=600)
said = st.lists(st.sampled_from(["u1", "a1", "u2", "u" * 300]) | texts, max_size=6)
system = st.lists(st.sampled_from(["s1", "s" * 400]), max_size=2)
tools = st.lists(st.sampled_from(["{}", '{"name":"t"}']), max_size=2)
asks = st.lists(st.tuples(said, system, tools).map(lambda three: Ask(*three)), max_size=12)


@settings(deadline=None, max_examples=50)
@given(asks)
def test_prompts_come_out_as_they_went_in(asks: list[Ask]) -> None:
    log = log_of(asks)
    assert len(log.rows) == len(asks)
    for row, ask in zip(log.rows, asks, strict=True):
        assert texts_of(log, row.number) == [*ask.tools, *ask.system, *ask.said]
        faces = [log.segments.faces[number] for number in log.segments_of(row)]
        steps = [sum(face.step for face in faces[: i + 1]) - 1 for i in range(len(faces))]
        assert steps == [segment.message for segment in prompt_of(ask).segments]


def gathered(records: list[Record]) -> Log:
    digester, gatherer = Digester(Options()), Gatherer(Options())
    for record in records:
        gatherer.add(0, digester.digest(record))
    return gatherer.finish()


def copied(record: Record) -> Record:
    """The same of segments that nobody else has."""
    assert record.prompt is not None
    return replace(
        record,
        prompt=replace(
            record.prompt, segments=tuple(replace(one) for one in record.prompt.segments)
        ),
    )


segments = st.lists(
    st.sampled_from(
        [
            segment
            for ask in (
                Ask(["u1", "a1", "u2"], ["s"], ["{}"]),
                Ask(["u1", "u1", "a" * 500], ["s", "s2"]),
            )
            for segment in prompt_of(ask).segments
        ]
    ),
    max_size=8,
)
models = st.sampled_from([("anthropic", "claude-sonnet-4-6"), ("openai", "gpt-4.1")])


@settings(deadline=None)
@given(st.lists(st.tuples(segments, models), max_size=10))
def test_the_same_objects_are_numbered_as_equal_ones(
    given: list[tuple[list[Segment], tuple[str, str]]],
) -> None:
    records = [
        Record(
            Place("log", i + 1),
            provider=provider,
            model=model,
            time=2e9 + i,
            prompt=Prompt(model, tuple(segments)),
        )
        for i, (segments, (provider, model)) in enumerate(given)
    ]
    shared, apart = gathered(records), gathered([copied(record) for record in records])
    assert shared.segments.faces == apart.segments.faces
    assert shared.rows == apart.rows
    assert shared.trie.parent == apart.trie.parent


@given(st.lists(st.lists(st.integers(0, 1), min_size=1, max_size=6), max_size=12))
def test_equal_blocks_are_equal_segments_and_nothing_else_is(paths: list[list[int]]) -> None:
    asks = []
    for path in paths:
        # Ids stand for all that is before them; a last block of half the size ends each prompt.
        ids = tuple(bytes(path[: i + 1]) for i in range(len(path)))
        asks.append(Ask(blocks=Blocks(ids, 64, 64 * len(path) - 32)))
    log = log_of(asks)
    faces = log.segments.faces
    for row, path in zip(log.rows, paths, strict=True):
        numbers = log.segments_of(row)
        assert [faces[number].tokens for number in numbers] == [64] * (len(path) - 1) + [32]
        for other, others in zip(log.rows, paths, strict=True):
            whole = min(len(path), len(others)) - 1
            same = [a == b for a, b in zip(numbers[:whole], log.segments_of(other), strict=False)]
            assert same == [path[: i + 1] == others[: i + 1] for i in range(whole)]


def test_a_record_of_usage_alone_has_no_prompt() -> None:
    record = replace(record_of(Ask(["u"]), 0), prompt=None)
    assert gathered([record]).rows[0].node == 0
