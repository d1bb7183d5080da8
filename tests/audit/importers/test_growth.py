from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from headstart.audit.importers.growth import BLOCK, NOTHING, blocks_of, grown
from headstart.usage import Usage

calls = st.lists(st.tuples(st.integers(0, 5000), st.floats(0, 1), st.booleans()), max_size=10)


@given(calls)
def test_prompts_share_no_more_than_they_may_and_hold_their_tokens(
    given: list[tuple[int, float, bool]],
) -> None:
    before = NOTHING
    for number, (tokens, share, cut) in enumerate(given):
        read = int(tokens * share)
        prompt = grown(before, Usage(tokens - read, read), f"r{number}", cut=cut)
        shared = 0
        while shared < min(len(prompt.ids), len(before.ids)):
            if prompt.ids[shared] != before.ids[shared]:
                break
            shared += 1
        assert not set(prompt.ids[shared:]) & set(before.ids)
        if not cut and tokens >= before.tokens:
            assert shared == before.tokens // BLOCK
        else:
            assert shared == min(read, before.tokens) // BLOCK
        blocks = blocks_of(prompt)
        assert (blocks is None) == (tokens == 0)
        if blocks is not None:
            assert (len(blocks.ids) - 1) * BLOCK < blocks.tokens == tokens
            assert tokens <= len(blocks.ids) * BLOCK
        before = prompt


def test_a_count_that_nobody_can_believe_gives_no_blocks() -> None:
    assert blocks_of(grown(NOTHING, Usage(2**50), "r")) is None
