"""The page's text: headlines, culprits, what was assumed."""

from __future__ import annotations

from typing import Final

from headstart.audit.findings import Audit, Culprit, Fix, Latent, Spot, Tally
from headstart.cli.audit.page.text import safe, section, table
from headstart.cli.audit.plain import (
    Sums,
    action,
    count,
    facts,
    loss,
    now_option,
    reachable,
    title,
    worthwhile,
)
from headstart.cli.audit.spots import parts, place
from headstart.cli.words import money, percent, tokens

_OPEN: Final = 12
"""Culprits in full; the others are a table."""
_LATENT: Final = 12
_ROWS: Final = 50
_PLAIN: Final = 8
"""Rows of a table that stands there without being asked for."""


def headlines(audit: Audit) -> str:
    """The verdict, and cards."""
    return (
        f"<header><h1>Prompt cache audit</h1><p class='verdict'>{safe(audit.verdict.text)}</p>"
        f"<p class='about'>{safe(facts(audit))}</p><div class='cards'>{_cards(audit)}</div>"
        "</header>"
    )


def _cards(audit: Audit) -> str:
    total, best, sums = audit.now.total, reachable(audit), Sums(audit)
    better = f"{percent(best)} within reach" if best is not None else ""
    cards = [_card(percent(total.hit_rate), "of the input was read from the cache", better)]
    now = next((option for option in audit.options if option.kind == "now"), None)
    cost = sums.cost(now) if now else None
    if cost is not None:
        fixed = next((sums.cost(o) for o in audit.options if o.kind == "fixes"), None)
        base = now_option(audit)
        emulated = base is now
        less = f"{money(fixed)} with all fixes" if fixed is not None and emulated else ""
        cards.append(_card(money(cost), f"cost {sums.unit}", less))
    if audit.together is not None:
        saved = sums.saved(audit.together)
        worth = f"{tokens(audit.together.tokens)} tokens" if saved is None else money(saved)
        cards.append(_card(worth, f"to be saved {sums.unit}", ""))
    never = next((sums.cost(option) for option in audit.options if option.kind == "never"), None)
    if cost is not None and never is not None:
        word = "saved by the cache" if never >= cost else "lost by caching"
        cards.append(_card(money(abs(never - cost)), f"{word} {sums.unit}", ""))
    cards.append(
        _card(
            percent(total.creation_rate),
            "of the input was written to the cache",
            "",
        )
    )
    return "".join(cards[:4])


def _card(value: str, about: str, more: str) -> str:
    extra = f"<br><i>{safe(more)}</i>" if more else ""
    return f"<div class='card'><b>{safe(value)}</b><span>{safe(about)}</span>{extra}</div>"


def culprits(audit: Audit) -> str:
    """Each with both sides of a real difference."""
    sums = Sums(audit)
    shown = [_culprit(culprit, sums) for culprit in audit.culprits[:_OPEN]]
    rest = table(
        ("", "where", "family", "requests", "tokens lost", f"money {sums.unit}"),
        [
            (
                f"{c.rank}. {title(c)}",
                c.where,
                c.family,
                f"{c.requests:,}",
                f"{c.lost:,}",
                "-" if sums.lost(c) is None else money(sums.lost(c) or 0.0),
            )
            for c in audit.culprits[_OPEN:]
        ],
        texts=(1, 2),
    )
    if audit.together is not None and len(audit.culprits) > 1:
        worth = _worth(audit.together, sums)
        shown.append(
            f"<div class='culprit together'><h3>All at once</h3><ul class='fixes'><li>"
            f"{safe(audit.together.text)} {worth}</li></ul></div>"
        )
    return section(
        "Who is to blame",
        "What keeps tokens from being read, the dearest first. Each saving comes from replaying "
        "these very logs with that one change.",
        *shown,
        rest,
    )


def _culprit(culprit: Culprit, sums: Sums) -> str:
    lost = sums.told(culprit)
    where = ", ".join(filter(None, (loss(culprit), culprit.where, culprit.family)))
    sides = "".join(_side(spot) for spot in (culprit.a, culprit.b) if spot is not None)
    fixes = "".join(
        f"<li><b>{safe(action(fix.action))}.</b> {safe(fix.text)} {_worth(fix, sums)}</li>"
        for fix in worthwhile(culprit.fixes, sums)
    )
    return (
        f"<article class='culprit'><h3><span class='rank'>{culprit.rank}</span>"
        f"{safe(title(culprit))}<em>{safe(lost)}</em></h3><p class='where'>{safe(where)}</p>"
        f"{sides}{f'<ul class=fixes>{fixes}</ul>' if fixes else ''}</article>"
    )


def _side(spot: Spot) -> str:
    before, inside, after = map(safe, parts(spot))
    marked = f"<mark>{inside}</mark>" if inside else "<mark>&nbsp;</mark>"
    start = "…" if spot.offset > spot.start else ""
    return (
        f"<div class='side'><span class='where'>{safe(place(spot))}</span>"
        f"<code>{start}{before}{marked}{after}…</code></div>"
    )


def _worth(fix: Fix, sums: Sums) -> str:
    saved = sums.saved(fix)
    if saved is None:
        return f"<span class='saves'>Reads {fix.tokens:,} tokens more.</span>"
    if saved > 0:
        return f"<span class='saves'>Saves {money(saved)} {sums.unit}.</span>"
    word = "Alone it saves nothing." if saved == 0 else f"Alone it costs {money(-saved)} more."
    return f"<span class='costs'>{word}</span>"


def latent(audit: Audit) -> str:
    """What did no harm so far."""
    return section(
        "Watch out",
        "These look as if they changed, and did not in these logs. On the day they do, all that "
        "stands behind them is no longer read.",
        *(_latent(found) for found in audit.latent[:_LATENT]),
    )


def _latent(found: Latent) -> str:
    where = f"{found.tokens:,} tokens behind it, {found.requests:,} requests, {found.where}"
    return (
        f"<article class='culprit'><h3>{safe(title(found))}</h3>"
        f"<p class='where'>{safe(where)}</p>{_side(found.spot)}"
        f"<ul class='fixes'><li>{safe(found.text)}</li></ul></article>"
    )


def tallies(name: str, found: tuple[Tally, ...]) -> str:
    """Sums by one column; nothing where there is one line alone."""
    heads = (f"by {name}", "requests", "input", "hit rate", "requests that read", "written", "cost")
    rows = [
        (
            one.name,
            f"{one.requests:,}",
            tokens(one.input),
            percent(one.hit_rate),
            percent(one.hits / one.requests if one.requests else None),
            percent(one.creation_rate),
            "-" if one.cost is None else money(one.cost),
        )
        for one in found[:_ROWS]
    ]
    if len(rows) < 2:
        return ""
    if len(rows) <= _PLAIN:
        return table(heads, rows)
    return (
        f"<details><summary>By {safe(name)}: {len(found):,}</summary>{table(heads, rows)}</details>"
    )


def trust(audit: Audit) -> str:
    """The emulator beside what providers said."""
    found = audit.trust
    if not found.requests:
        return ""
    rows = []
    for name, (recorded, emulated) in (
        ("input", found.input),
        ("read", found.read),
        ("written", found.written),
    ):
        error = (emulated - recorded) / max(1, found.input[0])
        rows.append((name, f"{recorded:,}", f"{emulated:,}", f"{error:+.1%}"))
    why = "".join(f"<li>{safe(text)}</li>" for text in found.why)
    return section(
        "How far to believe this",
        f"{found.requests:,} requests have recorded usage; this is what the emulator says of the "
        f"same. {found.exact / found.requests:.1%} of them agree within 2% of their input.",
        table(("tokens", "recorded", "emulated", "error, of the input"), rows),
        f"<ul class='notes'>{why}</ul>" if why else "",
    )


def notes(audit: Audit) -> str:
    """Assumptions, and the files."""
    said = "".join(f"<li>{safe(note)}</li>" for note in audit.notes)
    files = table(
        ("file", "format", "requests", "broken rows", "duplicates", "notes"),
        [
            (
                source.path,
                source.format,
                f"{source.records:,}",
                f"{source.broken:,}",
                f"{source.duplicates:,}",
                "; ".join(source.notes),
            )
            for source in audit.sources
        ],
        texts=(1, 5),
    )
    return section(
        "Notes",
        "What was assumed, and what was read.",
        f"<ul class='notes'>{said}</ul>" if said else "",
        f"<details><summary>{count(len(audit.sources), 'file')}</summary>{files}</details>",
    )
