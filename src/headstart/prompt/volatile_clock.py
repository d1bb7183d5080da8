"""Dates and times as programs and people write them."""

from __future__ import annotations

import re

from headstart.prompt.volatile_checks import dated
from headstart.prompt.volatile_kinds import VolatileKind as K
from headstart.prompt.volatile_look import END, IS, START, Pattern, word

_YEAR = r"(?:19|20)\d\d"
_MONTH_NUMBER = r"(?:0?[1-9]|1[0-2])"
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_WEEKDAY = r"(?:Mon|Tues?|Wed(?:nes)?|Thu(?:rs)?|Fri|Sat(?:ur)?|Sun)(?:day)?"
_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?"
    r"|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)"
)
_ZONE = r"(?: ?(?:Z|UTC|GMT|[A-Z]{1,3}T)\b)?(?: ?[+-]\d\d:?\d\d)?(?: \([A-Za-z ]{3,40}\))?"
_CLOCK = r"(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:[.,]\d{1,9})?)?(?: ?[AaPp]\.?[Mm]\b\.?)?" + _ZONE
_AND_CLOCK = rf"(?:,? (?:at )?{_CLOCK})"
_NUMERIC_DAY = (
    rf"(?:{_YEAR}([-/.]){_MONTH_NUMBER}\1{_DAY}|{_DAY}([/.]){_DAY}\2{_YEAR}"
    rf"|{_YEAR}年{_MONTH_NUMBER}月{_DAY}日)"
)
_WORDY_DAY = (
    rf"(?:{_WEEKDAY}\.?,? )?(?:{_MONTH}\.? {{1,2}}{_DAY}(?:st|nd|rd|th)?,? {_YEAR}"
    rf"|{_DAY}(?:st|nd|rd|th)?(?: of)?[ -]{_MONTH}\.?,?[ -]{_YEAR})"
)
_ASCTIME = rf"{_WEEKDAY},? {_MONTH} {{1,2}}{_DAY} {_CLOCK} {_YEAR}"
_NOW = r"(?:[Cc]urrent|[Ll]ocal|[Pp]resent|[Ss]ystem|[Ss]erver|[Tt]oday'?s|[Nn]ow)"

CLOCK_PATTERNS = (
    Pattern(K.TIMESTAMP, word(_ASCTIME), dated, needs=(":",)),
    Pattern(
        K.TIMESTAMP, word(rf"{_NUMERIC_DAY}(?:[T_]{_CLOCK}|{_AND_CLOCK})"), dated, needs=(":",)
    ),
    Pattern(K.TIMESTAMP, word(rf"{_WORDY_DAY}{_AND_CLOCK}"), dated, needs=(":",)),
    Pattern(K.TIMESTAMP, word(rf"{_YEAR}[01]\d[0-3]\dT[0-2]\d[0-5]\d(?:[0-5]\d)?Z?"), dated),
    Pattern(
        K.TIMESTAMP,
        re.compile(
            START + r"(?:time(?:stamp)?|epoch|unix(?: time)?|ts|now|seconds|millis(?:econds)?"
            r"|(?:created|updated|issued|expires?)(?:[ _]at)?)"
            r"(?:[\"' ]{0,2}(?:is|=|:|\()?[\"' ]{0,2}){1,2}(1[4-9]\d{8}(?:\d{3}|\.\d{1,6})?)" + END,
            re.IGNORECASE,
        ),
        group=1,
    ),
    Pattern(K.DATE, word(_NUMERIC_DAY), dated),
    Pattern(K.DATE, word(_WORDY_DAY), dated, needs=("19", "20")),
    Pattern(
        K.DATE,
        re.compile(
            rf"\b(?:[Tt]oday|{_NOW} (?:date|day))(?:'s date)?{IS}(?:a )?"
            rf"({_WEEKDAY}|{_MONTH} {_YEAR}|{_MONTH} {_DAY}(?:st|nd|rd|th)?)" + END
        ),
        group=1,
    ),
    Pattern(
        K.TIME,
        re.compile(rf"\b(?:(?:{_NOW}|[Tt]he) [Tt]ime|[Tt]ime now|[Ii]t is|[Nn]ow){IS}({_CLOCK})"),
        group=1,
        needs=(":",),
    ),
    Pattern(
        K.TIME,
        re.compile(rf"\b(?:[Ii]t is|[Ii]t's)(?: now| currently)? ({_CLOCK})"),
        group=1,
        needs=(":",),
    ),
)
