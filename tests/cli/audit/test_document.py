from __future__ import annotations

import json
import re
from dataclasses import fields, is_dataclass
from pathlib import Path

from headstart.audit import findings
from headstart.audit.findings import Tally
from headstart.cli.audit.document import as_json, rates

DOCS = Path(__file__).parents[3] / "docs" / "audit.md"


def test_the_page_describes_every_field_of_every_part() -> None:
    """Its tables, one a dataclass, list the fields in order."""
    text = DOCS.read_text("utf-8")
    for name, part in vars(findings).items():
        if not (isinstance(part, type) and is_dataclass(part)):
            continue
        match = re.search(rf"^#### `{name}`.*?\n(.*?)(?=^#|\Z)", text, re.M | re.S)
        assert match, f"docs/audit.md says nothing of {name}"
        listed = re.findall(r"^\| `(\w+)` \|", match[1], re.M)
        expected = [field.name for field in fields(part)]
        if part is Tally:
            expected += list(rates(Tally("", 0, 0, 0, 0, 0, None, None, False, 0)))
        assert listed == expected, name


def test_text_is_json_s_own_and_nobody_else_s() -> None:
    tally = Tally("</script>\x1b\x7f\u202e&", 1, 0, 0, 0, 0, float("nan"), None, False, 0)
    text = as_json(tally)  # type: ignore[arg-type]
    assert text.isascii()
    assert not set(text) & set("<>&\x1b\x7f")
    assert json.loads(text)["name"] == "</script>\x1b\x7f\u202e&"
    assert json.loads(text)["cost"] is None
