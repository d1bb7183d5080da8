from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.audit.causes import Found
from headstart.audit.families import NEARLY, Families
from headstart.audit.world import World
from tests.audit.logs import LONG, Ask, world_of

said = st.lists(st.sampled_from(["u1", "a1", "u2"]), max_size=4)
asks = st.lists(
    st.tuples(said, st.lists(st.sampled_from(["s1", "s2"]), max_size=3)).map(
        lambda pair: Ask(pair[0], ["You help.", *pair[1]])
    ),
    min_size=1,
    max_size=20,
)


def families_of(world: World) -> Families:
    return Families(world, Found(world.log.segments), [0] * len(world.log.rows))


def stable(paths: list[list[int]], tokens: dict[int, int]) -> int:
    """Of the path that nearly all have, prompt by prompt."""
    found, at, total = 0, 0, len(paths)
    while counts := Counter(path[at] for path in paths if len(path) > at):
        number, count = counts.most_common(1)[0]
        if count < NEARLY * total:
            break
        paths = [path for path in paths if len(path) > at and path[at] == number]
        found, at = found + tokens[number], at + 1
    return found


@settings(deadline=None)
@given(asks)
def test_one_family_its_stable_tokens_and_its_versions(asks: list[Ask]) -> None:
    world = world_of(asks)
    faces = world.log.segments.faces
    paths = [world.log.segments_of(row) for row in world.log.rows]
    [family] = families_of(world).told()
    tokens = [sum(faces[number].tokens for number in path) for path in paths]
    assert family.requests == len(asks)
    assert family.versions == len({tuple(ask.system) for ask in asks})
    assert family.stable + family.dynamic == sum(tokens) // len(paths)
    expected = stable(paths, {n: face.tokens for n, face in enumerate(faces)})
    assert family.stable == min(expected, sum(tokens) // len(paths))


@settings(deadline=None)
@given(asks)
def test_branches_hold_the_requests_that_go_through_them(asks: list[Ask]) -> None:
    world = world_of(asks)
    [family] = families_of(world).told()
    for number, branch in enumerate(family.tree):
        assert branch.parent < number
        above = family.tree[branch.parent].requests if branch.parent >= 0 else len(asks)
        below = [one for one in family.tree if one.parent == branch.parent]
        assert sum(one.requests for one in below) <= above
        assert 0 < branch.stability <= 1
    ends = Counter(tuple(world.log.segments_of(row)) for row in world.log.rows)
    widest = max(count for count in ends.values())
    assert family.tree[0].requests >= widest


def test_other_beginnings_are_other_families_the_biggest_first() -> None:
    asks = [Ask(["u"], [f"{name} {LONG}"]) for name in ("A", "B", "B", "B", "A", "C")]
    world = world_of(asks)
    families = families_of(world)
    assert [family.requests for family in families.told()] == [3, 2, 1]
    names = [families.name_of(row.number) for row in world.log.rows]
    assert names == [f"family {n}" for n in (2, 1, 1, 1, 2, 3)]
    assert families.average(1) == world.counted[world.log.rows[1].node]
