from __future__ import annotations

from headstart.prompt import Kind, Prompt, Segment


def test_marked_segments_keep_their_order() -> None:
    segments = tuple(
        Segment(Kind.MESSAGE, "user", 0, part, f"part {part}", {}, ttl)
        for part, ttl in enumerate([None, 300.0, None, 3600.0])
    )
    assert [segment.part for segment in Prompt("m", segments).marked] == [1, 3]
