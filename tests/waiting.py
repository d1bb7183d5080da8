"""Waiting for what another thread or process will do: for a condition, never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable

HANGS = 60.0
"""Seconds that nothing takes, on the slowest machine, but a hang."""


def wait_until(true: Callable[[], object]) -> None:
    """AssertionError if it does not become true. How long it takes is not the point."""
    end = time.monotonic() + HANGS
    while not true():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.005)
