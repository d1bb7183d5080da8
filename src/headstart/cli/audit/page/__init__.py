"""An audit as one HTML page that needs nothing else, neither a server nor a network."""

from headstart.cli.audit.page.page import render

__all__ = ["render"]
