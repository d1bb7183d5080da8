"""What to do about an audit's findings, as files that work as they are."""

from headstart.cli.audit.remedy.files import FILES, write_all

__all__ = ["FILES", "write_all"]
