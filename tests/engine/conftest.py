from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from headstart.engine import Engine, builtin, load
from headstart.engine.model import CausalModel
from tests.engine.rig import Rig, Spy
from tests.engine.tiny import save_tiny

RigMaker = Callable[..., Rig]
EngineMaker = Callable[..., Engine]


@pytest.fixture(autouse=True)
def _threads(request: pytest.FixtureRequest) -> Iterator[None]:
    """One, unless a module says otherwise: for a tiny model more only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(getattr(request.module, "THREADS", 1))
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def builtin_folder() -> Path:
    return builtin.ensure()


@pytest.fixture(scope="session")
def tiny_folder(builtin_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("models") / "tiny", builtin_folder)


@pytest.fixture(scope="session")
def loaded_tiny(tiny_folder: Path) -> CausalModel:
    return CausalModel(str(tiny_folder), "cpu", None)


@pytest.fixture
def make_rig(loaded_tiny: CausalModel) -> Iterator[RigMaker]:
    rigs: list[Rig] = []

    def make(model: CausalModel = loaded_tiny, **kwargs: Any) -> Rig:
        rigs.append(Rig(model, **kwargs))
        return rigs[-1]

    yield make
    for rig in reversed(rigs):
        rig.spy.remove()


@pytest.fixture
def open_engine(tiny_folder: Path) -> Iterator[EngineMaker]:
    """Engines that are closed when the test ends."""
    engines: list[Engine] = []

    def make(folder: Path = tiny_folder, **kwargs: Any) -> Engine:
        settings = {"cache_memory": 16 << 20, "chunk": 16, **kwargs}
        engines.append(load(str(folder), **settings))
        return engines[-1]

    yield make
    for engine in engines:
        engine.close()


@pytest.fixture
def spy_on() -> Iterator[Callable[[Engine], Spy]]:
    spies: list[Spy] = []

    def start(engine: Any) -> Spy:
        spies.append(Spy(engine._model))
        return spies[-1]

    yield start
    for spy in spies:
        spy.remove()
