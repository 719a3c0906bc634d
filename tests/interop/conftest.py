"""Servers that are too heavy for each run of the tests: ``make interop`` starts them, ``make interop-opendj`` one of them."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.servers.keycloak import Keycloak
from tests.servers.opendj import OpenDj

collect_ignore_glob = [] if os.environ.get("CONFOBJECTS_INTEROP") else ["test_*.py", "*/test_*.py"]


@pytest.fixture(scope="session")
def keycloak() -> Iterator[Keycloak]:
    with Keycloak() as running:
        yield running


@pytest.fixture(scope="session")
def opendj() -> Iterator[OpenDj]:
    """One OpenDJ for the whole run."""
    with OpenDj() as running:
        yield running
