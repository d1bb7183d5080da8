"""``headstart audit``: what the logs of an application say of its prompt cache."""

from headstart.cli.audit.command import audit

__all__ = ["audit"]
