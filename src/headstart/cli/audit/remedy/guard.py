"""``test_prompt_cache.py``: a test that fails once the hit rate is lost again."""

from __future__ import annotations

from math import floor
from typing import Final

from headstart.audit.findings import Audit
from headstart.cli.audit.plain import reachable
from headstart.prompt import VolatileKind
from headstart.prompt.volatile_kinds import CLOCK
from headstart.providers import providers

_ROOM: Final = 0.05
"""A test's run is shorter than the traffic of the logs, and so reads less."""
_TEXT: Final = '''\
"""The prompt cache must keep reading: written by `headstart audit`.

The logs it comes from read {now:.1%} of their input tokens; {best}.
Run it with pytest and `pip install 'headstart[pytest]'`; no key and no network are needed: the
providers' SDKs are pointed at an emulated cache.
"""

from importlib import import_module

import pytest

# A function without arguments that runs your application as its users do: one conversation
# of three turns or more, by the provider's own SDK.
APP = {app!r}

# Share of the input tokens to be read, the first request (which can't read) left out: what the
# audit found within reach, less {room:.0%}. A long run of your application reads more: raise it.
LEAST = {least:.2f}

# Kinds of text that look as if they changed and may stay: they never changed in the logs, or
# are what is left of one that did (a day without its time).
MEANT = {meant!r}


@pytest.mark.prompt_cache({marker})
def test_the_prompt_cache_is_read(prompt_cache):
    module, _, function = APP.partition(":")
    assert function, "say in APP what to run: 'module:function'"
    run = import_module(module)
    for name in function.split("."):
        run = getattr(run, name)
    run()
    prompt_cache.assert_hit_rate(min=LEAST, skip=1)
    prompt_cache.assert_no_volatile_prefix(ignore=MEANT)
'''


def guard(audit: Audit, app: str = "") -> str:
    """The file's text. ``app`` is ``module:function``, checked before."""
    known = [tally.name for tally in audit.now.by_provider if tally.name in providers()]
    now = audit.now.total.hit_rate
    best = reachable(audit)
    target = max(now, best or 0.0)
    text = "nothing was found to mend" if best is None else f"{best:.1%} are within reach"
    return _TEXT.format(
        now=now,
        best=text,
        app=app,
        room=_ROOM,
        least=least(target),
        meant=_meant(audit),
        marker=f'provider="{known[0]}"' if len(known) == 1 else "",
    )


def _meant(audit: Audit) -> tuple[str, ...]:
    """What never changed; and a day alone, which is what a time should become."""
    kinds = {found.cause for found in audit.latent}
    if any(culprit.cause in CLOCK for culprit in audit.culprits):
        kinds.add(VolatileKind.DATE.value)
    return tuple(sorted(kinds))


def least(target: float) -> float:
    """What a test asks for, where ``target`` can be reached."""
    return max(0.0, floor((target - _ROOM) * 100) / 100)
