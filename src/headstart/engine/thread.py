"""The one thread that computes.

OpenMP keeps a team of workers for every thread that ever ran a parallel operation. Once the
teams together outnumber the cores, GNU's implementation stops spinning at the end of each
operation and sleeps, which makes a decode step of many small operations twice as slow. So
a model is converted, loaded, probed and run on one and the same thread, and nothing else in
the process computes with torch.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import TypeVar

T = TypeVar("T")


class ModelThread:
    """A daemon thread that runs what it is given, one after the other."""

    def __init__(self) -> None:
        self._tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="headstart-engine", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Queue a call; its result or exception is in the future."""
        future: Future[T] = Future()

        def task() -> None:
            try:
                future.set_result(work())
            except BaseException as error:
                future.set_exception(error)

        self._tasks.put(task)
        return future

    def end(self) -> None:
        """Let the thread end after what was submitted so far, and wait for it, unless
        called from it."""
        self._tasks.put(None)
        if threading.current_thread() is not self._thread:
            self._thread.join()

    @property
    def is_alive(self) -> bool:
        """False once it has ended."""
        return self._thread.is_alive()

    def _run(self) -> None:
        while (task := self._tasks.get()) is not None:
            task()
