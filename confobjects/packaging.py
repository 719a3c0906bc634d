"""The build step of confobjects: setuptools runs it, and nothing else uses it.

A wheel also has what the library's own definitions say as a Python module, ``confobjects/parsed_definitions.py``, which an
installer compiles like all others. A checkout has no such file: its JSON is parsed each time, so that it is never out of date.
"""

from __future__ import annotations

import json
from pathlib import Path
from pprint import pformat

from setuptools.command.build_py import build_py

_HEAD = '''"""What the library's own definitions say, by the names of their files. Made from schemas/*.json when the wheel was built."""


def parse():
    return '''


class BuildModules(build_py):
    """Builds the modules of the package, and the one that is made from the definitions."""

    def run(self) -> None:
        """Build everything."""
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib, "confobjects", "parsed_definitions.py")
            target.write_text(make_module(Path(self.get_package_dir("confobjects.schemas"))), encoding="utf-8")


def make_module(directory: Path) -> str:
    """Return the text of a module whose ``parse`` returns what the definitions in a directory say."""
    files = sorted(path for path in directory.glob("*.json") if not path.name.endswith(".schema.json"))
    parsed = {path.name: json.loads(path.read_bytes()) for path in files}
    return f"{_HEAD}{pformat(parsed, sort_dicts=False)}\n"
