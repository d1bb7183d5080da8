"""What to change, by the reason of a miss: one or two sentences."""

from __future__ import annotations

from dataclasses import asdict
from typing import Final

from headstart.prompt import Prompt, VolatileKind
from headstart.providers import Rules, minimum_of
from headstart.usage import MissReason

_IN_PLACE: Final = (MissReason.DIVERGED, MissReason.TOOLS_CHANGED, MissReason.FIRST_SIGHT)
_SCOPE: Final = ("key", "user", "session", "salt", "resource")
_NOTHING: Final = "Nothing to change: what was sent before is read."
_FIXED: Final = {
    MissReason.FIRST_SIGHT: "Nothing to change: none of it was sent before.",
    MissReason.EVICTED: "The provider dropped it before its time: send it more often, or ask for a "
    "longer lifetime.",
    MissReason.DIVERGED: "Append to the prompt, and leave what was sent before as it was.",
    MissReason.TOOLS_CHANGED: "Send the same tools in the same order in every request.",
    MissReason.NOT_YET_READABLE: "Wait until the first response begins before sending others that "
    "share its prompt.",
    MissReason.ROUTED_ELSEWHERE: "Send the same prompt_cache_key with all requests that share a "
    "prefix, so that they reach the machine that holds it.",
    MissReason.TOOL_CHOICE_CHANGED: "Send the same tool_choice in every request.",
}


def advice(
    reason: MissReason | None,
    rules: Rules,
    model: str,
    *,
    place: str | None = None,
    volatile: VolatileKind | None = None,
    changed: str = "",
    after: float | None = None,
) -> str:
    """``place`` says what would take the difference away that was found (``Split.remedy``),
    ``volatile`` of which kind it is; ``changed`` names what else differs (``changes``);
    ``after`` is the seconds since the earlier request."""
    if reason in _IN_PLACE and place and (volatile or reason is not MissReason.FIRST_SIGHT):
        return place
    said = _NOTHING if reason is None else _FIXED.get(reason) or _of(reason, rules, model, changed)
    if reason is MissReason.EXPIRED:
        said = _expired(rules, after)
    return f"{said} {place}" if reason and place and volatile else said


def changes(before: Prompt, now: Prompt) -> str:
    """In what two requests differ apart from their prompts: models, and the names of settings
    and scopes."""
    settings = {**before.settings, **now.settings}
    found = [name for name in settings if before.settings.get(name) != now.settings.get(name)]
    one, two = asdict(before.controls), asdict(now.controls)
    found += [name for name in _SCOPE if one[name] != two[name]]
    models = [f"{before.model}, then {now.model}"] if before.model != now.model else []
    return ", ".join(models + sorted(found))


def _of(reason: MissReason, rules: Rules, model: str, changed: str) -> str:
    marker = rules.marker or "cache directive"
    names = f" (here: {changed})" if changed else ""
    match reason:
        case MissReason.BELOW_MINIMUM:
            least = minimum_of(rules, model)
            return (
                f"{rules.provider} caches {least:,} tokens or more: let more of the prompt be "
                "the same in each request, or spare it the directive."
            )
        case MissReason.NO_BREAKPOINT:
            return f"Put a {marker} at the end of what stays the same from request to request."
        case MissReason.LOOKBACK_EXCEEDED:
            far = f"{rules.lookback} blocks" if rules.lookback else "a few blocks"
            return f"Put a {marker} at least every {far}: that is how far back each one looks."
        case MissReason.TOO_MANY_BREAKPOINTS:
            return f"Use no more than {rules.most_markers} of {marker} in a request."
        case MissReason.MODEL_CHANGED:
            return f"Stay with one model within a conversation: each has a cache of its own{names}."
        case MissReason.SETTINGS_CHANGED:
            return f"Keep the settings that are part of the cache's key the same{names}."
        case MissReason.SCOPE_CHANGED:
            return f"Send it under the same account, cache key, user and salt{names}."
        case _:
            return f"{rules.provider} has no prompt cache for this request: use a model that has."


def _expired(rules: Rules, after: float | None) -> str:
    lives = sorted({life.seconds for life in rules.lifetimes})
    since = f", and {_span(after)} had passed" if after is not None else ""
    longer = [seconds for seconds in lives if after is None or seconds > after][-1:]
    ask = f"ask for the longer lifetime of {_span(longer[0])}" if lives[1:] and longer else ""
    use = "send something that reads it more often"
    first = f"It lives {_span(rules.lifetimes[0].seconds)}" if lives else "Its lifetime ended"
    return f"{first}{since}: {f'{ask}, or ' if ask else ''}{use}."


def _span(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"
