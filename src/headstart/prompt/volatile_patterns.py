"""What volatile spans look like: ids, clocks, counters, people, and whatever is random."""

from __future__ import annotations

import re

from headstart.prompt.volatile_checks import (
    account,
    high_port,
    identifier,
    mixed,
    not_generic,
    numbered,
    personal,
    random_token,
    temporary,
    varied,
)
from headstart.prompt.volatile_clock import CLOCK_PATTERNS
from headstart.prompt.volatile_kinds import VolatileKind as K
from headstart.prompt.volatile_look import END, START, Pattern, said_after, word


def _id_of(names: str) -> str:
    return rf"(?:{names})(?:[ _-]?(?:id|key|number|nonce|identifier))"


PATTERNS = (
    Pattern(K.JWT, re.compile(r"\beyJ[\w-]{8,}+\.eyJ[\w-]{5,}+\.[\w-]*+"), needs=("eyJ",)),
    Pattern(K.TRACE_ID, word(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}"), varied),
    Pattern(
        K.UUID,
        word(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"),
        varied,
        needs=("-",),
    ),
    # The first two characters of a ULID are its time: "01" from 2004 to 2039.
    Pattern(K.ULID, word(r"01[0-9A-HJKMNP-TV-Z]{24}"), mixed, needs=("01",)),
    Pattern(
        K.REQUEST_ID,
        word(r"(?:req|request|msg|resp|chatcmpl|cmpl|call|toolu|run|evt|gen)[_-][A-Za-z0-9]{6,64}"),
        identifier,
        needs=("_", "-"),
    ),
    Pattern(
        K.SESSION_ID,
        word(r"(?:sess|session|sid|thread|conv|conversation|chat)[_-][A-Za-z0-9]{6,64}"),
        identifier,
        needs=("_", "-"),
    ),
    Pattern(
        K.TRACE_ID,
        word(r"(?:trace|span)[_-][A-Za-z0-9]{6,64}"),
        identifier,
        needs=("trace", "span"),
    ),
    *CLOCK_PATTERNS,
    Pattern(
        K.REQUEST_ID,
        said_after(
            _id_of("request|req|message|response|run|call|job|transaction|execution|invocation")
        ),
        numbered,
        1,
    ),
    Pattern(
        K.SESSION_ID, said_after(_id_of("session|conversation|thread|chat|connection")), numbered, 1
    ),
    Pattern(K.TRACE_ID, said_after(_id_of("trace|span|correlation")), numbered, 1),
    Pattern(
        K.USER,
        said_after(_id_of("user|account|customer|client|tenant|member") + r"|user ?name|login"),
        account,
        1,
    ),
    Pattern(
        K.EMAIL,
        re.compile(
            r"(?<![\w.+@-])[A-Za-z0-9][\w.+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,4}[A-Za-z]{2,24}"
            + END
        ),
        personal,
        needs=("@",),
    ),
    Pattern(
        K.USER,
        re.compile(
            r"\b(?:[Ll]ogged in as|[Ss]igned in as|[Oo]n behalf of"
            r"|(?:[Cc]urrent|[Aa]ctive) (?:user|customer)(?: is|:)"
            r"|(?:[Uu]ser|[Cc]ustomer|[Cc]lient|[Aa]ccount [Hh]older)(?:'s)?(?: full)?[ _][Nn]ame"
            r"(?: is|:)"
            r"|(?:[Tt]alking|[Ss]peaking|[Cc]hatting) (?:to|with)|[Mm]y name is) {1,2}"
            r"[\"'`]?([A-Z][\w'’-]{1,40}(?: [A-Z][\w'’-]{1,40}){0,2})"
        ),
        not_generic,
        1,
    ),
    Pattern(
        K.USER,
        re.compile(r"(?:/home/|/Users/|\\Users\\)([A-Za-z0-9_][\w.-]{0,40}+)(?=[/\\])"),
        not_generic,
        1,
        needs=("/home/", "Users"),
    ),
    Pattern(
        K.TEMP_PATH,
        re.compile(
            r"(?:(?:/private)?/var/folders/|(?<![\w/.-])(?:/var)?/tmp/|\\Temp\\)"
            r"[^\s\"'<>|;,)`]{1,200}"
        ),
        temporary,
        needs=("/tmp/", "/folders/", "\\Temp\\"),
    ),
    Pattern(
        K.PORT,
        re.compile(
            r"(?:localhost|\b\d{1,3}(?:\.\d{1,3}){3}|\b[Pp]ort(?: number)?(?: is)?) ?:? ?(\d{5})"
            + END
        ),
        high_port,
        1,
    ),
    Pattern(
        K.COUNTER,
        re.compile(
            r"\b(?:request|call|turn|message|attempt|iteration|round|visit|query|question|run|job"
            r"|session|conversation|build|ticket|try|retry|step|page|user|customer|invocation)s?"
            r"(?:[ _](?:number|no\.?|count|index))?[ :=]{0,2}"
            r"(?:#\d{1,12}|\d{1,12}(?: ?/ ?| of | out of )\d{1,12})" + END,
            re.IGNORECASE,
        ),
        needs=("#", "/", "of"),
    ),
    Pattern(
        K.COUNTER,
        re.compile(
            r"\b(?:request|call|turn|message|attempt|iteration|token|visit|query|run|session)s?"
            r"[ _](?:number|count|index|used|left|remaining|usage|so far)"
            r"[\"']?(?: is|:|=)? {0,2}(\d[\d,]{0,14})(?: ?/ ?\d[\d,]{0,14})?" + END,
            re.IGNORECASE,
        ),
        group=1,
    ),
    Pattern(
        K.COUNTER,
        re.compile(
            START + r"(\d[\d,]{0,14}) (?:(?:request|call|turn|message|token|attempt|quer|iteration)"
            r"(?:s|y|ies)? )?(?:remaining|left|so far)\b",
            re.IGNORECASE,
        ),
        group=1,
        needs=("emaining", "left", "so far"),
    ),
    Pattern(
        K.HASH,
        re.compile(
            r"\b(?:commit|sha(?:1|256)?|rev(?:ision)?|HEAD|digest|checksum|etag)\b[\"']?"
            r"(?: is|:|=| at)? {0,2}[\"']?([0-9a-f]{7,15})" + END
        ),
        mixed,
        1,
    ),
    Pattern(K.HASH, word(r"[0-9a-f]{16,}+|[0-9A-F]{16,}+"), mixed),
    Pattern(
        K.TOKEN,
        re.compile(r"(?<![A-Za-z0-9_+/=.-])[A-Za-z0-9_+/-]{20,}+={0,2}(?![A-Za-z0-9_+/=-])"),
        random_token,
    ),
)
"""The more specific first: characters that one has claimed are not another's."""
