"""Work beside vLLM's own: threads that may run on any core, and faults that end nothing."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import sys
import threading
from collections.abc import Callable
from typing import Any, TypeVar, cast

logger = logging.getLogger("vllm.headstart")

Method = TypeVar("Method", bound=Callable[..., Any])
_MOST_TOLD = 10


_POLITE = 10
"""Nice value of work that nobody waits for: a tenth of a busy core's time, all of an idle
one's."""


def unbind() -> None:
    """Let the calling thread, and those it starts, run where the parent process may.

    vLLM's CPU workers bind their main thread to one core, where it computes: a thread that
    inherits this would wait for it.
    """
    with contextlib.suppress(OSError, AttributeError):
        os.sched_setaffinity(0, os.sched_getaffinity(os.getppid()))


def behind() -> None:
    """``unbind``, and let the model's threads go first: they wait for each other, so that
    taking one core's time costs that of all. Linux alone has priorities by thread."""
    unbind()
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), max(_POLITE, os.nice(0)))


class Faults:
    """How many there were in this process; the first ones are logged with their trace."""

    def __init__(self) -> None:
        self.count = 0

    def note(self, what: str) -> None:
        """Call it while handling the exception."""
        self.count += 1
        if self.count <= _MOST_TOLD:
            logger.exception("headstart: %s failed; vLLM goes on without it", what)


FAULTS = Faults()


def survives(otherwise: Callable[[], Any]) -> Callable[[Method], Method]:
    """A method whose exceptions end here: a cache must never end vLLM's engine. Its result
    is ``otherwise()`` then."""

    def wrap(method: Method) -> Method:
        @functools.wraps(method)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            try:
                return method(*args, **kwargs)
            except Exception:
                FAULTS.note(method.__name__)
                return otherwise()

        return cast(Method, guarded)

    return wrap
