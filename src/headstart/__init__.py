"""Headstart: a prompt prefix that has been processed once is never paid for again."""

__version__ = "0.1.0"
