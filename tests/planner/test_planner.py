"""Plans on generated traffic, before an emulated provider."""

from __future__ import annotations

from bisect import bisect_right

from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.planner import Key, Outcome, Plan, Reason, TrafficPlanner
from headstart.prompt import Chain, Mark
from tests.planner.conftest import KEY, MODEL, RULES, World

CREDIT = 3_000.0

STEP = st.tuples(
    st.integers(0, 3),  # which conversation
    st.sampled_from(["grow", "repeat", "new", "edit"]),
    st.integers(1, 40),  # blocks
    st.sampled_from([0.0, 1.0, 30.0, 290.0, 310.0, 3000.0, 3700.0, 100_000.0]),
    st.booleans(),
)


def drive(world: World, steps: list[tuple[int, str, int, float, bool]]) -> None:
    """Conversations that grow, repeat, start anew, or change early in their text."""
    talks: dict[int, list[str]] = {}
    now = 0.0
    for number, (who, what, size, pause, tool) in enumerate(steps):
        now += pause
        talk = talks.setdefault(who, ["shared", "shared too"])
        if what == "new":
            talk[2:] = []
        if what == "edit":
            talk[1:2] = [f"edited {number}"]
        if what != "repeat":
            talk += [f"{number}/{i}" for i in range(size)]
        inputs = ("tool_result",) if tool else ("text",)
        world.ask(talk, now, inputs=inputs, system=2)


def legal(plan: Plan) -> bool:
    """At most four, in order, an hour before five minutes."""
    marks = plan.placements
    ttls = [mark.ttl for mark in marks]
    return (
        len(marks) <= RULES.most_markers
        and [mark.segment for mark in marks] == sorted({mark.segment for mark in marks})
        and ttls == sorted(ttls, reverse=True)
        and set(ttls) <= {300.0, 3600.0}
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(STEP, max_size=60))
def test_plans_are_legal_and_cost_what_they_say_and_stay_within_the_budget(
    steps: list[tuple[int, str, int, float, bool]],
) -> None:
    world = World(TrafficPlanner(credit=CREDIT))
    drive(world, steps)
    assert all(legal(plan) for plan in world.plans)
    assert sum(plan.expected_cost for plan in world.plans) == world.spent
    assert world.spent <= 1.01 * world.uncached + CREDIT + 1e-6


@settings(max_examples=15, deadline=None)
@given(st.lists(STEP, max_size=40))
def test_the_same_traffic_gets_the_same_plans(
    steps: list[tuple[int, str, int, float, bool]],
) -> None:
    one, two = World(TrafficPlanner()), World(TrafficPlanner())
    drive(one, steps)
    drive(two, steps)
    assert one.plans == two.plans


def test_a_first_prompt_is_written_and_the_second_reads_it(world: World) -> None:
    blocks = [f"b{i}" for i in range(20)]
    assert world.ask(blocks, 0.0).reason is Reason.SHORT
    plan = world.ask([*blocks, "answer", "question"], 20.0)
    assert plan.predicted.read == 20 * 512


def test_an_entry_beyond_the_lookback_is_still_found(world: World) -> None:
    blocks = [f"b{i}" for i in range(20)]
    world.ask(blocks, 0.0)
    blocks += [f"c{i}" for i in range(60)]
    assert world.ask(blocks, 20.0).predicted.read == 20 * 512


def test_an_hour_is_asked_for_once_pauses_are_long(world: World) -> None:
    now, reasons = 0.0, set()
    for talk in range(6):
        blocks = [f"{talk}/{i}" for i in range(60)]
        for call in range(12):
            blocks += [f"{talk}/{call}/{i}" for i in range(2)]
            reasons.add(world.ask(blocks, now).reason)
            now += 1200.0 if call % 2 else 20.0
        now += 50_000.0
    assert reasons & {Reason.MIXED, Reason.LONG}
    assert world.spent < 0.6 * world.uncached


def test_writing_stops_on_traffic_that_never_comes_back() -> None:
    world = World(TrafficPlanner())
    for number in range(600):
        world.ask([f"{number}/{i}" for i in range(40)], number * 20.0)
    last = world.plans[-100:]
    assert sum(plan.predicted.written > 0 for plan in last) == 0
    assert world.spent <= 1.01 * world.uncached


def test_a_used_up_credit_says_so() -> None:
    world = World(TrafficPlanner(credit=0.0))
    assert world.ask([f"{i}" for i in range(40)], 0.0).reason is Reason.BUDGET


def test_a_clients_own_directives_are_left_alone_unless_we_own_them() -> None:
    blocks, marks = [f"b{i}" for i in range(20)], (Mark(19, 300.0),)
    plan = World(TrafficPlanner()).ask(blocks, 0.0, marks=marks)
    assert (plan.reason, plan.placements, plan.strip) == (Reason.CLIENT, (), False)
    assert plan.predicted.write_5m == 20 * 512
    plan = World(TrafficPlanner(), mode="own").ask(blocks, 0.0, marks=marks)
    assert plan.strip
    assert plan.placements


def test_observing_changes_nothing_and_says_what_it_would_do() -> None:
    plan = World(TrafficPlanner(), mode="observe").ask([f"b{i}" for i in range(20)], 0.0)
    assert (plan.placements, plan.strip, plan.predicted.fresh) == ((), False, 20 * 512)
    assert plan.advice


def test_off_does_not_even_look() -> None:
    world = World(TrafficPlanner(), mode="off")
    plan = world.ask(["a"], 0.0)
    assert (plan.reason, plan.serial) == (Reason.OFF, 0)


def test_short_prompts_are_not_marked(world: World) -> None:
    assert world.ask(["a"], 0.0).reason is Reason.TOO_SHORT


def test_a_failed_request_is_not_counted_on(world: World) -> None:
    blocks = [f"b{i}" for i in range(20)]
    plan = world.ask(blocks, 0.0, ok=False)
    assert world.planner._budgets.of(KEY).debt == 0
    assert world.planner.settle(plan, Outcome(None, None, 0.0, 1.0)) is None
    assert world.ask(blocks, 5.0).predicted.read == 0


def test_a_clock_that_goes_back_is_held(world: World) -> None:
    blocks = [f"b{i}" for i in range(20)]
    world.ask(blocks, 1000.0)
    assert world.ask(blocks, 500.0).predicted.read >= 0


def test_a_ping_goes_out_when_due_and_not_after_the_next_request() -> None:
    """Most pauses after a turn's end take one minute, the rest seven."""
    world = World(TrafficPlanner(), ping_output=1)
    now = 0.0
    for talk in range(60):
        blocks = [f"{talk}/{i}" for i in range(120)]
        world.wakes.clear()
        world.ask(blocks, now)
        if world.wakes and talk > 40:
            break
        pause = 60.0 if talk % 5 else 420.0
        world.ask([*blocks, "next"], now + pause, inputs=("tool_result",), stop="stop")
        now += 200_000.0
    wake = world.wakes[0]
    assert world.planner.due(wake, wake.at)
    again = world.planner.pinged(wake, Outcome(None, None, wake.at, wake.at + 1))
    assert again is not None
    assert (again.pings, again.at) == (1, wake.at + 285.0)
    world.ask([*blocks, "next"], wake.at + 20)
    assert not world.planner.due(again, again.at)
    assert world.planner.pinged(again, Outcome(None, None, again.at, again.at)) is None


def test_one_tenants_prompts_say_nothing_of_anothers() -> None:
    """Not what is cached, nor whose pause is over."""
    planner, blocks = TrafficPlanner(), [f"b{i}" for i in range(20)]
    mine, theirs = World(planner), World(planner)
    first = mine.ask(blocks, 0.0)
    other = theirs.ask(blocks, 20.0, key=Key("other", "upstream", MODEL))
    assert other.predicted == first.predicted
    assert other.placements == first.placements
    assert mine.ask(blocks, 30.0).predicted.read == 20 * 512


def test_memory_is_bounded() -> None:
    planner = TrafficPlanner()
    memory = planner._memory
    memory.episodes._limit = memory.held._limit = 200
    planner._budgets._limit = 10
    planner._keepalive._limit = 5
    planner._keepalive._pauses._limit = 200
    memory._classes._limit = 30
    world = World(planner, ping_output=1)
    for number in range(400):
        key = Key(f"tenant {number % 25}", "upstream", "model")
        world.ask([f"{number}/{i}" for i in range(8)], number * 5.0, key=key)
    assert len(memory.episodes) <= 200
    assert memory.episodes._queued <= 2 * 200
    assert len(memory.held) <= 200
    assert len(memory._classes) <= 30
    assert len(planner._budgets) <= 10
    assert len(planner._keepalive) <= 5
    assert len(planner._pending) == 0


def test_header_names_places_and_lifetimes(world: World) -> None:
    plan = world.ask([f"b{i}" for i in range(20)], 0.0)
    reason, _, places = plan.header.partition(";")
    assert reason == plan.reason
    at = [int(place.partition(":")[0]) for place in places.split(",")]
    assert bisect_right(at, 19) == len(at)


def test_chain_of_one_block_without_places() -> None:
    world = World(TrafficPlanner())
    request = world.request(Chain.of_blocks("m", [], 512), 0.0)
    assert world.planner.plan(request, 0.0).placements == ()
