"""Headstart: a prompt prefix that has been processed once is never paid for again."""

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """``headstart.Gateway``, loaded when it is first asked for."""
    if name != "Gateway":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from headstart.server.gateway import Gateway

    return Gateway
