"""The commands under ``headstart cache``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headstart.cli.failures import CANNOT, tell

if TYPE_CHECKING:
    from headstart.cli.cache.client import Client

NOT_ALL = 1
"""Exit status where something was not found, or only a part could be done."""
_MISUSE = (400, 401, 403, 413)
"""HTTP status of requests that asking again will not help."""

Url = Annotated[str, typer.Option(envvar="HEADSTART_URL", help="The server.", show_default=True)]
Key = Annotated[
    str | None,
    typer.Option("--admin-key", envvar="HEADSTART_ADMIN_KEY", help="The server's admin key."),
]
AsJson = Annotated[bool, typer.Option("--json", help="The server's own answer.")]
Id = Annotated[str, typer.Argument(help="Of the prefix, or its first 8 or more digits.")]
DEFAULT_URL = "http://127.0.0.1:8080"

cache = typer.Typer(
    help="List, keep, drop and warm what a running server has cached.", no_args_is_help=True
)


@cache.command("ls")
def list_(
    tenant: Annotated[str, typer.Option(help="Only this tenant's.")] = "",
    model: Annotated[str, typer.Option(help="Only this model's.")] = "",
    url: Url = DEFAULT_URL,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Prefixes: size, hits, last use, tiers, how long they are kept."""
    with _asking(url, key) as client:
        found = client.get("/entries", tenant=tenant, model=model)
    from headstart.cli.cache.tables import listing

    _print(found, as_json, lambda: listing(found["entries"]))


@cache.command()
def show(id: Id, url: Url = DEFAULT_URL, key: Key = None, as_json: AsJson = False) -> None:
    """One prefix, tier by tier."""
    with _asking(url, key) as client:
        found = client.get(f"/entries/{id}")
    from headstart.cli.cache.tables import details

    _print(found, as_json, lambda: details(found))


@cache.command()
def pin(id: Id, url: Url = DEFAULT_URL, key: Key = None, as_json: AsJson = False) -> None:
    """Keep a prefix until it is unpinned."""
    _change("pinned", "/pin", url, key, as_json, id=id)


@cache.command()
def unpin(id: Id, url: Url = DEFAULT_URL, key: Key = None, as_json: AsJson = False) -> None:
    """Undo `pin`."""
    _change("unpinned", "/unpin", url, key, as_json, id=id)


@cache.command()
def evict(
    id: Annotated[str | None, typer.Argument(help="Of one prefix.")] = None,
    tenant: Annotated[str | None, typer.Option(help="All of a tenant's.")] = None,
    model: Annotated[str | None, typer.Option(help="All of a model's.")] = None,
    url: Url = DEFAULT_URL,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Drop a prefix, or all of a tenant or a model; pinned ones too."""
    if (id is None) == (tenant is None and model is None):
        raise typer.BadParameter("give an id, or --tenant, --model or both")
    _change("evicted", "/evict", url, key, as_json, id=id, tenant=tenant, model=model)


@cache.command()
def forget(
    tenant: Annotated[str, typer.Argument()],
    url: Url = DEFAULT_URL,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Destroy a tenant's keys and all that is cached for it, everywhere."""
    with _asking(url, key) as client:
        done = client.post("/forget", tenant=tenant)
    within = f"other processes follow within {done['seconds']:g} s"
    _print(done, as_json, lambda: f"forgot {tenant}; {within}")
    if not done["everywhere"]:
        tell("a tier is out of reach: its keys are replaced as soon as it is back")
        raise typer.Exit(NOT_ALL)


@cache.command()
def stats(url: Url = DEFAULT_URL, key: Key = None, as_json: AsJson = False) -> None:
    """What memory and every tier hold and did."""
    with _asking(url, key) as client:
        found = client.get("/stats")
    from headstart.cli.cache.tables import figures

    _print(found, as_json, lambda: figures(found))


@cache.command()
def warm(
    file: Annotated[Path, typer.Argument(help="Prompts, one JSON object a line.")],
    tenant: Annotated[str | None, typer.Option(help="For this tenant.")] = None,
    shared: Annotated[bool, typer.Option("--shared", help="For all tenants.")] = False,
    pin: Annotated[bool, typer.Option("--pin", help="Keep them until they are unpinned.")] = False,
    ttl: Annotated[float | None, typer.Option(help="Keep them for so many seconds.")] = None,
    url: Url = DEFAULT_URL,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Have prompts prefilled, so that the first real request reads them.

    A line is a request body of either API, or {"text": "a system prompt"}; tenant, shared,
    pin and ttl may stand beside it.
    """
    from headstart.cli.cache.warming import warm_file

    options = {"tenant": tenant, "shared": shared, "pin": pin, "ttl": ttl}
    with _asking(url, key) as client:
        failed = warm_file(client, file, options, as_json)
    if failed:
        raise typer.Exit(NOT_ALL)


@cache.command("rotate-key")
def rotate_key(
    old: Annotated[str, typer.Option(help="file:PATH or env:NAME of the present master key.")],
    new: Annotated[str, typer.Option(help="file:PATH or env:NAME of the next one.")],
    disk: Annotated[
        str | None, typer.Option("--cache-disk", metavar="PATH[:SIZE]", help="The disk tier.")
    ] = None,
    remote: Annotated[
        list[str] | None,
        typer.Option("--cache-remote", metavar="URL", help="A remote tier; may be repeated."),
    ] = None,
) -> None:
    """Wrap every tenant's key by a new master key. Talks to the tiers, not to a server."""
    if not disk and not remote:
        raise typer.BadParameter("give --cache-disk, --cache-remote or both")
    from headstart.cli.cache.rotation import rotate
    from headstart.cli.failures import one_line

    with one_line():
        rotated, everywhere = rotate(disk, remote or [], old, new)
    typer.echo(f"{rotated} keys are wrapped by the new master key")
    if not everywhere:
        tell("a tier could not be reached: run this again before the old master key goes")
        raise typer.Exit(NOT_ALL)


@contextmanager
def _asking(url: str, key: str | None) -> Iterator[Client]:
    """A client; what goes wrong is told in one line, and its exit status says how."""
    from headstart.cli.cache.client import Client, Refused, Unreachable

    if not key:
        tell("the admin API needs its key: --admin-key or HEADSTART_ADMIN_KEY")
        raise typer.Exit(CANNOT)
    try:
        yield Client(url, key)
    except Unreachable as error:
        tell(str(error))
        raise typer.Exit(CANNOT) from None
    except Refused as error:
        tell(str(error))
        raise typer.Exit(CANNOT if error.status in _MISUSE else NOT_ALL) from None


def _change(done: str, path: str, url: str, key: str | None, as_json: bool, **body: Any) -> None:
    with _asking(url, key) as client:
        changed = client.post(path, **body)
    where = " and ".join(changed["tiers"])
    _print(changed, as_json, lambda: f"{done} {changed['tokens']:,} tokens in {where}")
    if not changed["tokens"]:
        raise typer.Exit(NOT_ALL)


def _print(answer: Any, as_json: bool, render: Any) -> None:
    if as_json:
        import json

        typer.echo(json.dumps(answer, indent=1))
        return
    from rich.console import Console

    Console(highlight=False, soft_wrap=True).print(render())
