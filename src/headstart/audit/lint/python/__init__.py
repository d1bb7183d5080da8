"""Python source: which of what it writes into prompts is another one each time."""

from headstart.audit.lint.python.scan import NotPython, lint_python

__all__ = ["NotPython", "lint_python"]
