"""The commands of the page "Serving the console and the API" do what it says."""

from __future__ import annotations

from pathlib import Path

from tests.docs import pages
from tests.servers.packages import require
from tests.servers.processes import free_port

PAGE = pages.ROOT / "docs" / "guide" / "serving.md"


def test_the_page_on_serving(tmp_path: Path) -> None:
    require("curl")
    assert "\n".join(pages.differences(PAGE, tmp_path, {"WEB_PORT": str(free_port())})) == ""
