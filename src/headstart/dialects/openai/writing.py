"""A prompt as the keyword arguments of the OpenAI SDK: what both of its APIs share.

Source: types of openai 3.54.0. What these don't have goes through ``extra_body`` and
``extra_headers``.
"""

from __future__ import annotations

import re
from typing import Any

from headstart.dialects.neutral import lifetime
from headstart.dialects.openai.directives import BREAKPOINT
from headstart.dialects.openai.family import Format
from headstart.prompt import Prompt

_OWN = ("openai-chat", "openai-responses", "azure")
_AUTOMATIC = re.compile(r"(?:ft:)?(?:gpt-[34]|gpt-5(?:\.[0-5])?(?![.\d])|o\d|chatgpt-4)")
"""OpenAI's models before gpt-5.6, which refuse cache directives. Any other name may be a
deployment's, or a later model's."""


class Marker:
    """Puts directives on content parts as one provider's model takes them."""

    def __init__(self, form: Format, prompt: Prompt) -> None:
        self.refused = form.name in _OWN and _AUTOMATIC.match(prompt.model) is not None
        self._directive = None if self.refused or not form.directives else form.directives[0]
        self._request_ttl = prompt.controls.ttl
        self._placed = self._dropped = False

    @property
    def takes(self) -> bool:
        """There is a directive for parts."""
        return self._directive is not None

    @property
    def complete(self) -> bool:
        """Every block of a message that was to have one of OpenAI's own breakpoints has it,
        and there is one. Otherwise the implicit one must stand in, and go on to: what it
        wrote is not found without it."""
        placed = self._placed and not self._dropped
        return placed and self._directive is not None and self._directive.key == BREAKPOINT.key

    def part(self, part: dict[str, Any], ttl: float | None) -> dict[str, Any]:
        """The part, marked if ``ttl`` asks for it."""
        directive = self._directive
        if ttl is None or directive is None:
            return part
        self._placed = True
        value = {directive.tag: directive.value}
        seconds = lifetime(ttl, directive.ttls.values())
        inherited = self._request_ttl in directive.ttls.values()
        if seconds != (self._request_ttl if inherited else directive.default):
            value["ttl"] = next(name for name, ttl in directive.ttls.items() if ttl == seconds)
        return {**part, directive.key: value}

    def skip(self, ttl: float | None) -> None:
        """Note a block that takes no directive, and may have been to have one."""
        self._dropped = self._dropped or ttl is not None


def write_controls(prompt: Prompt, form: Format, marker: Marker) -> dict[str, Any]:
    """What a request says to the cache apart from directives on parts."""
    controls = prompt.controls
    written: dict[str, Any] = {}
    if form.key and controls.key is not None:
        written["prompt_cache_key"] = controls.key
    options = {} if marker.refused else _options(prompt, form, marker)
    if options:
        written["prompt_cache_options"] = options
    if controls.retention in form.retentions:
        written["prompt_cache_retention"] = controls.retention
    body: dict[str, Any] = {}
    if form.user is not None and controls.user is not None:
        body[form.user] = controls.user
    if form.salts and controls.salt is not None:
        body[form.salts[0]] = controls.salt
    if controls.session is not None and form.session_fields:
        body[form.session_fields[0]] = controls.session
    elif controls.session is not None and form.session_headers:
        written["extra_headers"] = {form.session_headers[0]: controls.session}
    return {**written, "extra_body": body} if body else written


def _options(prompt: Prompt, form: Format, marker: Marker) -> dict[str, Any]:
    """``prompt_cache_options``. A prompt that places its breakpoints wants no further one,
    which would write, at a price, what is never read again."""
    allowed = form.options
    if allowed is None:
        return {}
    written: dict[str, Any] = {}
    mode = prompt.controls.mode or ("explicit" if marker.complete else None)
    if mode in allowed.modes:
        written["mode"] = mode
    asked = prompt.controls.ttl
    default = min(allowed.ttls.values())
    if asked is None and not form.directives:
        asked = min((s.ttl for s in prompt.segments if s.ttl is not None), default=default)
    seconds = default if asked is None else lifetime(asked, allowed.ttls.values())
    if seconds != default:
        written["ttl"] = next(name for name, ttl in allowed.ttls.items() if ttl == seconds)
    return written
