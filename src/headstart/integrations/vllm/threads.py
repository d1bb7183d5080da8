"""Threads that may run on any core, in a process that binds its own to single ones."""

from __future__ import annotations

import contextlib
import os


def unbind() -> None:
    """Let the calling thread, and those it starts, run where the parent process may.

    vLLM's CPU workers bind their main thread to one core, where it computes: a thread that
    inherits this would wait for it.
    """
    with contextlib.suppress(OSError, AttributeError):
        os.sched_setaffinity(0, os.sched_getaffinity(os.getppid()))
