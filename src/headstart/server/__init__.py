"""One HTTP server for both dialects, on one engine."""

from headstart.server.app import create_app
from headstart.server.config import ConfigError, Settings, load_settings
from headstart.server.lifecycle import BindError, EmbeddedServer, bind, serve_until_signal

__all__ = [
    "BindError",
    "ConfigError",
    "EmbeddedServer",
    "Settings",
    "bind",
    "create_app",
    "load_settings",
    "serve_until_signal",
]
