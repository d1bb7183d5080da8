"""A fault of the connector's must never end vLLM's engine: it is counted, and told."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any, TypeVar, cast

logger = logging.getLogger("vllm.headstart")

Method = TypeVar("Method", bound=Callable[..., Any])
_MOST_TOLD = 10


class Faults:
    """How many there were in this process; the first ones are logged with their trace."""

    def __init__(self) -> None:
        self.count = 0

    def note(self, where: str) -> None:
        """Call it while handling the exception."""
        self.count += 1
        if self.count <= _MOST_TOLD:
            logger.exception("headstart: %s failed; vLLM goes on without it", where)


FAULTS = Faults()


def survives(otherwise: Callable[[], Any]) -> Callable[[Method], Method]:
    """A method whose exceptions end here; the result is ``otherwise()`` then."""

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
