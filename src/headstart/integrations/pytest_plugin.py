"""The pytest plugin's entry point: options, marker, fixtures. It imports nothing of Headstart
until a test asks for the fixture."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from headstart.integrations.prompt_cache import PromptCache

_MARKER = "prompt_cache"
_OPTIONS = ("provider", "model", "min_hit_rate")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    config.addinivalue_line(
        "markers",
        "prompt_cache(provider=None, model=None, min_hit_rate=None): run against an emulated"
        " prompt cache, by the rules of that provider and model; fail below that token hit rate.",
    )


@pytest.fixture(scope="session")
def _prompt_cache_server() -> Iterator[Any]:
    from headstart.integrations.prompt_cache import serving

    with serving() as server:
        yield server


@pytest.fixture
def prompt_cache(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, _prompt_cache_server: Any
) -> PromptCache:
    """An empty emulated prompt cache, which the providers' SDKs find by their variables."""
    from headstart.integrations.prompt_cache import PromptCache

    options = _options(request.node)
    try:
        return PromptCache(
            _prompt_cache_server,
            monkeypatch,
            provider=options.get("provider"),
            model=options.get("model"),
        )
    except ValueError as error:
        pytest.fail(f"@pytest.mark.prompt_cache: {error}", pytrace=False)


@pytest.fixture(autouse=True)
def _prompt_cache_by_marker(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker(_MARKER) is not None:
        request.getfixturevalue("prompt_cache")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Check ``min_hit_rate`` once the test itself has passed."""
    result = yield
    least = _options(item).get("min_hit_rate")
    if least is not None and isinstance(item, pytest.Function):
        cache: PromptCache = item._request.getfixturevalue("prompt_cache")
        failure = _failure(cache, least)
        if failure is not None:
            pytest.fail(failure, pytrace=False)
    return result


def _failure(cache: PromptCache, least: float) -> str | None:
    """The text of a failed assertion: failing from within its handler would show it twice."""
    try:
        cache.assert_hit_rate(min=least)
    except AssertionError as error:
        return str(error)
    return None


def _options(node: Any) -> dict[str, Any]:
    """The marker's arguments; the nearest marker counts."""
    marker = node.get_closest_marker(_MARKER)
    if marker is None:
        return {}
    unknown = sorted(set(marker.kwargs) - set(_OPTIONS))
    if marker.args or unknown:
        what = repr(unknown[0]) if unknown else "positional arguments"
        pytest.fail(
            f"@pytest.mark.prompt_cache: unknown {what} (known: {', '.join(_OPTIONS)})",
            pytrace=False,
        )
    least = marker.kwargs.get("min_hit_rate")
    if least is not None and not (isinstance(least, (int, float)) and 0 <= least <= 1):
        pytest.fail(
            f"@pytest.mark.prompt_cache: min_hit_rate is a share from 0 to 1, not {least!r}",
            pytrace=False,
        )
    return dict(marker.kwargs)
