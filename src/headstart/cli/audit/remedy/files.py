"""The files, and writing them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from headstart.audit.findings import Audit
from headstart.cli.audit.remedy.changes import changes
from headstart.cli.audit.remedy.guard import guard

_GATEWAY: Final = "headstart.toml"
_CHANGES: Final = "prompt-changes.md"
_GUARD: Final = "test_prompt_cache.py"
FILES: Final = (_GATEWAY, _CHANGES, _GUARD)


def write_all(audit: Audit, folder: Path, app: str = "") -> list[Path]:
    """Write them into a folder, made if need be; ``app`` (``module:function``) is what the test
    runs. FileExistsError for a file that is there, other OSErrors."""
    from headstart.cli.audit.remedy.gateway import gateway

    made: Mapping[str, Callable[[], str]] = MappingProxyType(
        {
            _GATEWAY: lambda: gateway(audit),
            _CHANGES: lambda: changes(audit),
            _GUARD: lambda: guard(audit, app),
        }
    )
    texts = {name: make() for name, make in made.items()}
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, text in texts.items():
        with (folder / name).open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
        paths.append(folder / name)
    return paths
