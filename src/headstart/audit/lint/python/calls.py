"""Which calls give something else each time, by their full names."""

from __future__ import annotations

import ast
import re
from typing import Final

from headstart.audit.lint.codes import CODE_OF
from headstart.prompt import VolatileKind

_K = VolatileKind
_TIMESTAMP, _DATE = CODE_OF[_K.TIMESTAMP], CODE_OF[_K.DATE]
_RANDOM, _PROCESS = "HS017", "HS018"
_CALLS: Final = {
    **dict.fromkeys(
        (
            "datetime.datetime.now",
            "datetime.datetime.utcnow",
            "datetime.datetime.today",
            "time.time",
            "time.time_ns",
            "time.monotonic",
            "time.perf_counter",
            "time.ctime",
            "time.asctime",
            "time.localtime",
            "time.gmtime",
            "django.utils.timezone.now",
            "django.utils.timezone.localtime",
            "pendulum.now",
            "arrow.now",
            "arrow.utcnow",
            "pandas.Timestamp.now",
            "pandas.Timestamp.utcnow",
        ),
        _TIMESTAMP,
    ),
    **dict.fromkeys(
        ("datetime.date.today", "pendulum.today", "django.utils.timezone.localdate"), _DATE
    ),
    **dict.fromkeys(("uuid.uuid4", "uuid.uuid1", "uuid.uuid7"), CODE_OF[_K.UUID]),
    **dict.fromkeys(("ulid.ULID", "ulid.new"), CODE_OF[_K.ULID]),
    **dict.fromkeys(("os.urandom", "random.randbytes"), CODE_OF[_K.TOKEN]),
    **dict.fromkeys(
        ("os.getpid", "socket.gethostname", "socket.getfqdn", "platform.node", "uuid.getnode"),
        _PROCESS,
    ),
    **dict.fromkeys(("getpass.getuser", "os.getlogin"), CODE_OF[_K.USER]),
    **dict.fromkeys(
        ("tempfile.mkdtemp", "tempfile.mktemp", "tempfile.mkstemp"), CODE_OF[_K.TEMP_PATH]
    ),
}
_BUILTINS: Final = {"id": _PROCESS, "hash": _PROCESS}
_FAMILIES: Final = (
    ("secrets.", CODE_OF[_K.TOKEN]),
    ("random.", _RANDOM),
    ("numpy.random.", _RANDOM),
)
_NOT_RANDOM: Final = ("seed", "Random", "getstate", "setstate", "default_rng", "RandomState")
LISTINGS: Final = (
    "os.listdir",
    "os.scandir",
    "os.walk",
    "glob.glob",
    "glob.iglob",
    "asyncio.as_completed",
    "concurrent.futures.as_completed",
)
SORTABLE: Final = ("os.listdir", "glob.glob")
"""Lists of strings: ``sorted`` gives the same in order."""
LISTING_METHODS: Final = ("iterdir", "rglob")
_CLOCK_LETTERS: Final = re.compile(r"%-?[HIMSfpcXTsrR]")
_DAY_LETTERS: Final = re.compile(r"%-?[djxDFAauwUWVeG]")


def volatile_call(name: str | None, call: ast.Call, shadowed: bool) -> str | None:
    """The code of a call, by its full name (None: it was not imported); None for others."""
    if name is None:
        builtin = isinstance(call.func, ast.Name) and not shadowed and call.args
        return _BUILTINS.get(call.func.id) if builtin and isinstance(call.func, ast.Name) else None
    if name == "time.strftime":
        return formatted(_TIMESTAMP, call) if len(call.args) == 1 else None
    if name in ("time.localtime", "time.gmtime", "time.ctime", "time.asctime") and call.args:
        return None
    found = _CALLS.get(name)
    if found is None:
        family = next((code for prefix, code in _FAMILIES if name.startswith(prefix)), None)
        found = None if name.rpartition(".")[2] in _NOT_RANDOM else family
    return found


def formatted(code: str, call: ast.Call) -> str | None:
    """A clock's code after ``strftime``: the day alone is a date; a month or a year changes
    so seldom that it is none."""
    text = call.args[0] if call.args else None
    if not isinstance(text, ast.Constant) or not isinstance(text.value, str):
        return code
    return _by_format(code, text.value)


def spelled(code: str, spec: str) -> str | None:
    """The same for a format specification in an f-string; an empty one changes nothing."""
    return _by_format(code, spec) if "%" in spec else code


def taken(code: str, attribute: str) -> str | None:
    """What an attribute or a method of a clock's value says of it."""
    if code not in (_TIMESTAMP, _DATE):
        return code
    if attribute in ("year", "month"):
        return None
    return _DATE if attribute in ("date", "day", "weekday", "isoweekday", "toordinal") else code


def _by_format(code: str, text: str) -> str | None:
    if _CLOCK_LETTERS.search(text):
        return code
    return _DATE if _DAY_LETTERS.search(text) else None
