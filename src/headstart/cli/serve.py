"""``headstart serve``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def serve(
    model: Annotated[
        str | None,
        typer.Option(help="Model directory or hub id.", show_default="built-in smollm2-135m"),
    ] = None,
    host: Annotated[
        str | None, typer.Option(help="Address to bind.", show_default="127.0.0.1")
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to bind; 0 takes a free one.", show_default="8080")
    ] = None,
    cache_memory: Annotated[
        str | None,
        typer.Option(help="Memory for all KV, running and cached.", show_default="2GiB"),
    ] = None,
    cache_disk: Annotated[
        str | None,
        typer.Option(metavar="PATH:SIZE", help="Keep KV on disk too.", show_default="off"),
    ] = None,
    cache_remote: Annotated[
        list[str] | None,
        typer.Option(metavar="URL", help="s3:// or valkey:// tier below; may be repeated."),
    ] = None,
    cache_master_key: Annotated[
        str | None,
        typer.Option(metavar="file:PATH|env:NAME", help="Seal KV at rest under this key."),
    ] = None,
    cache_previous_key: Annotated[
        str | None,
        typer.Option(metavar="file:PATH|env:NAME", help="Master key to rotate away from."),
    ] = None,
    eviction: Annotated[
        str | None, typer.Option(help="lru, lfu, fifo or learned.", show_default="lru")
    ] = None,
    strict_quota: Annotated[
        bool | None,
        typer.Option("--strict-quota", help="No tenant borrows memory that others leave free."),
    ] = None,
    exact: Annotated[
        bool | None,
        typer.Option("--exact/--no-exact", help="A hit equals a miss bit for bit."),
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="cpu, cuda or mps.", show_default="auto")
    ] = None,
    dtype: Annotated[
        str | None,
        typer.Option(help="bfloat16, float16 or float32.", show_default="the model's own"),
    ] = None,
    prefill_chunk: Annotated[
        int | None, typer.Option(help="Tokens per prefill step.", show_default="512")
    ] = None,
    max_running: Annotated[
        int | None, typer.Option(help="Requests decoded together at most.", show_default="32")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(help="CPU threads of the model.", show_default="torch's choice")
    ] = None,
    api_key: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=KEY", help="A tenant and its key; may be repeated."),
    ] = None,
    served_model_name: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Another name of the model; may be repeated."),
    ] = None,
    admin_key: Annotated[
        str | None,
        typer.Option(help="Opens the admin API, which `headstart cache` talks to."),
    ] = None,
    warm: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Prompts to prefill at start, one JSON object a line."),
    ] = None,
    insecure_no_auth: Annotated[
        bool | None,
        typer.Option("--insecure-no-auth", help="Bind other addresses than loopback keyless."),
    ] = None,
    max_body: Annotated[
        str | None, typer.Option(help="Largest request body.", show_default="32MiB")
    ] = None,
    grace: Annotated[
        float | None,
        typer.Option(help="Seconds for running requests on shutdown.", show_default="5"),
    ] = None,
    ledger: Annotated[
        str | None,
        typer.Option(
            metavar="PATH|URL",
            help="Where requests are recorded; 'off': nowhere.",
            show_default="headstart-ledger.db beside upstreams, else off",
        ),
    ] = None,
    log_format: Annotated[
        str | None, typer.Option(help="auto, json or text.", show_default="auto")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="TOML file.", show_default="headstart.toml, where it exists"
        ),
    ] = None,
) -> None:
    """Serve a model with a prompt cache, to Anthropic and OpenAI clients.

    Each option is also a key of the TOML file and a HEADSTART_* variable. The command line
    wins over the variable, the variable over the file. With [upstream.NAME] tables in the
    file it is a gateway as well, and without a model nothing but a gateway.
    """
    overrides = {
        "model": model,
        "host": host,
        "port": port,
        "cache_memory": cache_memory,
        "cache_disk": cache_disk,
        "cache_remote": cache_remote,
        "cache_master_key": cache_master_key,
        "cache_previous_key": cache_previous_key,
        "eviction": eviction,
        "strict_quota": strict_quota,
        "exact": exact,
        "device": device,
        "dtype": dtype,
        "prefill_chunk": prefill_chunk,
        "max_running": max_running,
        "threads": threads,
        "api_keys": api_key,
        "served_model_name": served_model_name,
        "admin_key": admin_key,
        "warm": warm,
        "insecure_no_auth": insecure_no_auth,
        "max_body": max_body,
        "grace": grace,
        "ledger": ledger,
        "log_format": log_format,
    }

    from headstart.cli.failures import one_line, progress
    from headstart.cli.gateway import serve_gateway
    from headstart.cli.startup import banner, serving
    from headstart.server import load_settings, serve_until_signal
    from headstart.server.logs import configure
    from headstart.server.warm import read_prompts, warm_in_background

    with one_line():
        settings = load_settings(overrides, config)
        if settings.upstream and settings.model is None:
            serve_gateway(settings, None)
            return
        configure(settings.log_format)
        prompts = read_prompts(settings.warm) if settings.warm else []
        with serving(settings, progress) as (engine, server):
            typer.echo(banner(engine, server, settings))
            if prompts:
                warm_in_background(engine, settings, prompts)
            serve_until_signal(server, engine, settings.grace)
