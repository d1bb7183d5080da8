from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from headstart.audit.templates import Template

names = st.sampled_from(["7f3a", "", "a b", "Rule", "x" * 30])


@given(st.lists(st.tuples(names, names), min_size=1, max_size=8))
def test_what_a_template_matches_fills_its_places(values: list[tuple[str, str]]) -> None:
    texts = [f"Hello {one}!\nYou are number {two}.\nEnd of it." for one, two in values]
    template = Template(0, 0, texts[0])
    for text in texts:
        if template.matches(text) is None:
            template.learn(template.compare(text))
    for text in texts:
        filled = template.matches(text)
        if filled is None:
            continue
        said, at = [], 0
        for site, piece in zip(template.sites, filled, strict=True):
            said += [template.text[at : site.start], piece]
            at = site.end
        assert "".join((*said, template.text[at:])) == text
    assert template.matches(texts[0]) is not None
    starts = [site.start for site in template.sites]
    ends = [site.end for site in template.sites]
    assert all(end <= start for end, start in zip(ends, starts[1:], strict=False))
