"""What can keep a command from doing its work: one clear line, exit status 2, no traceback."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

CANNOT = 2

_EXTRA_OF = {
    "accelerate": "local",
    "cryptography": "local",
    "gguf": "local",
    "jinja2": "local",
    "numpy": "local",
    "safetensors": "local",
    "torch": "local",
    "transformers": "local",
    "xxhash": "local",
    "anthropic": "demo",
    "openai": "demo",
}
"""Import name of an optional package to the extra that brings it."""


def tell(message: str) -> None:
    """One line on stderr."""
    sys.stderr.write(f"headstart: {' '.join(message.split())}\n")


def progress(message: str) -> None:
    """What takes time, to whoever watches; not into a log, where only failures are read."""
    if sys.stderr.isatty():
        tell(message)


def fail(message: str) -> typer.Exit:
    """Say why, in one line on stderr; raise what this returns."""
    tell(message)
    return typer.Exit(CANNOT)


@contextmanager
def one_line() -> Iterator[None]:
    """Turn the failures that a user can do something about into ``fail``."""
    from headstart.engine.contract import EngineError
    from headstart.server import BindError, ConfigError

    try:
        yield
    except (ConfigError, BindError, EngineError) as error:
        raise fail(str(error)) from None
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _EXTRA_OF:
            raise
        extra = _EXTRA_OF[package]
        raise fail(f"{package} is not installed: pip install 'headstart[{extra}]'") from None
    except MemoryError:
        raise fail("not enough memory: give a smaller --cache-memory, or a smaller model") from None
