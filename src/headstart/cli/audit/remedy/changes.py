"""``prompt-changes.md``: what to change in the prompts, as patches of two real requests."""

from __future__ import annotations

import re
from typing import Final

from headstart.audit.findings import Audit, Culprit, Fix, Spot
from headstart.cli.audit.plain import Sums, action, loss, title
from headstart.cli.audit.spots import place, side
from headstart.cli.words import money, visible

_WIDTH: Final = 110
_SIGNS: Final = re.compile(r"([\\`*_{}\[\]<>&#|~])")


def changes(audit: Audit) -> str:
    """The file's text, in Markdown."""
    sums = Sums(audit)
    parts = [f"# Prompt changes\n\n{_plain(audit.verdict.text)}\n"]
    parts += [_culprit(culprit, sums) for culprit in audit.culprits]
    if audit.together is not None:
        saved = sums.saved(audit.together)
        worth = "" if saved is None else f" Together they save {money(saved)} {sums.unit}."
        parts.append(f"## All at once\n\n{_plain(audit.together.text)}{worth}\n")
    if not audit.culprits:
        parts.append("There is nothing to mend.\n")
    parts += _latent(audit)
    return "\n".join(parts)


def _culprit(culprit: Culprit, sums: Sums) -> str:
    lost = sums.told(culprit)
    lines = [
        f"## {culprit.rank}. {_plain(title(culprit))}: {lost}",
        "",
        loss(culprit)
        + (f" at `{_code(culprit.where)}`, {culprit.family}." if culprit.where else "."),
        "",
    ]
    if culprit.a is not None and culprit.b is not None:
        lines += _diff(culprit.where, culprit.a, culprit.b)
    for fix in culprit.fixes:
        lines.append(f"- [ ] **{action(fix.action)}** ({_worth(fix, sums)}): {_plain(fix.text)}")
    return "\n".join((*lines, ""))


def _worth(fix: Fix, sums: Sums) -> str:
    saved = sums.saved(fix)
    if saved is None:
        return f"{fix.tokens:,} tokens more are read"
    verb = "alone it costs" if saved < 0 else "saves"
    return f"{verb} {money(abs(saved))} {sums.unit}"


def _diff(where: str, a: Spot, b: Spot) -> list[str]:
    """A patch in unified format; carets are context under both lines."""
    sides = side(a, "-", _WIDTH), side(b, "+", _WIDTH)
    body = [
        f"--- {sides[0].place}",
        f"+++ {sides[1].place}",
        f"@@ {visible(where)}, characters from {a.offset:,} and {b.offset:,} on @@",
    ]
    for one in sides:
        body += [one.text, one.carets]
    return _fenced(body, "diff")


def _latent(audit: Audit) -> list[str]:
    if not audit.latent:
        return []
    parts = [
        "## Watch out\n\nThese look as if they changed, and did not in these logs. On the day they "
        "do, all that stands behind them is no longer read.\n"
    ]
    for found in audit.latent:
        shown = side(found.spot, " ", _WIDTH)
        body = _fenced([f"{place(found.spot)} {visible(found.where)}", shown.text, shown.carets])
        head = f"- [ ] {_plain(title(found))}, {found.tokens:,} tokens behind it: "
        parts.append("\n".join((head + _plain(found.text), "", *body)))
    return parts


def _fenced(lines: list[str], language: str = "") -> list[str]:
    """A code block that nothing in it ends early."""
    longest = max((len(run) for run in re.findall(r"`+", "\n".join(lines))), default=0)
    fence = "`" * max(3, longest + 1)
    return [fence + language, *lines, fence, ""]


def _plain(text: str) -> str:
    """Text that Markdown takes for nothing else."""
    return _SIGNS.sub(r"\\\1", visible(text))


def _code(text: str) -> str:
    return visible(text).replace("`", "'")
