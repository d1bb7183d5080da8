"""Why tokens that could have been read from a cache were not: a closed list."""

from __future__ import annotations

from enum import StrEnum


class MissReason(StrEnum):
    """One reason for all that a request did not read. A request that reads everything
    that was ever seen of its prompt has none, however much is new in it."""

    FIRST_SIGHT = "first_sight"
    """No earlier request shares any of it."""
    EXPIRED = "expired"
    """It was cached, and its lifetime ended."""
    EVICTED = "evicted"
    """It should still be there; the provider's usage says it is not."""
    DIVERGED = "diverged"
    """An earlier request begins alike, and differs before the end of what was cached."""
    BELOW_MINIMUM = "below_minimum"
    """Shorter than what the provider caches."""
    NO_BREAKPOINT = "no_breakpoint"
    """The provider caches what is marked, and nothing is, or was, at a place they share."""
    LOOKBACK_EXCEEDED = "lookback_exceeded"
    """Cached, but further back from every breakpoint than the provider looks."""
    TOO_MANY_BREAKPOINTS = "too_many_breakpoints"
    """Its breakpoint was one more than the provider honours."""
    MODEL_CHANGED = "model_changed"
    TOOLS_CHANGED = "tools_changed"
    TOOL_CHOICE_CHANGED = "tool_choice_changed"
    SETTINGS_CHANGED = "settings_changed"
    """Another parameter that is part of the key: thinking, effort, format, speed ..."""
    SCOPE_CHANGED = "scope_changed"
    """Cached for another account, workspace, user, salt or cache key."""
    NOT_YET_READABLE = "not_yet_readable"
    """Being written by a request whose response has not begun."""
    ROUTED_ELSEWHERE = "routed_elsewhere"
    """Held by a machine that did not get the request."""
    UNSUPPORTED = "unsupported"
    """The model, or this kind of request, has no prompt cache."""
