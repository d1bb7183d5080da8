from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from headstart.kv.tiers import PageKey
from headstart.kv.tiers.catalogue import Catalogue
from headstart.kv.tiers.directory import Directory
from headstart.kv.tiers.room import NoRoom, Quota, choose, reconcile
from tests.kv.tiers.support import line

SIZE = 100


@pytest.fixture
def catalogue() -> Iterator[Catalogue]:
    opened = Catalogue(":memory:")
    yield opened
    opened.close()


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Directory]:
    opened = Directory(tmp_path, 1000)
    yield opened
    opened.close()


def enter(catalogue: Catalogue, keys: list[PageKey]) -> None:
    with catalogue.change():
        for key in keys:
            catalogue.add(key, SIZE, 0.0)


def test_tails_go_first_and_never_the_page_before_the_new_one(catalogue: Catalogue) -> None:
    enter(catalogue, line(3))
    new = line(2, branch=1)[0]
    with catalogue.change():
        assert choose(catalogue, Quota(3 * SIZE, None, False), 0.0, new, 2 * SIZE) == [
            line(3)[2],
            line(3)[1],
        ]
    with pytest.raises(NoRoom), catalogue.change():
        choose(catalogue, Quota(SIZE, None, False), 0.0, line(2)[1], SIZE)
    assert catalogue.has(line(3)) == 1, "what was not done was kept"


def test_what_is_pinned_stays_beyond_a_lower_limit(catalogue: Catalogue) -> None:
    enter(catalogue, line(3))
    with catalogue.change():
        catalogue.pin(line(1), 10 * SIZE)
        assert choose(catalogue, Quota(0, None, False), 0.0) == [line(3)[2], line(3)[1]]


def test_books_and_files_are_made_to_agree(catalogue: Catalogue, files: Directory) -> None:
    enter(catalogue, line(2))
    orphans = line(3, branch=1)
    for key in orphans:
        files.place(files.write([b"x" * SIZE]), key)
    with catalogue.change():
        assert reconcile(catalogue, files, Quota(2 * SIZE, None, False), 0.0) == 2 + 3
    assert catalogue.has(line(2)) == 0
    assert catalogue.has(orphans) == 2
    assert [files.path(key).exists() for key in orphans] == [True, True, False]
    with catalogue.change():
        assert reconcile(catalogue, files, Quota(2 * SIZE, None, False), 0.0) == 0
