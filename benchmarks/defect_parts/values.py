"""What a volatile line says, by kind: a new value each time it is asked."""

from __future__ import annotations

import base64
import random
import string
import unicodedata
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

Line = Callable[[random.Random, float, int], tuple[str, str, str]]
"""(chance, Unix seconds, number) -> what stands before the value, the value, what follows."""

_HEX, _ALNUM = "0123456789abcdef", string.ascii_letters + string.digits
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_NAMES = ("Anna Lindqvist", "Bao Nguyen", "Carla Moretti", "Dmitri Volkov", "Esi Mensah")
_HOSTS = ("acme.io", "northwind.com", "contoso.org", "initech.net")


def _some(chance: random.Random, letters: str, count: int) -> str:
    return "".join(chance.choice(letters) for _ in range(count))


def _clock(now: float) -> datetime:
    return datetime.fromtimestamp(now, UTC)


def _jwt(chance: random.Random) -> str:
    def part(text: str) -> str:
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    claims = f'{{"sub":"{chance.randrange(10**9)}","iat":{chance.randrange(10**9)}}}'
    return ".".join((part('{"alg":"HS256","typ":"JWT"}'), part(claims), _some(chance, _ALNUM, 43)))


def _token(chance: random.Random) -> str:
    """Letters of both cases and digits, as random ones of this length practically have."""
    text = list(_some(chance, _ALNUM, 29) + "aZ7")
    chance.shuffle(text)
    return "".join(text)


PER_REQUEST: dict[str, Line] = {
    "timestamp": lambda c, t, n: (
        "The current time is ",
        _clock(t).strftime("%Y-%m-%dT%H:%M:%SZ"),
        ".",
    ),
    "time": lambda c, t, n: ("Local time: ", _clock(t).strftime("%H:%M:%S"), "."),
    "uuid": lambda c, t, n: ("Instance ", str(uuid.UUID(int=c.getrandbits(128), version=4)), "."),
    "ulid": lambda c, t, n: ("Item ", "01" + _some(c, _CROCKFORD, 24), "."),
    "request_id": lambda c, t, n: ("Request id: ", "req_" + _some(c, _ALNUM, 18) + "7", "."),
    "trace_id": lambda c, t, n: (
        "traceparent ",
        f"00-{_some(c, _HEX, 32)}-{_some(c, _HEX, 16)}-01",
        ".",
    ),
    "hash": lambda c, t, n: ("Working tree at commit ", _some(c, _HEX, 40), "."),
    "jwt": lambda c, t, n: ("Use the bearer ", _jwt(c), " for internal calls."),
    "token": lambda c, t, n: ("Nonce ", _token(c), "."),
    "counter": lambda c, t, n: ("This is request #", str(n + 1), " of the day."),
    "temp_path": lambda c, t, n: (
        "Scratch space: ",
        f"/tmp/tmp{_some(c, string.ascii_lowercase + string.digits, 8)}/work",
        " (temporary).",
    ),
    "port": lambda c, t, n: ("The browser listens on localhost:", str(c.randint(40000, 60000)), ""),
}
PER_CONVERSATION: dict[str, Line] = {
    "session_id": lambda c, t, n: ("Session id: ", "sess_" + _some(c, _ALNUM, 18) + "7", "."),
    "email": lambda c, t, n: (
        "The user's address is ",
        f"{_some(c, string.ascii_lowercase, 7)}.{n}@{c.choice(_HOSTS)}",
        ".",
    ),
    "user": lambda c, t, n: ("You are talking to ", _NAMES[n % len(_NAMES)], "."),
}
PER_DAY: dict[str, Line] = {
    "date": lambda c, t, n: ("Today's date is ", _clock(t).strftime("%Y-%m-%d"), "."),
}


def _items(chance: random.Random, number: int) -> str:
    items = [
        f"- {name} passage: {what}"
        for name, what in (
            ("baggage", "two bags of up to 23 kg are free for gold members"),
            ("refund", "basic economy is refunded within a day of booking"),
            ("delay", "a voucher is given for each passenger of a delayed flight"),
            ("seats", "cabin changes cost the difference of the two fares"),
            ("pets", "small animals travel in the cabin if they are announced"),
        )
    ]
    chance.shuffle(items)
    return "\n".join(items)


def _object(chance: random.Random, number: int) -> str:
    members = ['"region":"eu-north"', '"tier":"gold"', '"limit":250', '"dry_run":false']
    chance.shuffle(members)
    return "{" + ",".join(members) + "}"


def _one_of(*variants: str) -> Callable[[random.Random, int], str]:
    return lambda chance, number: variants[number % len(variants)]


_ACCENTED = "Café Noël, Málaga: crème brûlée, naïve résumé, Zürich"
VARIANTS: dict[str, Callable[[random.Random, int], str]] = {
    "example_order": lambda c, n: "Retrieved passages:\n" + _items(c, n),
    "key_order": lambda c, n: "Settings: " + _object(c, n),
    "whitespace": _one_of(
        "Answer in short sentences. Ask before you act.",
        "Answer in short  sentences.  Ask before you act.",
    ),
    "unicode_form": _one_of(
        unicodedata.normalize("NFC", _ACCENTED), unicodedata.normalize("NFD", _ACCENTED)
    ),
    "number_format": _one_of(
        "A fee of 1250 is due above 40000 points.", "A fee of 1,250 is due above 40,000 points."
    ),
    "case": _one_of(
        "Important: confirm every booking with the user.",
        "IMPORTANT: confirm every booking with the user.",
    ),
}
"""The same said in another way: a whole line of it."""
