"""How Sphinx makes the site: ``make docs``, which hands it the pages that ``tests/docs/site.py`` has put together."""

import tomllib
from pathlib import Path

project = "confobjects"
version = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text("utf-8"))["project"]["version"]
extensions = ["myst_parser"]
myst_heading_anchors = 6  # the anchors of a code host, so that a link leads to the same place there and here
smartquotes = False  # a quote or a hyphen is what somebody types
nitpicky = True
suppress_warnings = ["misc.highlighting_failure"]  # a session in a shell: its lexer knows no quote over two lines
html_theme = "furo"
html_title = f"confobjects {version}"
html_copy_source = False
html_show_copyright = False
html_static_path: list[str] = []
