from __future__ import annotations

from headstart import __version__
from tests.cli.conftest import Command


def test_help_names_every_command(headstart: Command) -> None:
    status, out, err = headstart("--help").end()
    assert (status, err) == (0, "")
    assert "serve" in out
    assert "demo" in out


def test_version(headstart: Command) -> None:
    assert headstart("--version").end() == (0, f"headstart {__version__}\n", "")


def test_an_unknown_option_is_a_usage_error(headstart: Command) -> None:
    status, _, err = headstart("serve", "--nonsense").end()
    assert status == 2
    assert "--nonsense" in err
    assert "Traceback" not in err
