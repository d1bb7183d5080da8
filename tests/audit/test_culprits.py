from __future__ import annotations

from uuid import UUID

import pytest

from headstart.audit import trial
from headstart.audit.audit import audit_records
from headstart.audit.culprits import MONTH, Scale
from headstart.audit.findings import Audit
from headstart.audit.jobs import Job
from headstart.audit.options import Options
from headstart.audit.outcome import Outcome
from headstart.audit.replay import Replay
from headstart.audit.suspects import Suspect
from headstart.usage import MissReason
from tests.audit.logs import LONG, Ask, record_of, world_of

QUICK = Options(planner=False, compare=(), workers=1)
TEXT = LONG * 3


def audited(asks: list[Ask]) -> Audit:
    return audit_records([record_of(ask, number) for number, ask in enumerate(asks)], QUICK)


def app(name: str, start: float, *, volatile: bool = False, gap: float = 20.0) -> list[Ask]:
    """A conversation of eight requests."""
    asks = []
    for turn in range(8):
        said = [text for n in range(turn) for text in (f"u{n} {LONG[:300]}", f"a{n} {LONG[:300]}")]
        stamp = f"Request {UUID(int=7**40 + turn, version=4)}. " if volatile else ""
        system = [f"{name}. {stamp}{TEXT}"]
        asks.append(Ask([*said, f"u{turn} {name}"], system, (), (0, -1), start + gap * turn))
    return asks


def test_money_of_what_a_log_spans_is_scaled_to_a_month() -> None:
    assert Scale(MONTH / 10).month(2.0) == pytest.approx(20.0)
    assert Scale(None).month(2.0) is None
    assert Scale(MONTH).month(None) is None


def test_a_clean_log_has_none() -> None:
    found = audited([*app("one", 0.0), *app("two", 1000.0)])
    assert (found.culprits, found.together) == ((), None)
    assert found.verdict.text.startswith("Nothing is to blame")


def test_one_is_named_as_one_and_its_best_fix_is_all_there_is_to_do() -> None:
    found = audited(app("one", 0.0, volatile=True))
    [culprit] = found.culprits
    assert "the one culprit (uuid) costs" in found.verdict.text
    assert "mending it raises" in found.verdict.text
    assert found.together is not None
    best = culprit.fixes[0]
    assert found.together.text == f"All of these at once: {best.action}."
    assert (found.together.tokens, found.together.saving) == (best.tokens, best.saving)


def test_two_are_ranked_by_money_and_mended_together() -> None:
    found = audited([*app("one", 0.0, volatile=True), *app("two", 5000.0, gap=900.0)])
    assert {culprit.cause for culprit in found.culprits} == {"uuid", "expired"}
    worst = found.culprits[0].cause
    assert f"the worst of 2 culprits ({worst}) costs" in found.verdict.text
    assert "mending both raises" in found.verdict.text
    money = [culprit.money or 0.0 for culprit in found.culprits]
    assert money == sorted(money, reverse=True)
    assert min(money) > 0
    together = found.together
    assert together is not None
    for culprit in found.culprits:
        savings = [fix.saving or 0.0 for fix in culprit.fixes]
        assert savings == sorted(savings, reverse=True)
        assert (together.saving or 0.0) > savings[0]


def test_three_are_all_of_them() -> None:
    asks = [*app("one", 0.0, volatile=True), *app("two", 5000.0, gap=900.0)]
    asks += [ask._replace(marks=()) for ask in app("three", 50_000.0)]
    found = audited(asks)
    assert len(found.culprits) == 3
    assert "mending all of them raises" in found.verdict.text


def test_every_set_of_suspects_is_replayed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of(app("one", 0.0))
    base = Replay(world).run(world.log.rows)
    names = ("one", "two", "three")
    suspects = [Suspect(name, MissReason.DIVERGED, None, ()) for name in names]
    asked: list[list[str]] = []

    class Groups:
        def of(self, some: list[Suspect]) -> set[int]:
            asked.append([one.cause for one in some])
            return set()

    def replayed(world: object, jobs: list[Job], *rest: object) -> list[Outcome]:
        return [Outcome.empty(len(base.input)) for _ in jobs]

    monkeypatch.setattr(trial, "replayed", replayed)
    without = trial._Without(world, Groups(), base, suspects, lambda: None)  # type: ignore[arg-type]
    every = frozenset({0, 1, 2})
    without.replay([every, frozenset({0}), frozenset({2, 1})])
    without.replay([frozenset({1, 2}), frozenset(), every])
    assert asked == [[*names], ["one"], ["two", "three"]]
    assert without.of(frozenset()) is base
