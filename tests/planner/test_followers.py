"""Who waits for whom: against a naive twin, and one rule at a time."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from headstart.planner import Followers, Key, Runner
from headstart.planner.followers import MOST_KEYS, MOST_WAIT
from headstart.planner.shares import Prefix
from tests.planner.naive_followers import NaiveFollowers

KEYS = [Key("a", "up", "m"), Key("b", "up", "m")]


def prefix(key: Key, name: str) -> Prefix:
    """A path of letters: what begins with it shares it."""
    return (key, "", name.encode()), 1000 * len(name)


def runner(name: str, *, key: Key = KEYS[0], leads: bool = True, read: int = 0) -> Runner:
    """Writes the prefixes of a path that are longer than ``read`` letters."""
    parts = tuple(prefix(key, name[:size]) for size in range(len(name), read, -1))
    return Runner(key, parts, parts, leads)


def taught(*seconds: float, key: Key = KEYS[0]) -> Followers:
    """These times to first byte were seen, by the tenth second."""
    followers, now = Followers(), 0.0
    for second in seconds:
        seat = followers.arrive(runner("warm", key=key), now)
        now += second
        assert followers.began(seat.serial, now) == []
    assert now <= 10.0
    return followers


class Machine(RuleBasedStateMachine):
    """Requests come, begin, fail and run out of time in any order."""

    @initialize()
    def begin(self) -> None:
        self.now = 0.0
        self.real = Followers()
        self.twin = NaiveFollowers()
        self.came: dict[int, float] = {}
        self.limits: dict[int, float] = {}
        self.waiting: dict[int, float] = {}
        self.going: set[int] = set()

    @rule(
        name=st.sampled_from(["a", "ab", "abc", "abd", "x", "xy"]),
        key=st.sampled_from(KEYS),
        leads=st.booleans(),
        read=st.integers(0, 1),
    )
    def arrive(self, name: str, key: Key, leads: bool, read: int) -> None:
        asked = runner(name, key=key, leads=leads, read=min(read, len(name) - 1))
        limit = self.real.limit(key)
        assert limit == self.twin.limit(key)
        seat = self.real.arrive(asked, self.now)
        assert seat.until == self.twin.arrive(seat.serial, asked, self.now)
        if seat.until is None:
            self.going.add(seat.serial)
        else:
            assert seat.until <= self.now + min(MOST_WAIT, limit)
            self.waiting[seat.serial] = seat.until

    @rule(seconds=st.floats(0, 3))
    def pass_time(self, seconds: float) -> None:
        """Whoever's time is up in between goes at that time."""
        end = self.now + seconds
        due = sorted((until, serial) for serial, until in self.waiting.items() if until <= end)
        for until, serial in due:
            self.now = until
            self.real.expire(serial, until)
            self.twin.expire(serial, until)
            self.release([serial])
        self.now = end

    def release(self, serials: list[int]) -> None:
        for serial in serials:
            assert self.waiting.pop(serial) >= self.now, "held too long"
            assert serial not in self.going, "released twice"
            self.going.add(serial)

    @precondition(lambda self: self.going)
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        serial = data.draw(st.sampled_from(sorted(self.going)))
        self.going.discard(serial)
        released = self.real.began(serial, self.now)
        assert released == self.twin.began(serial, self.now)
        self.release(released)
        assert self.real.gone(serial, self.now) == [], "its end, after its first byte"

    @precondition(lambda self: self.going or self.waiting)
    @rule(data=st.data())
    def fail_or_leave(self, data: st.DataObject) -> None:
        serial = data.draw(st.sampled_from(sorted(self.going | set(self.waiting))))
        self.going.discard(serial)
        self.waiting.pop(serial, None)
        released = self.real.gone(serial, self.now)
        assert released == self.twin.gone(serial, self.now)
        self.release(released)

    @invariant()
    def agree(self) -> None:
        leaders = self.real.groups
        led = {group: row.serial for row in self.twin.rows for group in row.leads}
        assert leaders == led
        assert sum(len(row.leads) for row in self.twin.rows) == len(led), "two leaders"
        assert set(leaders.values()) <= self.going
        assert len(self.real) == len(self.going) + len(self.waiting)

    def teardown(self) -> None:
        """When all are over, nobody is left waiting and nothing is kept."""
        while self.going or self.waiting:
            serial = min(self.going or self.waiting)
            self.going.discard(serial)
            self.waiting.pop(serial, None)
            self.release(self.real.gone(serial, self.now))
        assert (len(self.real), self.real.groups) == (0, {})


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


def test_nobody_waits_before_a_first_byte_was_timed() -> None:
    followers = Followers()
    assert followers.arrive(runner("a"), 0.0).until is None
    assert followers.arrive(runner("a"), 0.0).until is None


def test_a_wait_is_the_median_and_two_seconds_at_most() -> None:
    assert taught(0.1, 9.0, 0.5).limit(KEYS[0]) == 0.5
    assert taught(9.0).limit(KEYS[0]) == MOST_WAIT
    assert taught(0.5).limit(KEYS[1]) == 0.0


def test_all_go_once_the_leader_began() -> None:
    followers = taught(1.0)
    leader = followers.arrive(runner("ab"), 10.0)
    others = [followers.arrive(runner(name), 10.1) for name in ("ab", "abc", "ab")]
    assert [seat.until for seat in others] == [11.1] * 3
    assert followers.began(leader.serial, 10.9) == [seat.serial for seat in others]


def test_a_leader_that_is_expected_too_late_is_not_waited_for() -> None:
    followers = taught(5.0)
    followers.arrive(runner("a"), 10.0)
    assert followers.arrive(runner("a"), 11.0).until is None
    assert followers.arrive(runner("a"), 13.5).until == 15.5


def test_a_failed_leader_s_followers_go_one_by_one() -> None:
    followers = taught(1.0)
    leader = followers.arrive(runner("a"), 10.0)
    first, second, third = (followers.arrive(runner("a"), 10.1) for _ in range(3))
    assert followers.gone(leader.serial, 10.2) == [first.serial]
    assert followers.gone(first.serial, 10.3) == [second.serial]
    assert followers.began(second.serial, 10.4) == [third.serial]


def test_one_that_cannot_lead_does_not_hold_the_rest() -> None:
    followers = taught(1.0)
    leader = followers.arrive(runner("a"), 10.0)
    whole = followers.arrive(runner("a", leads=False), 10.1)
    first, second = (followers.arrive(runner("a"), 10.1) for _ in range(2))
    assert followers.gone(leader.serial, 10.2) == [whole.serial, first.serial]
    assert followers.began(first.serial, 10.3) == [second.serial]


def test_one_whose_time_is_up_does_not_wait_on() -> None:
    followers = taught(1.0)
    leader = followers.arrive(runner("a"), 10.0)
    first, second = (followers.arrive(runner("a"), 10.1) for _ in range(2))
    assert followers.gone(leader.serial, 11.1) == [first.serial, second.serial]
    assert followers.limit(KEYS[0]) == 1.0, "a failure says nothing of first bytes"


def test_a_request_that_does_not_lead_makes_nobody_wait() -> None:
    followers = taught(1.0)
    followers.arrive(runner("a", leads=False), 10.0)
    assert followers.arrive(runner("a"), 10.1).until is None


def test_a_late_leader_leads_no_more() -> None:
    followers = taught(1.0)
    leader = followers.arrive(runner("a"), 10.0)
    late = followers.arrive(runner("a"), 10.0)
    followers.expire(late.serial, 11.0)
    assert set(followers.groups.values()) == {late.serial}
    behind = followers.arrive(runner("a"), 11.0)
    assert followers.began(leader.serial, 11.1) == []
    assert followers.began(late.serial, 11.5) == [behind.serial]


def test_memory_is_bounded() -> None:
    followers = Followers(most=3)
    seats = [followers.arrive(runner("a"), 0.0) for _ in range(10)]
    assert len(followers) == 3
    for seat in seats:
        followers.gone(seat.serial, 1.0)
    assert len(followers) == 0
    for number in range(1, MOST_KEYS + 5):
        seat = followers.arrive(runner("a", key=Key(str(number), "up", "m")), number)
        followers.began(seat.serial, number + 1)
    assert followers.limit(Key("4", "up", "m")) == 0.0
    assert followers.limit(Key("5", "up", "m")) == 1.0
