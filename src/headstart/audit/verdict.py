"""The one sentence: whether prompt caching pays on this traffic, and the numbers behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from headstart.audit.findings import Culprit, Fix, Now, Option, Verdict
from headstart.audit.pings import lifetime
from headstart.audit.trial import Trial
from headstart.audit.world import World

_LITTLE: Final = 0.02
"""Of the uncached cost: saving less than that is not worth caring for."""
_UNIQUE: Final = 0.02
"""Of all input: less that was seen before is as good as nothing."""
_OUTPUT: Final = 0.9
"""Of the cost, where input hardly matters."""
_SPARSE: Final = 0.9
"""Of the conversations' pauses that are longer than a lifetime."""


def verdict_of(
    world: World,
    trial: Trial,
    now: Now,
    options: Sequence[Option],
    culprits: Sequence[Culprit],
    together: Fix | None,
) -> Verdict:
    """From what was found."""
    total = now.total
    if not total.requests:
        return Verdict(True, "There is nothing to judge: no request was found.", ())
    numbers = _numbers(world, trial, now)
    best = _best(options, total.uncached)
    off = _off(world, trial, now, best)
    if off:
        return Verdict(False, f"Leave caching off: {off}.", numbers)
    if culprits:
        lost = sum(one.lost for one in culprits[:1])
        text = (
            f"The cache reads {total.hit_rate:.0%} of the input; {_blamed(culprits)} "
            f"costs {lost:,} tokens"
        )
        if together is not None and together.tokens > 0 and total.input:
            mended = min(1.0, (trial.base.total_read + together.tokens) / trial.base.total_input)
            text += f", and mending {_all(culprits)} raises that to {mended:.0%}"
        return Verdict(True, text + ".", numbers)
    return Verdict(
        True, f"Nothing is to blame: the cache reads {total.hit_rate:.0%} of the input.", numbers
    )


def _blamed(culprits: Sequence[Culprit]) -> str:
    cause = culprits[0].cause.replace("_", " ")
    if len(culprits) == 1:
        return f"the one culprit ({cause})"
    return f"the worst of {len(culprits)} culprits ({cause})"


def _all(culprits: Sequence[Culprit]) -> str:
    return ("", "it", "both")[len(culprits)] if len(culprits) < 3 else "all of them"


def _off(world: World, trial: Trial, now: Now, best: float | None) -> str:
    """Why caching does not pay; "" where it does, or where nobody can tell."""
    total, base = now.total, trial.base
    saved = None
    if best is not None and total.uncached:
        saved = 1 - best / total.uncached
    if not base.total_input:
        if total.cost is not None and total.uncached and total.cost > total.uncached:
            share = total.cost / total.uncached - 1
            return f"what is written is read too seldom, and costs {share:.1%} more than no cache"
        return ""
    potential = trial.together.total_read / base.total_input
    if saved is not None and saved > _LITTLE:
        return ""
    if saved is None and potential > _UNIQUE:
        return ""
    if potential <= _UNIQUE and _sparse(world) < _SPARSE:
        return f"prompts share nothing, {potential:.1%} of their tokens could be read at best"
    if _sparse(world) >= _SPARSE:
        return "traffic is sparser than the cache's lifetime"
    output = _output_share(now)
    if output is not None and output >= _OUTPUT:
        return f"output is {output:.0%} of the cost, and no cache makes that cheaper"
    return f"the best that it can save is {max(0.0, saved or 0.0):.1%}"


def _best(options: Sequence[Option], uncached: float | None) -> float | None:
    """Least cost of a way that keeps the models."""
    costs = [o.cost for o in options if o.kind not in ("model", "never") and o.cost is not None]
    return min(costs, default=None) if uncached is not None else None


def _sparse(world: World) -> float:
    """Share of the times that a conversation goes on, or another of its kind begins, after
    all that was cached has gone."""
    last: dict[tuple[str, str], float] = {}
    gaps = late = 0
    for row in world.log.rows:
        if not world.known(row):
            continue
        key = row.provider, row.model
        if key in last:
            gaps += 1
            late += row.time - last[key] >= lifetime(world, row)
        last[key] = row.time
    return late / gaps if gaps else 0.0


def _output_share(now: Now) -> float | None:
    """Of the uncached cost, by what the prices of input leave."""
    total = now.total
    if not total.uncached or not total.cost or not total.output:
        return None
    return None if total.input <= 0 else _share(now)


def _share(now: Now) -> float:
    """Output tokens weigh about five times as much as input, at most models."""
    total = now.total
    return 5 * total.output / (5 * total.output + total.input)


def _numbers(world: World, trial: Trial, now: Now) -> tuple[str, ...]:
    total, base = now.total, trial.base
    said = [
        f"{total.requests:,} requests, {total.input:,} input tokens, "
        f"{total.read:,} read ({total.hit_rate:.1%}), {total.written:,} written",
    ]
    if total.cost is not None and total.uncached is not None:
        saved = total.uncached - total.cost
        said.append(
            f"${total.cost:,.2f}, ${total.uncached:,.2f} without a cache: ${saved:,.2f} saved"
        )
    if base.total_input:
        potential = trial.together.total_read / base.total_input
        said.append(f"{potential:.1%} could be read with every culprit mended")
        said.append(
            f"{_sparse(world):.1%} of requests come after all of the last one's has expired"
        )
    return tuple(said)
