"""The page as a whole: text, pictures, and the one script that draws them."""

from __future__ import annotations

import json
from base64 import b64encode
from hashlib import sha256
from importlib import import_module
from typing import Any

from headstart import __version__
from headstart.audit.findings import Audit
from headstart.cli.audit.page import pictures, sections
from headstart.cli.audit.page.style import SCRIPT, STYLE
from headstart.cli.audit.page.text import plot, safe, section, table
from headstart.cli.audit.page.tree import SHOWN, trees


def render(audit: Audit) -> str:
    """HTML with plotly's JavaScript in it. Nothing else may run in the page, and nothing be
    loaded (content security policy). ModuleNotFoundError without plotly."""
    offline: Any = import_module("plotly.offline")
    scripts = (str(offline.get_plotlyjs()), SCRIPT)
    figures: dict[str, Any] = {}
    body = _body(audit, figures)
    hashes = " ".join(
        f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" for script in scripts
    )
    policy = (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        "<meta name='viewport' content='width=device-width,initial-scale=1'>"
        "<link rel='icon' href='data:,'>"
        f"<title>Prompt cache audit</title><style>{STYLE}</style></head><body><main>{body}"
        f"<footer>Headstart {safe(__version__)}. Savings are replays of these logs in an emulator "
        "of the providers' documented rules.</footer></main>"
        f"<script type='application/json' id='figures'>{_data(figures)}</script>"
        + "".join(f"<script>{script}</script>" for script in scripts)
        + "</body></html>"
    )


def _data(figures: dict[str, Any]) -> str:
    """JSON that no HTML parser can take for an end of its element."""
    return json.dumps(figures, allow_nan=False).replace("<", "\\u003c")


def _body(audit: Audit, figures: dict[str, Any]) -> str:
    return "".join(
        (
            sections.headlines(audit),
            sections.culprits(audit),
            sections.latent(audit),
            _what_if(audit, figures),
            _prompts(audit, figures),
            _over_time(audit, figures),
            _curves(audit, figures),
            section(
                "By model and kind",
                "",
                *(
                    sections.tallies(name, found)
                    for name, found in (
                        ("model", audit.now.by_model),
                        ("provider", audit.now.by_provider),
                        ("kind of conversation", audit.now.by_kind),
                        ("prefix version (tools and system text)", audit.now.by_version),
                    )
                ),
            ),
            sections.trust(audit),
            sections.notes(audit),
        )
    )


def _what_if(audit: Audit, figures: dict[str, Any]) -> str:
    picture = pictures.what_if(audit)
    if picture is None:
        return ""
    figures["what-if"] = picture
    notes = table(
        ("", "note"), [(option.name, option.note) for option in audit.options], texts=(1,)
    )
    return section(
        "What if",
        "The same requests another way, each replayed: other markers, other layouts, other models "
        "at their prices.",
        plot("what-if", "cost of the same traffic another way"),
        f"<details><summary>How each was reckoned</summary>{notes}</details>",
    )


def _prompts(audit: Audit, figures: dict[str, Any]) -> str:
    drawn = [family for family in audit.families[:SHOWN] if family.tree]
    if not drawn:
        return ""
    figures["tree"] = trees(tuple(drawn))
    choices = "".join(
        f"<option value='{number}'>{safe(family.id)}: {family.requests:,} requests, "
        f"{safe(family.label[:60])}</option>"
        for number, family in enumerate(drawn)
    )
    choice = f"<select data-for='tree' aria-label='family'>{choices}</select>"
    rows = [
        (f.id, f.label, f"{f.requests:,}", f"{f.stable:,}", f"{f.dynamic:,}", f"{f.versions:,}")
        for f in audit.families
    ]
    heads = ("family", "begins with", "requests", "stable tokens", "changing tokens", "versions")
    return section(
        "Your prompts",
        "Prompts that begin alike are a family. Read the picture from left to right, as a model "
        "reads the prompt: a piece is as wide as it has tokens and as high as it has requests; "
        "teal means that requests stay together there, red that they part. Only what is shared "
        "from the left edge on can be read from a cache.",
        choice,
        plot("tree", "prefix tree of a family of prompts"),
        f"<details><summary>All families</summary>{table(heads, rows, texts=(1,))}</details>",
    )


def _over_time(audit: Audit, figures: dict[str, Any]) -> str:
    made = []
    for name, found, title in (
        ("by-day", audit.now.by_day, "By day, UTC"),
        ("by-hour", audit.now.by_hour, "By hour of day, UTC"),
    ):
        picture = pictures.over(found, title)
        if picture is not None:
            figures[name] = picture
            made.append(plot(name, title))
    inside = f"<div class='pair'>{''.join(made)}</div>" if made else ""
    return section("Over time", "The line is the hit rate, the bars are requests.", inside)


def _curves(audit: Audit, figures: dict[str, Any]) -> str:
    made, said = [], []
    for curve in audit.curves:
        figures[curve.name] = pictures.curve(curve)
        made.append(plot(curve.name, pictures.summary(curve)))
        said.append(f"<p class='where'>{safe(curve.note)}.</p>")
    inside = f"<div class='pair'>{''.join(made)}</div>{''.join(said)}" if made else ""
    return section(
        "How long, and how much",
        "What could be read if everything were kept for so long, or if only so much fits.",
        inside,
    )
