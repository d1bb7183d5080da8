"""What an audit finds, in words for people who never read about prompt caches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from headstart.audit.findings import Audit, Culprit, Fix, Latent, Option
from headstart.cli.words import money

DAY: Final = 86_400.0

_CAUSES: Final = {
    "timestamp": "A date with a time",
    "date": "A date",
    "time": "A time of day",
    "uuid": "A random id (UUID)",
    "ulid": "A random id (ULID)",
    "request_id": "The id of a request",
    "session_id": "The id of a session",
    "trace_id": "The id of a trace",
    "hash": "A hash",
    "jwt": "A signed token",
    "token": "Random characters",
    "counter": "A counter",
    "email": "An e-mail address",
    "user": "A user's name or id",
    "temp_path": "The path of a temporary file",
    "port": "A port number",
    "tool_order": "Tools in changing order",
    "example_order": "Lines or items in changing order",
    "key_order": "JSON keys in changing order",
    "whitespace": "White space that varies",
    "line_endings": "Line endings that vary",
    "unicode_form": "Two ways to encode the same characters",
    "number_format": "Numbers written in two ways",
    "case": "Capital letters that vary",
    "content": "Text that was edited",
    "tool_added": "Tools that come and go",
    "history_cut": "A history whose beginning was cut off",
    "first_sight": "Prompts that nobody sent before",
    "expired": "Pauses longer than the cache lives",
    "evicted": "Entries that the provider dropped early",
    "diverged": "Prompts that part",
    "below_minimum": "Prompts shorter than what the provider caches",
    "no_breakpoint": "Nothing marked for the cache where prompts are alike",
    "lookback_exceeded": "Too many new blocks since the last marker",
    "too_many_breakpoints": "More cache markers than the provider honours",
    "model_changed": "Another model in the same conversation",
    "tools_changed": "Tools that change",
    "tool_choice_changed": "A tool_choice that changes",
    "settings_changed": "Settings that change (thinking, effort, format ...)",
    "scope_changed": "Another account, user or cache key",
    "not_yet_readable": "Requests sent before the first one's answer began",
    "routed_elsewhere": "Requests that met another machine",
    "unsupported": "A model without a prompt cache",
}
_SECTIONS: Final = {
    "tool": "in the tools",
    "system": "in the system text",
    "message": "in a message",
}
_ACTIONS: Final = {
    "move": "Move it to the end",
    "freeze": "Keep it the same",
    "sort": "Sort",
    "normalise": "Write it one way",
    "split": "Cut the block in two",
    "pin": "Keep the list the same",
    "ttl_1h": "Ask for one hour",
    "keep_alive": "Keep it warm",
    "stagger": "Let the first one go ahead",
    "one_wording": "Stay with one wording",
    "model": "Take another model",
    "breakpoint": "Place cache markers anew",
    "breakpoints": "Place cache markers anew",
    "append": "Only append",
    "together": "All of these",
}


def cause(name: str) -> str:
    """A cause's name in words."""
    return _CAUSES.get(name, name.replace("_", " ").capitalize())


def action(name: str) -> str:
    """What a fix does, in a few words."""
    return _ACTIONS.get(name, name.replace("_", " ").capitalize())


def title(found: Culprit | Latent) -> str:
    """``A date with a time in the system text``."""
    name = cause(found.cause)
    place = "" if name.startswith("Tools") else _SECTIONS.get(found.section, "")
    return f"{name} {place}".rstrip()


class Sums:
    """Money as it is told: a month's where logs span a day or more, else that of the logs."""

    def __init__(self, audit: Audit) -> None:
        seconds = audit.now.seconds
        self.monthly = seconds is not None and seconds >= DAY
        self.unit = "a month" if self.monthly else "in these logs"

    def lost(self, found: Culprit) -> float | None:
        """USD that a culprit costs."""
        return found.month if self.monthly else found.money

    def told(self, found: Culprit) -> str:
        """What a culprit costs, in words."""
        if not found.lost and found.behind:
            return "hidden by the others so far"
        return self.spoken(self.lost(found), found.lost)

    def saved(self, fix: Fix) -> float | None:
        """USD that a fix saves."""
        return fix.month if self.monthly else fix.saving

    def cost(self, option: Option) -> float | None:
        """USD of all traffic."""
        return option.month if self.monthly else option.cost

    def spoken(self, usd: float | None, tokens: int) -> str:
        """Money with its unit, or tokens where nothing has a price."""
        return f"{tokens:,} tokens" if usd is None else f"{money(usd)} {self.unit}"


def worthwhile(fixes: Sequence[Fix], sums: Sums) -> Sequence[Fix]:
    """Those that save something, or else the best one."""
    found = [fix for fix in fixes if (saved := sums.saved(fix)) is None or saved > 0]
    return found or fixes[:1]


def now_option(audit: Audit) -> Option | None:
    """What all other options are compared with: the emulated traffic where there are two."""
    found = [option for option in audit.options if option.kind == "now"]
    return found[-1] if found else None


def reachable(audit: Audit) -> float | None:
    """Hit rate with all fixes; None where there is nothing to mend."""
    found = [option for option in audit.options if option.kind == "fixes"]
    return found[0].hit_rate if found else None


def count(number: int, name: str) -> str:
    """``1 file``, ``12 files``."""
    return f"{number:,} {name}{'' if number == 1 else 's'}"


def loss(culprit: Culprit) -> str:
    """Requests and tokens that it cost, and will cost."""
    said = f"{count(culprit.requests, 'request')} lost {culprit.lost:,} tokens"
    if culprit.behind > culprit.lost:
        said += f" ({culprit.behind:,} once the others are mended)"
    return said


def facts(audit: Audit) -> str:
    """How much was read."""
    now = audit.now
    said = [
        count(len(audit.sources), "file"),
        count(now.total.requests, "request"),
        count(now.conversations, "conversation"),
    ]
    return ", ".join(said if now.seconds is None else (*said, span(now.seconds)))


def span(seconds: float) -> str:
    """``3.2 days``, ``12 min``."""
    for size, unit in ((DAY, "day"), (3600.0, "hour"), (60.0, "min")):
        if seconds >= size:
            count = f"{seconds / size:.3g}"
            return f"{count} {unit}{'' if count == '1' or unit == 'min' else 's'}"
    return f"{seconds:.3g} s"
