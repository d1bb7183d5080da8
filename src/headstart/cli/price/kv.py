"""The numbers behind ``price kv``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from headstart.cli.failures import fail
from headstart.cli.price.tables import facts, kv_facts, rule_table
from headstart.pricing import (
    OPEN_MODELS,
    TIERS,
    ConfigError,
    Machine,
    OpenModel,
    Tier,
    five_minute_rule,
    kv_size,
)


def kv_report(
    model: str,
    config: Path | None,
    parameters: float | None,
    value_bytes: float,
    context: int,
    gpu_dollars: float | None,
    prefill_rate: float | None,
    page_tokens: int,
    tiers: Sequence[str],
) -> tuple[list[Any], dict[str, Any]]:
    """What to print, and the same as data."""
    name, found = _model(model, config, parameters, needed=prefill_rate is None)
    machine = Machine() if gpu_dollars is None else Machine(gpu_dollars)
    try:
        size = kv_size(found.config, value_bytes)
        rate = machine.prefill_rate(found.active) if prefill_rate is None else prefill_rate
        rules = [
            five_minute_rule(
                size.bytes(context) / context,
                rate,
                tier,
                dollars_per_hour=machine.dollars_per_hour,
                page_tokens=page_tokens,
            )
            for tier in _tiers(tiers)
        ]
    except ConfigError as error:
        raise fail(f"{config or model}: {error}") from None
    except ValueError as error:
        raise fail(str(error)) from None
    assumed = (
        "",
        f"a GPU at ${machine.dollars_per_hour:g} an hour that prefills {rate:,.0f} tokens a second"
        + (
            ""
            if prefill_rate is not None
            else f" ({machine.utilisation:.0%} of {machine.flops:.3g} flop/s)"
        ),
    )
    data = {
        "model": name,
        "attention": size.kind,
        "bytes_per_token": size.full,
        "windowed_bytes_per_token": size.windowed,
        "window": size.window,
        "sequence_bytes": size.bytes(context),
        "prefill_rate": rate,
        "gpu_dollars_per_hour": machine.dollars_per_hour,
        "tiers": [rule._asdict() for rule in rules],
    }
    return [facts([*kv_facts(name, found, size, context), assumed]), rule_table(rules)], data


def _model(
    model: str, config: Path | None, parameters: float | None, *, needed: bool
) -> tuple[str, OpenModel]:
    if config is None:
        if model.lower() not in OPEN_MODELS:
            known = ", ".join(OPEN_MODELS)
            raise fail(f"--model {model}: unknown, give its --config (known: {known})")
        return model.lower(), OPEN_MODELS[model.lower()]
    if parameters is None and needed:
        raise fail("--config needs --parameters or --prefill-rate, to know what computing costs")
    return config.parent.name or str(config), OpenModel(_read(config), (parameters or 0) * 1e9)


def _read(path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise fail(f"--config {path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise fail(f"--config {path}: not JSON: {error}") from None
    if not isinstance(found, dict):
        raise fail(f"--config {path}: not an object")
    return found


def _tiers(given: Sequence[str]) -> list[Tier]:
    tiers = {tier.name: tier for tier in TIERS}
    for text in given:
        name, _, numbers = text.partition("=")
        price, _, bandwidth = numbers.partition(",")
        try:
            tier = Tier(name, float(price), float(bandwidth) if bandwidth else None)
        except ValueError:
            raise fail(f"--tier {text}: NAME=USD_PER_GB_HOUR,BYTES_PER_S") from None
        if not (name and tier.dollars_per_gb_hour >= 0 and (tier.bandwidth or 1) > 0):
            raise fail(f"--tier {text}: numbers from 0 on")
        tiers[name] = tier
    return list(tiers.values())
