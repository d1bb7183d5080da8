"""Gemini's implicit cache and cachedContents, on the Developer API and on Vertex."""

from __future__ import annotations

from datetime import date

import pytest

from headstart.prompt import Prompt
from headstart.providers.granular import GranularEmulator
from headstart.providers.resource_objects import ResourceError
from headstart.usage import MissReason, Usage
from tests.providers.conformance.documented import documented
from tests.providers.prompts import (
    blocks,
    emulator,
    prompt,
    resources,
    rules_of,
    send,
    text,
    words,
)

EARLIER = date(2026, 8, 1)
PAGE = "Gemini context caching, version before 2026-10"
NOTE = "Gemini context caching, through a note of 2026-10-01"
PROBE = "requests to the production API, 2026-09-07"
SDK = "google-genai 3.4.0"
VERTEX = "Vertex AI context caching, through a note of 2026-10-01"


def object_of(tokens: int, model: str) -> Prompt:
    return prompt(text(tokens), model=model)


@documented("gemini", PAGE, "M")
@pytest.mark.parametrize(
    ("model", "at", "minimum"),
    [
        ("gemini-2.5-flash", EARLIER, 1024),
        ("gemini-3.5-flash", EARLIER, 1024),
        ("gemini-2.5-pro", EARLIER, 4096),
        ("gemini-2.5-flash", date(2026, 10, 1), 2048),
        ("gemini-2.5-pro", date(2026, 10, 1), 2048),
        ("gemini-3.8-flash", date(2026, 10, 1), 4096),
        ("gemini-3.1-pro-preview", date(2026, 10, 1), 4096),
    ],
)
def test_the_implicit_minimum_depends_on_model_and_date(model: str, at: date, minimum: int) -> None:
    flow = emulator("gemini", model, at)
    enough = minimum // 16
    assert [send(flow, blocks(enough), now) for now in (0, 1)] == [0, minimum]
    other = blocks(enough - 1, tag="c")
    assert [send(flow, other, now) for now in (2, 3)] == [0, 0]


@documented("gemini", "no document agrees with another on it: a knob", "U")
def test_the_implicit_minimum_is_a_knob() -> None:
    flow = emulator("gemini", "gemini-3.8-flash", minimum=6144)
    assert [send(flow, blocks(383), now) for now in (0, 1)] == [0, 0]


@documented("gemini", NOTE, "M")
def test_implicit_caching_writes_for_nothing() -> None:
    assert emulator("gemini", "gemini-3.8-flash").peek(blocks(300), 0).usage == Usage(fresh=4800)


@documented("gemini", NOTE, "M")
def test_what_is_not_documented_is_said() -> None:
    said = " ".join(emulator("gemini", "gemini-3.8-flash").peek(blocks(1), 0).warnings)
    assert "granularity" in said
    assert "isolation" in said


@documented("gemini", NOTE, "M")
def test_cached_tokens_count_towards_rate_limits() -> None:
    assert rules_of("gemini", "gemini-3.8-flash").rate_limit == "counts"


@documented("gemini", PROBE)
def test_an_object_lives_an_hour_unless_told() -> None:
    made = resources("gemini", "gemini-3.8-flash").create(object_of(5000, "gemini-3.8-flash"), 0.0)
    assert made.expires - made.created == 3600


@documented("gemini", PROBE)
def test_the_explicit_minimum_of_3_5_flash_lite_is_1024_in_these_words() -> None:
    found = resources("gemini", "gemini-3.5-flash-lite")
    with pytest.raises(ResourceError) as caught:
        found.create(object_of(16, "models/gemini-3.5-flash-lite"), 0.0)
    error = caught.value
    assert (error.code, error.status) == (400, "INVALID_ARGUMENT")
    assert error.message == (
        "Cached content is too small. total_token_count=16, min_total_token_count=1024"
    )
    assert found.create(object_of(1024, "models/gemini-3.5-flash-lite"), 0.0).tokens == 1024


@documented("gemini", PROBE)
@pytest.mark.parametrize("call", ["get", "delete", "patch"])
def test_an_unknown_object_is_403_and_never_404(call: str) -> None:
    found = resources("gemini", "gemini-3.8-flash")
    options = {"ttl": 60.0} if call == "patch" else {}
    with pytest.raises(ResourceError) as caught:
        getattr(found, call)("cachedContents/none", 0.0, **options)
    assert (caught.value.code, caught.value.status) == (403, "PERMISSION_DENIED")
    assert caught.value.message == "CachedContent not found (or permission denied)"


@documented("gemini", PROBE)
def test_generating_with_an_expired_object_is_403() -> None:
    flow = emulator("gemini", "gemini-3.8-flash")
    assert flow.resources is not None
    made = flow.resources.create(object_of(5000, "gemini-3.8-flash"), 0.0, ttl=300)
    turn = prompt("Why?", model="gemini-3.8-flash", resource=made.name)
    assert flow.peek(turn, 299.0).usage == Usage(fresh=1, read=5000)
    with pytest.raises(ResourceError) as caught:
        flow.begin(turn, 300.0)
    assert caught.value.code == 403


@documented("gemini", PROBE)
def test_an_object_excludes_system_instruction_tools_and_tool_config() -> None:
    flow = emulator("gemini", "gemini-3.8-flash")
    assert flow.resources is not None
    made = flow.resources.create(object_of(5000, "gemini-3.8-flash"), 0.0)
    for part, settings in (
        (("system", "a"), {}),
        (("tools", "a"), {}),
        ("a", {"toolConfig": "{}"}),
    ):
        turn = prompt(part, model="gemini-3.8-flash", resource=made.name, settings=settings)
        with pytest.raises(ResourceError) as caught:
            flow.begin(turn, 1.0)
        assert caught.value.message == (
            "CachedContent can not be used with GenerateContent request setting "
            "system_instruction, tools or tool_config.\n\nProposed fix: move those values to "
            "CachedContent from GenerateContent request."
        )


@documented("gemini", PROBE)
def test_contents_that_are_sent_again_are_accepted_and_billed_again() -> None:
    flow = emulator("gemini", "gemini-3.8-flash")
    assert flow.resources is not None
    made = flow.resources.create(object_of(5000, "gemini-3.8-flash"), 0.0)
    again = prompt(text(5000), model="gemini-3.8-flash", resource=made.name)
    assert flow.peek(again, 1.0).usage == Usage(fresh=5000, read=5000)


@documented("gemini", "no document or probe shows an extension; inferred", "M")
def test_a_hit_does_not_extend_an_object() -> None:
    flow = emulator("gemini", "gemini-3.8-flash")
    assert flow.resources is not None
    made = flow.resources.create(object_of(5000, "gemini-3.8-flash"), 0.0, ttl=300)
    send(flow, prompt("Why?", model="gemini-3.8-flash", resource=made.name), 200.0)
    assert flow.resources.get(made.name, 299.0).expires == 300.0


@documented("gemini", SDK)
def test_only_patch_moves_the_end() -> None:
    found = resources("gemini", "gemini-3.8-flash")
    made = found.create(object_of(5000, "gemini-3.8-flash"), 0.0)
    assert found.patch(made.name, 100.0, ttl=600).expires == 700.0
    assert found.patch(made.name, 100.0, expires=900.0).expires == 900.0


@documented("gemini", SDK)
def test_lists_come_in_pages() -> None:
    found = resources("gemini", "gemini-3.8-flash")
    assert found.page(0.0) == ([], "")
    made = [found.create(object_of(5000, "gemini-3.8-flash"), 0.0) for _ in range(3)]
    first, token = found.page(0.0, size=2)
    second, end = found.page(0.0, size=2, token=token)
    assert (first + second, end) == (made, "")


@documented("gemini", NOTE, "M")
def test_storage_is_tokens_times_hours_of_life() -> None:
    found = resources("gemini", "gemini-3.8-flash")
    found.create(object_of(5000, "gemini-3.8-flash"), 0.0, ttl=7200)
    assert found.token_hours(9e9) == 10_000


@documented("gemini", "error text in the issue trackers of client libraries", "M")
def test_an_object_must_not_end_on_a_model_turn() -> None:
    found = resources("gemini", "gemini-3.8-flash")
    turns = prompt(text(5000), ("assistant", "a"), model="gemini-3.8-flash")
    with pytest.raises(ResourceError, match="Requests ending with a model turn"):
        found.create(turns, 0.0)


@documented("vertex", VERTEX, "M")
@pytest.mark.parametrize(("model", "least"), [("gemini-3.8-flash", 4096), ("gemini-2.5-pro", 2048)])
def test_vertex_s_minimums(model: str, least: int) -> None:
    found = resources("vertex", model)
    with pytest.raises(ResourceError, match=f"min_total_token_count={least}"):
        found.create(object_of(least - 1, model), 0.0)
    assert found.create(object_of(least, model), 0.0).tokens == least
    flow = emulator("vertex", model)
    assert [send(flow, blocks(least // 16), now) for now in (0, 1)] == [0, least]


@documented("vertex", SDK)
def test_vertex_names_lie_below_project_and_region() -> None:
    model = "projects/p/locations/us-central1/publishers/google/models/gemini-3.8-flash"
    found = resources("vertex", "gemini-3.8-flash")
    made = found.create(object_of(5000, model), 0.0, parent="projects/p/locations/us-central1")
    assert made.name.startswith("projects/p/locations/us-central1/cachedContents/")
    rules = rules_of("vertex", "gemini-3.8-flash")
    flow = GranularEmulator(rules, "gemini-3.8-flash", count=words, resources=found)
    turn = prompt("Why?", model="gemini-3.8-flash", resource=made.name)
    assert flow.peek(turn, 1.0).usage.read == 5000


@documented("vertex", VERTEX, "M")
def test_vertex_wants_a_minute_at_least() -> None:
    found = resources("vertex", "gemini-3.8-flash")
    with pytest.raises(ResourceError):
        found.create(object_of(5000, "gemini-3.8-flash"), 0.0, ttl=59.0)
    assert found.create(object_of(5000, "gemini-3.8-flash"), 0.0, ttl=60.0).expires == 60.0


@documented("vertex", VERTEX, "M")
def test_vertex_projects_and_regions_are_apart() -> None:
    flow = emulator("vertex", "gemini-3.8-flash")
    send(flow, blocks(300), 0, scope="p/us")
    assert flow.peek(blocks(300), 1, scope="p/eu").reason is MissReason.SCOPE_CHANGED
