"""Every provider's rules as dated rows, one module a family of providers."""

from headstart.providers.rows.every import ROWS

__all__ = ["ROWS"]
