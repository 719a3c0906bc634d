"""The page "REST by example": its calls are made, of a server that runs."""

from __future__ import annotations

from pathlib import Path

from tests.docs import pages
from tests.docs.pages import ROOT
from tests.servers.packages import require
from tests.servers.processes import free_port


def test_the_page_on_rest(tmp_path: Path) -> None:
    require("curl")
    page = ROOT / "docs/guide" / "rest.md"
    assert "\n".join(pages.differences(page, tmp_path, {"PORT": str(free_port())})) == ""
