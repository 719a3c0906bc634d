"""What the attacks share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.web.security.everything import Everything


@pytest.fixture(scope="session")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Everything]:
    """All that is served, for all attacks, none of which changes anything."""
    with Everything(tmp_path_factory.mktemp("everything")) as made:
        yield made
