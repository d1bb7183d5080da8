from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kv.bench import Bench, MakeBench


@pytest.fixture
def bench() -> Iterator[MakeBench]:
    made: list[Bench] = []

    def make(root: Path | None = None, **sizes: int) -> Bench:
        made.append(Bench(root, **sizes))
        return made[-1]

    yield make
    for one in made:
        if one.tiers:
            one.tiers.close()
