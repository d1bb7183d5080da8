"""What the hosted dialects of the OpenAI family have in common."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from headstart.dialects.base import DialectError
from headstart.dialects.body import Fields, MalformedBody, decode
from headstart.dialects.events import EventFacts, decoded
from headstart.dialects.hosted import Facts, Hosted, Marked, Placement, Unmarkable, UsageReader
from headstart.dialects.openai.directives import CACHE_CONTROL, Directive, OptionFields, Options
from headstart.dialects.openai.errors import ErrorShape, complain, error_response
from headstart.dialects.openai.marking import mark, strip
from headstart.dialects.openai.outline import Outline
from headstart.dialects.openai.settings import settings_of
from headstart.dialects.openai.usage_fields import UsageFields, at
from headstart.prompt import Controls, Prompt, Segment

_TELLING = re.compile(rb'"(?:usage|finish_reason)"\s*+:\s*+(?!null)')
"""In what has usage or a stop reason, neither being null: in text the quotes are escaped."""


@dataclass(frozen=True, slots=True)
class Format:
    """What one provider takes and gives, as data."""

    name: str
    usage: UsageFields
    settings: tuple[str, ...]
    """Parameters that its cache may key by, as dotted names of fields."""
    directives: tuple[Directive, ...] = ()
    """Those that it takes on content parts; ``mark`` writes the first."""
    options: OptionFields | None = None
    """``prompt_cache_options``, if it has them."""
    automatic: bool = False
    """A ``cache_control`` at the top puts one on the last part that takes it."""
    key: bool = True
    """``prompt_cache_key`` means something to it."""
    retentions: tuple[str, ...] = ()
    """Values of ``prompt_cache_retention``; () where it has none."""
    user: str | None = None
    """The field by which it isolates end users."""
    session_fields: tuple[str, ...] = ()
    """Where a conversation's id stands, in the body or, next, among the headers."""
    session_headers: tuple[str, ...] = ()
    key_header: str | None = None
    """Where a routing key goes, if not into the body."""
    salts: tuple[str, ...] = ()
    """Fields that separate one client's cache from another's."""
    usage_in_choice: bool = False
    """A stream carries usage in the choice of its finish chunk."""
    always_usage: bool = False
    """A stream carries usage unasked."""
    errors: ErrorShape = "nested"


class OpenAIFamily(Hosted):
    """One wire format; subclasses know where the prompt stands and what answers look like."""

    _items: tuple[str, ...]
    """Top-level lists whose entries, and the parts of these, may carry directives."""
    _usage_at: tuple[str, ...]
    """Where usage may stand in a response or an event."""

    def __init__(self, form: Format) -> None:
        self.format = form
        self.name = form.name

    def mark(self, body: bytes, placements: Sequence[Placement]) -> Marked:
        if not placements:
            return Marked(body, ())
        directives = self.format.directives
        try:
            outline, _ = self._outline(parsed(body), Options())
        except DialectError as err:
            raise Unmarkable(err.message) from None
        return mark(body, outline, placements, directives[0] if directives else None)

    def strip(self, body: bytes) -> bytes:
        """``prompt_cache_options`` stay: they place nothing."""
        return strip(body, self.format.directives, self._items)

    def facts(self, body: bytes) -> Facts:
        return self._facts(decoded(body))

    def usage_reader(self) -> UsageReader:
        return EventFacts(_TELLING, self._facts)

    def error(self, err: DialectError, request_id: str) -> tuple[int, dict[str, str], bytes]:
        return error_response(err, request_id, self.format.errors)

    @abstractmethod
    def _outline(self, fields: Fields, options: Options) -> tuple[Outline, str | None]:
        """The prompt's blocks, and the id of content that is not among them."""

    def _facts(self, value: Any) -> Facts:
        """Of a response, or of one event. Never raises."""
        found = (self.format.usage.read(at(value, path)) for path in self._usage_at)
        usage = next((usage for usage in found if usage is not None), None)
        stop = at(value, "choices.0.finish_reason")
        return Facts(usage, stop if isinstance(stop, str) else None)

    def _prompt(
        self, fields: Fields, options: Options, model: str, headers: Mapping[str, str]
    ) -> Prompt:
        outline, reference = self._outline(fields, options)
        segments = outline.bounded()
        automatic = self.format.automatic and fields.data.get(CACHE_CONTROL.key) is not None
        if automatic:
            segments = _automatic(segments, CACHE_CONTROL.ttl(fields, None))
        settings = settings_of(fields.data, self.format.settings)
        controls = self._controls(fields, options, headers, automatic=automatic)
        if reference is not None:
            controls = replace(controls, continues=reference)
        return Prompt(model, segments, settings, controls)

    def _controls(
        self, fields: Fields, options: Options, headers: Mapping[str, str], *, automatic: bool
    ) -> Controls:
        form = self.format
        key = fields.optional("prompt_cache_key", str) if form.key else None
        retention = None
        if form.retentions and fields.data.get("prompt_cache_retention") is not None:
            retention = fields.choice("prompt_cache_retention", form.retentions)
        salts = [salt for name in form.salts if (salt := fields.optional(name, str))]
        user = fields.optional(form.user, str) if form.user else None
        session = [fields.optional(name, str) for name in form.session_fields]
        session += [headers.get(name) for name in form.session_headers]
        return Controls(
            automatic=automatic,
            mode=options.mode,
            ttl=options.ttl,
            key=key,
            retention=retention,
            user=user,
            session=next((found for found in session if found), None),
            salt="\0".join(salts) or None,
        )


def parsed(body: bytes) -> Fields:
    """The object in ``body``; DialectError."""
    try:
        return Fields(decode(body), (), complain)
    except MalformedBody as exc:
        text = f"We could not parse the JSON body of your request: {exc}."
        raise DialectError(400, "invalid_request_error", text) from None


def _automatic(segments: tuple[Segment, ...], ttl: float | None) -> tuple[Segment, ...]:
    """With a directive on the last segment that takes one, unless it has its own."""
    for index in range(len(segments) - 1, -1, -1):
        if segments[index].markable:
            if segments[index].ttl is not None:
                return segments
            marked = replace(segments[index], ttl=ttl)
            return (*segments[:index], marked, *segments[index + 1 :])
    return segments


def read_model(fields: Fields, model: str | None) -> str:
    """The one that the URL names, or the body."""
    name = model or fields.required("model", str)
    if not name:
        raise fields.fail("model", "value", "String should have at least 1 character")
    return name
