from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.prompt import Prompt
from headstart.providers.granular import GranularEmulator
from headstart.providers.resource_objects import CachedContent, ResourceError
from headstart.providers.resources import CacheResources
from headstart.usage import MissReason, Usage
from tests.providers.prompts import prompt, resources, rules_of, send, text, words

MODEL = "gemini-3.8-flash"


def content(tokens: int = 5000, model: str = MODEL) -> Prompt:
    return prompt(("system", "Be kind."), text(tokens - 2), model=model)


def held(**options: object) -> tuple[CacheResources, CachedContent]:
    found = resources("gemini", MODEL, **options)
    return found, found.create(content(), 1000.0)


def refused(code: int) -> pytest.RaisesExc[ResourceError]:
    return pytest.raises(ResourceError, check=lambda error: error.code == code)


def test_a_life_from_creation_to_its_end() -> None:
    found, made = held()
    assert (made.tokens, made.created, made.expires) == (5000, 1000.0, 4600.0)
    assert made.name.startswith("cachedContents/")
    assert found.get(made.name, 4599.9) == made
    with refused(403):
        found.get(made.name, 4600.0)


def test_time_to_live_or_a_moment_but_not_both() -> None:
    found = resources("gemini", MODEL)
    assert found.create(content(), 10.0, ttl=300).expires == 310.0
    assert found.create(content(), 10.0, expires=500.0).expires == 500.0
    for ends in (
        {"ttl": 1.0, "expires": 20.0},
        {"ttl": 0.0},
        {"expires": 10.0},
        {"ttl": -5.0},
        {"ttl": float("inf")},
        {"ttl": float("nan")},
    ):
        with refused(400):
            found.create(content(), 10.0, **ends)
    assert len(found) == 2


def test_too_small_in_the_provider_s_words() -> None:
    with refused(400) as caught:
        resources("gemini", MODEL).create(content(16), 0.0)
    assert caught.value.status == "INVALID_ARGUMENT"
    assert caught.value.message == (
        "Cached content is too small. total_token_count=16, min_total_token_count=4096"
    )


def test_contents_must_not_end_with_the_model() -> None:
    turns = prompt(text(5000), ("assistant", "yes"), model=MODEL)
    with refused(400):
        resources("gemini", MODEL).create(turns, 0.0)


def test_patching_moves_the_end_from_now() -> None:
    found, made = held()
    assert found.patch(made.name, 2000.0, ttl=600).expires == 2600.0
    assert found.patch(made.name, 2000.0, expires=9000.0).expires == 9000.0
    assert found.get(made.name, 8999.0).updated == 2000.0
    with refused(400):
        found.patch(made.name, 2000.0)
    with refused(403):
        found.patch(made.name, 9000.0, ttl=600)


def test_what_is_deleted_is_gone() -> None:
    found, made = held()
    found.delete(made.name, 1100.0)
    for ask in (found.get, found.delete):
        with refused(403) as caught:
            ask(made.name, 1100.0)
        assert caught.value.message == "CachedContent not found (or permission denied)"
        assert caught.value.status == "PERMISSION_DENIED"


def test_projects_do_not_see_each_other() -> None:
    found, made = held()
    with refused(403):
        found.get(made.name, 1001.0, scope="other")
    with refused(403):
        found.delete(made.name, 1001.0, scope="other")
    assert found.page(1001.0, scope="other") == ([], "")


def test_pages() -> None:
    found = resources("gemini", MODEL)
    made = [found.create(content(), float(i)) for i in range(5)]
    one, token = found.page(5.0, size=2)
    found.delete(made[1].name, 5.0)
    two, token = found.page(5.0, size=2, token=token)
    three, end = found.page(5.0, size=2, token=token)
    assert [*one, *two, *three] == made
    assert end == ""
    assert found.page(5.0)[0] == [made[0], *made[2:]]
    assert found.page(4000.0) == ([], "")
    for bad in ({"size": -1}, {"token": "x"}, {"token": "9" * 5000}, {"token": "-1"}):
        with refused(400):
            found.page(5.0, **bad)


def test_parents_hold_their_own() -> None:
    found = resources("vertex", MODEL)
    one = found.create(content(), 0.0, parent="projects/p/locations/us")
    found.create(content(), 0.0, parent="projects/p/locations/eu")
    assert one.name.startswith("projects/p/locations/us/cachedContents/")
    assert found.page(1.0, parent="projects/p/locations/us")[0] == [one]
    with refused(400):
        found.create(content(), 0.0, ttl=59.0)


def test_storage_is_tokens_times_hours() -> None:
    found = resources("gemini", MODEL)
    kept = found.create(content(), 0.0, ttl=7200)
    gone = found.create(content(), 0.0, ttl=7200)
    found.delete(gone.name, 1800.0)
    assert found.token_hours(3600.0) == 5000 + 2500
    assert found.token_hours(1e9) == 10_000 + 2500
    found.patch(kept.name, 3600.0, ttl=10_800)
    assert found.token_hours(14_400.0) == 20_000 + 2500
    assert found.token_hours(14_400.0, scope="other") == 0


def test_there_is_a_limit() -> None:
    found, _ = held(limit=1)
    with refused(429):
        found.create(content(), 1000.0)
    found.create(content(), 4600.0)
    assert len(found) == 1


def test_ends_that_are_moved_often_are_not_kept() -> None:
    found, made = held(limit=4)
    for i in range(100):
        found.patch(made.name, 1000.0, ttl=100 + i)
    assert len(found._ends) <= 9
    with refused(403):
        found.get(made.name, 1199.0)


def test_a_clock_that_goes_back_is_held() -> None:
    found, made = held()
    found.page(4600.0)
    with refused(403):
        found.get(made.name, 1000.0)
    assert found.create(content(), 0.0).created == 4600.0


def test_names_are_the_same_in_every_run() -> None:
    assert held()[1].name == held()[1].name


def test_state_goes_on_where_it_was() -> None:
    found, made = held()
    found.delete(found.create(content(), 1000.0).name, 2800.0)
    again = resources("gemini", MODEL)
    again.load(found.save())
    assert again.get(made.name, 2800.0) == made
    assert again.token_hours(4600.0) == found.token_hours(4600.0)
    assert again.create(content(), 2800.0).name == found.create(content(), 2800.0).name


@pytest.mark.parametrize("data", [b"", b"\x01", b"\x96\x01\x02\x03\x04\x05\x06"])
def test_what_was_not_saved_is_refused(data: bytes) -> None:
    found, made = held()
    with pytest.raises(ValueError, match="not saved cache objects"):
        found.load(data)
    assert found.get(made.name, 1001.0) == made
    with pytest.raises(ValueError, match="cache objects of gemini"):
        resources("vertex", MODEL).load(found.save())


# -- generating with one ---------------------------------------------------------------


def engine() -> tuple[GranularEmulator, CachedContent]:
    found, made = held()
    flow = GranularEmulator(rules_of("gemini", MODEL), MODEL, count=words, resources=found)
    return flow, made


def ask(name: str | None, *parts: str | tuple[str, str], model: str = MODEL) -> Prompt:
    return prompt(*(parts or ("Why?",)), model=model, resource=name)


def test_all_of_the_object_is_read() -> None:
    flow, made = engine()
    lookup = flow.peek(ask(made.name, "Why is it so?"), 1001.0)
    assert lookup.usage == Usage(fresh=4, read=5000)


def test_what_follows_is_cached_as_any_prompt_is() -> None:
    flow, made = engine()
    turn = ask(made.name, text(500), "Why?")
    assert [send(flow, turn, now) for now in (1001.0, 1002.0)] == [5000, 5501]
    assert flow.peek(ask(None, text(500), "Why?"), 1003.0).usage.read == 0


def test_reads_do_not_extend_a_life() -> None:
    flow, made = engine()
    send(flow, ask(made.name), 4599.0)
    with refused(403):
        flow.peek(ask(made.name), 4600.0)


@pytest.mark.parametrize("parts", [("Why?", ("system", "Be short.")), (("tools", "{}"), "Why?")])
def test_what_the_object_has_must_not_be_sent_again(parts: tuple[str, ...]) -> None:
    flow, made = engine()
    ordered = sorted(parts, key=lambda part: isinstance(part, str))
    with refused(400) as caught:
        flow.begin(ask(made.name, *ordered), 1001.0)
    assert caught.value.message.startswith("CachedContent can not be used with GenerateContent")


def test_tool_configuration_must_not_be_sent_again() -> None:
    flow, made = engine()
    turn = prompt("Why?", model=MODEL, resource=made.name, settings={"toolConfig": "{}"})
    with refused(400):
        flow.begin(turn, 1001.0)


def test_an_object_is_for_one_model() -> None:
    flow, made = engine()
    with refused(400):
        flow.begin(ask(made.name, model="gemini-3.5-flash-lite"), 1001.0)
    assert flow.peek(ask(made.name, model=f"models/{MODEL}"), 1001.0).usage.read == 5000


def test_an_object_shows_its_model_as_it_was_spelt() -> None:
    found = resources("gemini", MODEL)
    made = found.create(content(), 0.0, model_name=f"models/{MODEL}")
    assert made.model == f"models/{MODEL}"
    flow = GranularEmulator(rules_of("gemini", MODEL), MODEL, count=words, resources=found)
    assert flow.peek(ask(made.name), 1.0).usage.read == 5000


def test_an_emulator_has_objects_of_its_own_if_it_is_given_none() -> None:
    flow = GranularEmulator(rules_of("gemini", MODEL), MODEL, count=words)
    with refused(403):
        flow.begin(ask("cachedContents/none"), 0.0)
    assert flow.resources is not None
    made = flow.resources.create(content(), 0.0)
    assert flow.begin(ask(made.name), 1.0).lookup.usage.read == 5000


def test_less_than_the_object_is_a_miss() -> None:
    flow, made = engine()
    ticket = flow.begin(ask(made.name), 1001.0)
    ticket.first_byte(1001.0)
    assert flow.reconcile(ticket, Usage(fresh=5001)) is MissReason.EVICTED


def test_an_object_that_is_read_whole_is_no_miss() -> None:
    flow, made = engine()
    assert flow.peek(ask(made.name), 1001.0).reason is None
    small = resources("gemini", "gemini-3.5-flash-lite")
    held = small.create(content(1100, "gemini-3.5-flash-lite"), 0.0)
    lite = GranularEmulator(
        rules_of("gemini", "gemini-3.5-flash-lite"), "gemini-3.5-flash-lite", count=words,
        resources=small,
    )  # fmt: skip
    lookup = lite.peek(ask(held.name, model="gemini-3.5-flash-lite"), 1.0)
    assert lookup.usage == Usage(fresh=1, read=1100)
    assert lookup.reason is None, "and less than what is cached unasked"
    assert lite.peek(ask(None, model="gemini-3.5-flash-lite"), 1.0).reason is not None


def test_an_object_that_a_provider_made() -> None:
    found = resources("gemini", MODEL, limit=2)
    flow = GranularEmulator(rules_of("gemini", MODEL), MODEL, count=words, resources=found)
    found.adopt("cachedContents/theirs", MODEL, 7021, 0.0, 300.0, scope="a")
    lookup = flow.peek(ask("cachedContents/theirs", "Why is it so?"), 1.0, scope="a")
    assert lookup.usage == Usage(fresh=4, read=7021)
    with refused(403):
        flow.peek(ask("cachedContents/theirs"), 1.0, scope="b")
    found.patch("cachedContents/theirs", 200.0, scope="a", expires=500.0)
    assert flow.peek(ask("cachedContents/theirs"), 400.0, scope="a").usage.read == 7021
    with refused(403):
        flow.peek(ask("cachedContents/theirs"), 500.0, scope="a")
    for name in "bcd":
        found.adopt(f"cachedContents/{name}", MODEL, 5000, 0.0, 9000.0)
    assert len(found) == 2


def test_objects_of_others_are_as_large_as_was_last_read_of_them() -> None:
    found = resources("gemini", MODEL)
    found.foreign = True
    flow = GranularEmulator(rules_of("gemini", MODEL), MODEL, count=words, resources=found)
    asked = ask("cachedContents/unknown", "Why is it so?")
    ticket = flow.begin(asked, 0.0)
    assert ticket.lookup.usage == Usage(fresh=4)
    ticket.first_byte(0.0)
    assert flow.reconcile(ticket, Usage(fresh=4, read=7021)) is None
    assert flow.peek(asked, 1.0).usage == Usage(fresh=4, read=7021)
    with refused(400):
        flow.peek(ask("cachedContents/unknown", ("system", "Be kind."), "Why?"), 1.0)


OPS = st.tuples(
    st.sampled_from(["create", "patch", "delete", "look"]),
    st.integers(0, 5),
    st.floats(0, 100),
    st.floats(1, 300),
)


@given(st.lists(OPS, max_size=40))
@settings(max_examples=60, deadline=None)
def test_it_does_what_a_list_of_lives_does(ops: list[tuple[str, int, float, float]]) -> None:
    found, lives, now = resources("gemini", MODEL), [], 0.0
    for kind, which, wait, ttl in ops:
        now += wait
        if kind == "create":
            lives.append([found.create(content(), now, ttl=ttl).name, now, now + ttl])
            continue
        if not lives:
            continue
        life = lives[which % len(lives)]
        if life[2] <= now:
            with refused(403):
                found.get(life[0], now)
        elif kind == "patch":
            found.patch(life[0], now, ttl=ttl)
            life[2] = now + ttl
        elif kind == "delete":
            found.delete(life[0], now)
            life[2] = now
        assert {c.name for c in found.page(now)[0]} == {n for n, _, end in lives if end > now}
        spent = sum(5000 * (min(now, end) - start) / 3600 for _, start, end in lives)
        assert found.token_hours(now) == pytest.approx(spent)
