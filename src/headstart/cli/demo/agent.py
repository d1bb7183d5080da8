"""An agent's conversations: what it is told, the tools it has, and what it asks of them.

The tools are real ones, on the source of the standard library's ``json`` package: their
results are what the conversations grow by. Which tool is asked for is written down here, as
there is no model behind an emulating server.
"""

from __future__ import annotations

import inspect
import json
import json.decoder
import json.encoder
import json.scanner
from collections.abc import Mapping
from dataclasses import dataclass
from pydoc_data.topics import topics
from types import ModuleType
from typing import Any, Final

_FILES: Final[Mapping[str, ModuleType]] = {
    "json/__init__.py": json,
    "json/decoder.py": json.decoder,
    "json/encoder.py": json.encoder,
    "json/scanner.py": json.scanner,
}
_REFERENCE: Final = ("formatstrings", "exceptions", "try")
_MOST_LINES: Final = 120

_RULES: Final = """\
# How you work
- Look before you answer: list the files, search for the name in question, then read the lines
  around it. Never quote code that you have not read in this conversation.
- One tool at a time. Say in one sentence what you expect to find before you look.
- Read at most 120 lines at once; a search is cheaper than a read.
- Prefer the smallest change that does what was asked. Keep the style of the file: its quotes,
  its naming, the length of its lines.
- Behaviour that users rely on is documented behaviour: say so where a change would break it.

# How you answer
- The answer first, then the evidence: file, line, and the few words that matter.
- A change is a unified diff with three lines of context. No diff without a test for it.
- If something can't be found out with your tools, say what you would need.

# What you must not do
- Do not change files outside the package you were asked about.
- Do not add a dependency.
- Do not guess at the behaviour of the accelerated C code from that of the Python code: they
  are tested against each other, and where they differ, the tests say so.

# The reference you go by
"""


def system(started: str) -> str:
    """The agent's system prompt. Its second line differs from one session to the next: a
    common habit, and what it costs is for the demo to show."""
    reference = "\n\n".join(topics[name] for name in _REFERENCE)
    return (
        "You are a maintainer's assistant for a package of Python's standard library.\n"
        f"This session began at {started}.\n\n{_RULES}\n{reference}"
    )


SCOUT: Final = """\
You look things up for another assistant. You are given one question about the source of a
package; answer it in one line with file and line number, and nothing else. Search first; read
only the lines that the search names. Do not judge, do not propose, do not explain.

""" + topics["try"]
"""The subagent's system prompt."""

SUPPORT: Final = (
    "You answer users' questions about string formatting, briefly, out of this text.\n\n"
    + topics["formatstrings"]
)


def _tool(name: str, description: str, **fields: tuple[str, str]) -> dict[str, Any]:
    properties = {
        field: {"type": kind, "description": text} for field, (kind, text) in fields.items()
    }
    schema = {"type": "object", "properties": properties, "required": list(fields)}
    return {"name": name, "description": description, "input_schema": schema}


_PATH: Final = ("string", "A path as list_files gives it.")
TOOLS: Final = (
    _tool("list_files", "The package's files, with their number of lines."),
    _tool(
        "search",
        "Lines of a file that contain a text, with their numbers.",
        path=_PATH,
        text=("string", "Taken literally; upper and lower case differ."),
    ),
    _tool(
        "read_lines",
        f"Lines of a file with their numbers, at most {_MOST_LINES} of them.",
        path=_PATH,
        first=("integer", "From 1."),
        last=("integer", "Included."),
    ),
)


@dataclass(frozen=True, slots=True)
class Step:
    """What the agent says, and the tool it then asks for; none ends its turn."""

    says: str
    tool: str | None = None
    arguments: tuple[Any, ...] = ()

    @property
    def input(self) -> dict[str, Any]:
        """The tool's arguments by name."""
        named = next((tool for tool in TOOLS if tool["name"] == self.tool), None)
        fields = named["input_schema"]["required"] if named else []
        return dict(zip(fields, self.arguments, strict=True))


def result(step: Step) -> str:
    """What the tool gives, from the library that is installed."""
    if step.tool == "list_files":
        return "\n".join(f"{len(_lines(path)):5} {path}" for path in _FILES)
    path, *rest = step.arguments
    numbered = list(enumerate(_lines(path), start=1))
    if step.tool == "search":
        found = [(number, line) for number, line in numbered if rest[0] in line]
    else:
        found = numbered[rest[0] - 1 : rest[1]][:_MOST_LINES]
    return "\n".join(f"{number:5} {line}" for number, line in found) or "nothing found"


def _lines(path: str) -> list[str]:
    return inspect.getsource(_FILES[path]).splitlines()


MAIN: Final = (
    Step("I look at what there is.", "list_files"),
    Step("The names should be in the decoder.", "search", ("json/decoder.py", "NaN")),
    Step("Its constants are at the top.", "read_lines", ("json/decoder.py", 1, 70)),
    Step("Who reads them?", "search", ("json/scanner.py", "parse_constant")),
    Step("The scanner is short: I read it.", "read_lines", ("json/scanner.py", 1, 73)),
    Step("How does a caller set it?", "search", ("json/__init__.py", "parse_constant")),
    Step("I read what loads promises.", "read_lines", ("json/__init__.py", 299, 359)),
    Step("The decoder's own words.", "read_lines", ("json/decoder.py", 284, 356)),
    Step("And the way out?", "search", ("json/encoder.py", "allow_nan")),
    Step("The encoder refuses on request.", "read_lines", ("json/encoder.py", 225, 300)),
    Step("I check the default of dumps.", "search", ("json/__init__.py", "allow_nan")),
    Step("loads takes NaN on purpose; give parse_constant a function that raises."),
)
"""A tool loop: the requests of one question."""

LOOKUP: Final = (
    Step("I search.", "search", ("json/decoder.py", "class JSONDecodeError")),
    Step("I read it.", "read_lines", ("json/decoder.py", 20, 50)),
    Step("json/decoder.py, line 20: it is a ValueError with pos, lineno and colno."),
)
"""The subagent's."""

AGAIN: Final = (
    Step("I look at what there is.", "list_files"),
    Step("Where is the indent used?", "search", ("json/encoder.py", "indent")),
    Step("I read the loop.", "read_lines", ("json/encoder.py", 262, 340)),
    Step("A string is put in as it is, a number as that many spaces."),
)
"""A second question, in a session of its own."""

QUESTIONS: Final = (
    "How do I pad a number with zeros?",
    "And how do I put a comma at the thousands?",
    "Can the width come from a variable?",
    "Thank you. Is there a short form for percentages?",
)
