from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest

from headstart.audit.audit import audit
from headstart.audit.findings import Audit
from headstart.audit.options import Options
from headstart.cli.audit.page import render
from headstart.cli.audit.page.tree import places
from tests.cli.audit.browser import CHROMIUM, Page, chromium, lines_that_differ
from tests.cli.audit.samples import HOSTILE, faulty

pytest.importorskip("plotly", reason="the page needs the sim extra")
PICTURES = ("what-if", "tree", "by-day", "by-hour", "ttl", "capacity")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    """Of a log in which everything that a stranger wrote is hostile."""
    log = tmp_path_factory.mktemp("logs") / "<img src=x onerror=alert(3)>.jsonl"
    faulty(log, 26, head=HOSTILE)
    return audit([log], Options(workers=1))


@pytest.fixture(scope="module")
def page(found: Audit, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "audit.html"
    path.write_text(render(found), "utf-8")
    return path


def test_nothing_of_a_prompt_is_markup_or_reorders_a_line(page: Path) -> None:
    text = page.read_text("utf-8")
    own = re.sub(r"<script>.*?</script>", "", text, flags=re.S)
    assert "alert(1)" in own  # it is shown
    assert "<img" not in own
    assert own.count("<script") == 1  # the figures' data
    assert not set(own) & {"\x1b", "\x07", "\u202e", "\u2066"}


def test_all_that_a_prefix_tree_has_is_where_its_parent_ends(found: Audit) -> None:
    for family in found.families:
        where = places(family)
        for (x, y), branch in zip(where, family.tree, strict=True):
            if branch.parent < 0:
                assert x == 0
                continue
            parent, (left, top) = family.tree[branch.parent], where[branch.parent]
            assert x == left + parent.tokens
            assert top <= y
            assert y + branch.requests <= top + parent.requests


def test_nothing_else_is_drawn_without_prices(found: Audit) -> None:
    """Nor does a page of an audit without families, curves and options fail."""
    from dataclasses import replace

    bare = replace(found, options=(), curves=(), families=(), culprits=(), together=None)
    figures = re.search(r"id='figures'>(.*?)</script>", render(bare))
    assert figures
    assert set(json.loads(figures[1])) == {"by-day", "by-hour"}


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_a_browser_draws_every_picture_and_complains_of_nothing(page: Path, tmp_path: Path) -> None:
    asyncio.run(_looked_at(page, tmp_path))


async def _looked_at(path: Path, folder: Path) -> None:
    async with chromium(folder / "profile") as page:
        await page.open(path)
        await page.until("document.documentElement?.dataset.drawn")
        for name in PICTURES:
            await _drawn(page, name)
        assert await page.value("document.querySelectorAll('img, iframe').length") == 0
        first = await page.screenshot("#tree")
        await page.value(
            "(() => {const s = document.querySelector('select'); s.value = '1';"
            "s.dispatchEvent(new Event('change'))})()"
        )
        assert await page.screenshot("#tree") != first
        light = await page.screenshot()
        dark = {"name": "prefers-color-scheme", "value": "dark"}
        await page.ask("Emulation.setEmulatedMedia", features=[dark])
        await page.until("getComputedStyle(document.body).backgroundColor === 'rgb(21, 22, 24)'")
        assert await page.screenshot() != light
        (folder / "page.png").write_bytes(light)
        assert lines_that_differ(light) > 500
        assert page.problems == []


async def _drawn(page: Page, name: str) -> None:
    """There are marks in it, with an extent, and its pixels are not of one colour."""
    marks = f"#{name} .plot-container .cartesianlayer path"
    assert await page.value(
        f"[...document.querySelectorAll({json.dumps(marks)})].filter("
        "p => {const b = p.getBBox(); return b.width + b.height > 1}).length > 0"
    ), name
    assert lines_that_differ(await page.screenshot(f"#{name}")) > 20, name
