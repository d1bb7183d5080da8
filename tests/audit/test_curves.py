from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.audit.curves import CAPACITY, TTLS, _workload, curves_of
from headstart.audit.record import Blocks
from headstart.audit.replay import Replay
from headstart.prefix.beginning import equal_beginning
from tests.audit.logs import LONG, Ask, world_of

ALIKE = ["u" + LONG, "u" + LONG[:3000], "u" + LONG[:3000] + "otherwise \n" * 400]
said = st.lists(st.sampled_from(["u1", "a1", *ALIKE]), max_size=4)
asks = st.lists(
    st.tuples(said, st.sampled_from([LONG, "s " + LONG]), st.sampled_from([0.0, 20.0, 900.0])),
    max_size=10,
)


@settings(deadline=None, max_examples=50)
@given(asks)
def test_blocks_are_shared_as_far_as_segments_are(
    given: list[tuple[list[str], str, float]],
) -> None:
    now, drawn = 0.0, []
    for said, system, gap in given:
        now += gap
        drawn.append(Ask(said, [system], time=now))
    world = world_of(drawn)
    workload = _workload(world, Replay(world).run(world.log.rows).input)
    faces = world.log.segments.faces
    paths = [world.log.segments_of(row) for row in world.log.rows]
    for call, path in zip(workload.calls, paths, strict=True):
        assert call.tokens == sum(faces[number].tokens for number in path)
        assert len(call.blocks) == call.tokens // 128
        for other, others in zip(workload.calls, paths, strict=True):
            shared = path[: equal_beginning(path, others)]
            whole = sum(faces[number].tokens for number in shared) // 128
            assert call.blocks[:whole] == other.blocks[:whole]
            if not shared:
                assert not {*call.blocks} & {*other.blocks}
    assert workload.footprint == len({block for call in workload.calls for block in call.blocks})


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.tuples(st.lists(st.integers(0, 1), max_size=5), st.integers(0, 4000)), max_size=15)
)
def test_every_lifetime_hits_what_a_memory_of_that_age_has(
    given: list[tuple[list[int], int]],
) -> None:
    now, asks = 0.0, []
    for path, gap in given:
        now += gap
        path = [2, *path]
        ids = tuple(bytes(path[: i + 1]) for i in range(len(path)))
        asks.append(Ask(blocks=Blocks(ids, 128, 128 * len(path)), time=now))
    world = world_of(asks)
    base = Replay(world).run(world.log.rows)
    curves = curves_of(world, base.input)
    if not asks:
        assert curves == ()
        return
    ttl, capacity = curves
    assert (ttl.name, capacity.name) == ("ttl", CAPACITY)
    total = sum(len(ask.blocks.ids) for ask in asks if ask.blocks)
    for life, rate in zip([*TTLS, float("inf")], ttl.hit_rate, strict=True):
        used: dict[bytes, float] = {}
        hits = 0
        for ask in asks:
            assert ask.blocks is not None
            assert ask.time is not None
            for block in ask.blocks.ids:
                hits += block in used and ask.time - used[block] <= life
                used[block] = ask.time
        assert abs(rate - hits / total) < 1e-9
    assert max(capacity.hit_rate, default=0.0) <= ttl.hit_rate[-1] + 1e-9
