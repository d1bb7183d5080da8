"""Lint: what in requests, templates and programs will keep a prompt cache from being read."""

from headstart.audit.lint.codes import CODES, Code
from headstart.audit.lint.config import BadConfig, Config, configured, load
from headstart.audit.lint.finding import Edit, Finding, Place, Problem
from headstart.audit.lint.money import UnknownModel
from headstart.audit.lint.run import Linter, Outcome

__all__ = [
    "CODES",
    "BadConfig",
    "Code",
    "Config",
    "Edit",
    "Finding",
    "Linter",
    "Outcome",
    "Place",
    "Problem",
    "UnknownModel",
    "configured",
    "load",
]
