from __future__ import annotations

from headstart.audit.causes import Cause, Found, Pair
from headstart.prompt import Kind
from tests.audit.logs import LONG, Ask, log_of


def test_causes_of_an_absorbed_template_go_with_it() -> None:
    log = log_of([Ask(["u"], [f"One {LONG}", f"Two {LONG}", f"Three {LONG}"])])
    found, numbers = Found(log.segments), log.segments_of(log.rows[0])
    texts = [log.segments.text(number) or "" for number in numbers]
    for i in (0, 1):
        template, _ = found.templated(numbers[i], texts[i], texts[i + 1], worth=True)
        found.adopt(template, numbers[i])
        found.note(Cause("content", Kind.SYSTEM, template.number, False), Pair(0, 1, i, i))
    found.adopt(found.templates[0], numbers[1])
    [(cause, pairs)] = found.pairs.items()
    assert cause.template == 0
    assert [pair.segment for pair in pairs] == [0, 1]
    assert found.name(numbers[0]) == found.name(numbers[1]) != found.name(numbers[2])
