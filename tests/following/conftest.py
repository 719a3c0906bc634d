"""Directories for services that follow them."""

from __future__ import annotations

from itertools import count
from urllib.parse import quote

import pytest

from tests.following.directories import Directory
from tests.servers import ds389
from tests.servers.fixtures import GUARDED

NUMBERS = count()


@pytest.fixture(params=["389-ds", "slapd"])
def directory(request: pytest.FixtureRequest) -> Directory:
    if request.param == "slapd":
        url, above = request.getfixturevalue("slapd").socket_url, GUARDED
    else:
        url, above = request.getfixturevalue("ds389_server").socket_url, ds389.SUFFIX
    return Directory(str(url) + quote(f"cn=followed {next(NUMBERS)},{above}"))
