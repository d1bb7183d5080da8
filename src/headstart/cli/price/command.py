"""The commands under ``headstart price``."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from headstart.cli.failures import fail

Provider = Annotated[str | None, typer.Option(help="Whose price, where several sell the model.")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON, for programs.")]
Prices = Annotated[
    Path | None,
    typer.Option(
        "--prices",
        envvar="HEADSTART_PRICES",
        help='Your own prices first: a TOML file of tables like \\[openai."gpt-5.5"] with input, '
        "read and output, and perhaps write, write_1h, since, above.",
    ),
]
Model = Annotated[str, typer.Option("--model", "-m", help="The model's name at its provider.")]
At = Annotated[
    str | None, typer.Option("--at", metavar="DATE", help="The prices of that day (2026-12-01).")
]
DEFAULT_MODEL = "claude-opus-5-5"
_PIPED = 160

price = typer.Typer(help="What providers charge, and when caching pays.", no_args_is_help=True)


@price.command("list")
def list_(
    provider: Annotated[str | None, typer.Option(help="Only this provider's.")] = None,
    prices: Prices = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Every model with a price."""
    from headstart.cli.price.lookup import Lookup
    from headstart.cli.price.tables import price_table

    found = Lookup(prices, at).listed(provider)
    if not found:
        raise fail(f"--provider {provider}: no prices")
    _show(price_table(found), [asdict(one) for one in found], as_json)


@price.command()
def show(
    model: str,
    provider: Provider = None,
    prices: Prices = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """One model's rates, by the size of the request."""
    from headstart.cli.price.lookup import Lookup
    from headstart.cli.price.tables import facts, tier_table

    tiers = Lookup(prices, at).tiers(model, provider)
    first = tiers[0][1]
    _show(
        [
            facts([("model", first.model), ("sold by", first.provider)]),
            tier_table(tiers),
            facts([("source", f"{first.source}, {first.as_of}; USD per million tokens")]),
        ],
        [{"from_input_tokens": start, **asdict(one)} for start, one in tiers],
        as_json,
    )


@price.command()
def request(
    model: Model = DEFAULT_MODEL,
    input: Annotated[int, typer.Option(min=0, help="All input tokens.")] = 10_000,
    cached: Annotated[int, typer.Option(min=0, help="Of these, read from the cache.")] = 0,
    written: Annotated[int, typer.Option(min=0, help="Of these, written to it.")] = 0,
    lifetime: Annotated[str, typer.Option(help="Of what is written: 5m, 30m, 1h, 12h.")] = "5m",
    output: Annotated[int, typer.Option(min=0)] = 0,
    calls: Annotated[int, typer.Option(min=1, help="So many such requests.")] = 1,
    provider: Provider = None,
    prices: Prices = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """What a request costs, and what it would cost without a cache."""
    from headstart.cli.price.lookup import Lookup
    from headstart.cli.price.reckoning import request_cost, usage_of
    from headstart.cli.price.tables import facts

    usage = usage_of(input, cached, written, lifetime, output)
    rates = Lookup(prices, at).price(model, provider, usage.input)
    lines, data = request_cost(usage, rates, calls)
    _show(facts(lines), data, as_json)


@price.command()
def breakeven(
    model: Model = DEFAULT_MODEL,
    prefix: Annotated[int, typer.Option(min=1, help="Tokens that are cached.")] = 10_000,
    parallel: Annotated[int, typer.Option(min=1, help="Requests at the same time.")] = 10,
    provider: Provider = None,
    prices: Prices = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """How often a prefix must be read again, and whether to keep it warm."""
    from headstart.cli.price.lookup import Lookup
    from headstart.cli.price.reckoning import break_evens, stored
    from headstart.cli.price.tables import columns, facts

    rates = Lookup(prices, at).price(model, provider, prefix)
    lines, data = break_evens(rates, prefix, parallel)
    if not lines:
        raise fail(f"{rates.model}: its provider charges as much for a read as for input")
    more, storage = stored(rates)
    _show([columns(lines), facts(more)], {"lifetimes": data, "storage": storage}, as_json)


@price.command()
def roi(
    preset: Annotated[
        str, typer.Option(help="rag, agent, chat or code; the options below change its numbers.")
    ] = "agent",
    model: Model = DEFAULT_MODEL,
    prefix: Annotated[int | None, typer.Option(help="Tokens that calls share.")] = None,
    suffix: Annotated[int | None, typer.Option(help="Tokens of input after them.")] = None,
    output: Annotated[int | None, typer.Option(help="Tokens of output.")] = None,
    calls_per_day: Annotated[float | None, typer.Option(help="Calls in all.")] = None,
    prefixes: Annotated[int | None, typer.Option(help="Different prefixes among them.")] = None,
    busy_hours: Annotated[float | None, typer.Option(help="Hours of a day with calls.")] = None,
    vary: Annotated[str, typer.Option(help="The number to draw the saving along.")] = (
        "calls_per_day"
    ),
    investment: Annotated[float, typer.Option(min=0, help="USD that it takes once.")] = 0.0,
    provider: Provider = None,
    prices: Prices = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """What caching saves a workload a day, by lifetime, and what that depends on."""
    from headstart.cli.price.curves import bars
    from headstart.cli.price.lookup import Lookup
    from headstart.cli.price.tables import columns, facts
    from headstart.cli.price.worth import described, worth

    given = {
        "prefix": prefix,
        "suffix": suffix,
        "output": output,
        "calls_per_day": calls_per_day,
        "prefixes": prefixes,
        "busy_hours": busy_hours,
    }
    workload, about = described(preset, given)
    lookup = Lookup(prices, at)
    found = worth(workload, lambda n: lookup.price(model, provider, n), vary, investment)
    curve = bars(found.curve, found.varied)
    _show([facts([*about, *found.about]), columns(found.lines), "", curve], found.data, as_json)


@price.command()
def kv(
    model: Annotated[str, typer.Option("--model", "-m", help="An open model.")] = "llama-3.1-8b",
    config: Annotated[Path | None, typer.Option(help="Instead: its config.json.")] = None,
    parameters: Annotated[
        float | None, typer.Option(help="With --config: active parameters, in billions.")
    ] = None,
    value_bytes: Annotated[float, typer.Option(help="2 for bf16, 1 for fp8.")] = 2.0,
    context: Annotated[int, typer.Option(min=1, help="Tokens of a sequence.")] = 131_072,
    gpu_dollars: Annotated[float | None, typer.Option(help="A GPU, an hour.")] = None,
    prefill_rate: Annotated[float | None, typer.Option(help="Its tokens a second.")] = None,
    page_tokens: Annotated[int, typer.Option(min=1, help="Tokens of a page.")] = 256,
    tier: Annotated[
        list[str] | None,
        typer.Option(help="NAME=USD_PER_GB_HOUR,BYTES_PER_S: replaces or adds a tier."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Bytes of a token's keys and values, and how often a page must be reused to be kept."""
    from headstart.cli.price.kv import kv_report

    parts, data = kv_report(
        model,
        config,
        parameters,
        value_bytes,
        context,
        gpu_dollars,
        prefill_rate,
        page_tokens,
        tier or [],
    )
    _show(parts, data, as_json)


def _show(parts: Any, data: Any, as_json: bool) -> None:
    if as_json:
        from headstart.cli.price.lookup import as_text

        typer.echo(as_text(data))
        return
    from rich.console import Console

    # For grep, lines stay whole: a table folds at the width of a terminal only.
    console = Console() if sys.stdout.isatty() else Console(width=_PIPED)
    for part in parts if isinstance(parts, list) else [parts]:
        console.print(part)
