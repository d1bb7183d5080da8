"""``headstart.toml``: a gateway for the traffic of these logs."""

from __future__ import annotations

from typing import Final

from headstart.audit.findings import Audit
from headstart.cli.audit.plain import Sums, now_option
from headstart.cli.words import money
from headstart.providers import providers
from headstart.server.upstreams import DEFAULTS
from headstart.usage import MissReason

_DIRECTIVES: Final = frozenset(
    {
        MissReason.NO_BREAKPOINT.value,
        MissReason.LOOKBACK_EXCEEDED.value,
        MissReason.TOO_MANY_BREAKPOINTS.value,
    }
)
_LITTLE: Final = 0.02
"""Of the cost: what the planner saves less than that is not worth replacing directives for."""
_URLS: Final = {
    "bedrock": "https://bedrock-runtime.REGION.amazonaws.com",
    "vertex": "https://LOCATION-aiplatform.googleapis.com",
    "azure": "https://RESOURCE.openai.azure.com",
}
_HEAD: Final = """\
# For `headstart gateway --config headstart.toml`, written by `headstart audit`.
# The clients' own credentials go on; docs/gateway.md has every option.
"""


def gateway(audit: Audit) -> str:
    """The file's text."""
    known = [tally.name for tally in audit.now.by_provider if tally.name in providers()]
    mode, why = _mode(audit)
    tables = [_table(audit, name, mode, why) for name in known]
    if not known:
        tables = ["# No provider is named in these logs: all built-in ones are served.\n"]
    return "\n".join((_HEAD, *tables))


def _table(audit: Audit, name: str, mode: str, why: str) -> str:
    lines = [f"[upstream.{name}]"]
    if name not in DEFAULTS:
        lines += [f'base_url = "{_URLS.get(name, "http://SERVER:PORT")}"  # yours', ""][:1]
    lines += [f'mode = "{mode}"  # {why}']
    if mode in ("plan", "own"):
        lines += _extras(audit)
    text = "".join(f"{line}\n" for line in lines)
    if name in DEFAULTS:
        return text
    # Nobody else knows its address: as a comment, the file is accepted until it is filled in.
    return "".join(f"# {line}\n" for line in text.splitlines())


def _mode(audit: Audit) -> tuple[str, str]:
    """How much the gateway is to do, and why."""
    if not audit.verdict.caching:
        return "observe", "caching does not pay on this traffic: count, and change nothing"
    base = now_option(audit)
    planner = next((option for option in audit.options if option.kind == "planner"), None)
    if any(culprit.reason in _DIRECTIVES for culprit in audit.culprits):
        return "own", "the clients' cache markers stand in the wrong places: replace them"
    if base and planner and base.cost and planner.cost is not None:
        sums = Sums(audit)
        saved = base.cost - planner.cost
        if saved > _LITTLE * base.cost:
            shown = (sums.cost(base) or 0.0) - (sums.cost(planner) or 0.0)
            return "own", f"its markers instead of the clients' save {money(shown)} {sums.unit}"
    return "plan", "markers only where a request has none of its own"


def _extras(audit: Audit) -> list[str]:
    """Settings that a finding asks for."""
    lines = []
    best = [(culprit, culprit.fixes[0]) for culprit in audit.culprits if culprit.fixes]
    if any(fix.action == "keep_alive" and (fix.saving or 0.0) > 0 for _, fix in best):
        lines += ["keep_alive = true  # pauses are longer than the cache lives"]
        lines += ['keep_alive_budget = "1/day"  # USD that pings may cost']
    if any(culprit.reason == MissReason.NOT_YET_READABLE.value for culprit in audit.culprits):
        lines += ["followers = true  # requests that begin alike are sent at the same time"]
    return lines
