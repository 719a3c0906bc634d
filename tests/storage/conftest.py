"""One maker per kind of storage, so that the contract is asked of every one that is registered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest

from confobjects.storage import SCHEMES, Storage, open_storage

Maker = Callable[[], Storage]


def _ldif(folder: Path) -> Storage:
    return open_storage(f"ldif:{folder / 'config.ldif'}", deadline=0.2)


def _memory(folder: Path) -> Storage:
    return open_storage("memory:", deadline=0.2)


MAKERS: dict[str, Callable[[Path], Storage]] = {"ldif": _ldif, "memory": _memory}


@pytest.fixture(params=sorted(SCHEMES))
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storage]:
    """An empty storage of every kind."""
    made = MAKERS[request.param](tmp_path)
    yield made
    made.close()


@pytest.fixture
def make_every_storage(tmp_path: Path) -> Callable[[], list[Storage]]:
    """Return a maker of empty storages, one of each kind."""

    def make() -> list[Storage]:
        folder = Path(mkdtemp(dir=tmp_path))
        return [MAKERS[scheme](folder) for scheme in sorted(SCHEMES)]

    return make
