from __future__ import annotations

from dataclasses import replace

import pytest

from headstart.prompt import Chain, Controls, Mark
from headstart.providers.granular import GranularEmulator
from headstart.providers.granular_unmarked import Unmarked
from headstart.providers.rows.qwen_implicit import ROWS
from headstart.providers.rules import Lifetime
from headstart.usage import Usage
from tests.providers.prompts import blocks, prompt, words


def made() -> Unmarked:
    """Two granular caches, of which the one for marked requests bills what it writes."""
    billed = replace(ROWS[0], lifetimes=(Lifetime(300, "write_5m"),))
    return Unmarked(
        GranularEmulator(billed, "m", count=words), GranularEmulator(ROWS[0], "m", count=words)
    )


def marked(count: int) -> Chain:
    return blocks(count, marks=[Mark(count - 1, 300.0)])


def test_a_request_uses_one_of_the_two() -> None:
    both = made()
    ticket = both.begin(marked(100), 0)
    assert ticket.lookup.usage == Usage(write_5m=1600)
    ticket.first_byte(0)
    assert both.peek(marked(100), 1).usage.read == 1600
    assert both.peek(blocks(100), 1).usage == Usage(fresh=1600)
    both.begin(blocks(100), 2).first_byte(2)
    assert both.peek(blocks(100), 3).usage.read == 1600
    assert both.entries == both.marked.entries + both.unmarked.entries == 2


@pytest.mark.parametrize("controls", [Controls(automatic=True), Controls(mode="implicit")])
def test_a_cache_option_counts_as_a_marker(controls: Controls) -> None:
    both = made()
    assert both.peek(blocks(100, controls=controls), 0).usage.written == 1600
    assert both.chain(prompt("a")).keys


def test_tickets_go_back_to_where_they_came_from() -> None:
    both = made()
    for chain in (marked(100), blocks(100)):
        both.begin(chain, 0).first_byte(0)
        ticket = both.begin(chain, 1)
        assert both.reconcile(ticket, Usage(fresh=1600)) is not None
        assert both.peek(chain, 2).usage.read == 0
    with pytest.raises(ValueError, match="another emulator"):
        both.reconcile(made().begin(blocks(1), 0), Usage())


def test_state_is_that_of_both_or_of_neither() -> None:
    both, again = made(), made()
    for chain in (marked(100), blocks(100)):
        both.begin(chain, 0).first_byte(0)
    again.load(both.save())
    assert [again.peek(c, 1).usage.read for c in (marked(100), blocks(100))] == [1600, 1600]
    other = Unmarked(made().marked, made().unmarked)
    other.unmarked = GranularEmulator(replace(ROWS[0], provider="x"), "m", count=words)
    for bad in (b"", b"\x01", other.save()):
        with pytest.raises(ValueError, match="state"):
            again.load(bad)
    assert [again.peek(c, 1).usage.read for c in (marked(100), blocks(100))] == [1600, 1600]
