"""What the attacks share."""

from __future__ import annotations

import pytest

from tests.web.security.everything import Everything


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Everything:
    """All that is served, for the attacks of one module, none of which changes anything."""
    return Everything(tmp_path_factory.mktemp("everything"))
