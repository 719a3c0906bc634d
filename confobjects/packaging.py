"""The build step of confobjects: setuptools runs it, and nothing else uses it.

A wheel also has what the library's own definitions say as a Python module, ``confobjects/parsed_definitions.py``, which an
installer compiles like all others. A checkout has no such file: its JSON is parsed each time, so that it is never out of date.

A wheel also has the manual pages, which an installer puts where ``man`` finds them. They are made by the command line that was just
built, so building needs the packages that it imports.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from pprint import pformat

from setuptools.command.build_py import build_py

_HEAD = '''"""What the library's own definitions say, by the names of their files. Made from schemas/*.json when the wheel was built."""


def parse():
    return '''


MANUAL = "share/man/man1"
"""Where the manual pages stand below the prefix that a wheel is installed into."""


class BuildModules(build_py):
    """Builds the modules of the package, the one that is made from the definitions, and the manual pages."""

    def run(self) -> None:
        """Build everything."""
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib, "confobjects", "parsed_definitions.py")
            target.write_text(make_module(Path(self.get_package_dir("confobjects.schemas"))), encoding="utf-8")
            pages = make_manual(Path(self.build_lib).resolve())
            self.distribution.data_files = [*(self.distribution.data_files or ()), (MANUAL, pages)]


def make_module(directory: Path) -> str:
    """Return the text of a module whose ``parse`` returns what the definitions in a directory say."""
    files = sorted(path for path in directory.glob("*.json") if not path.name.endswith(".schema.json"))
    parsed = {path.name: json.loads(path.read_bytes()) for path in files}
    return f"{_HEAD}{pformat(parsed, sort_dicts=False)}\n"


def make_manual(library: Path) -> list[str]:
    """Make the manual pages of the library that was built in a folder; return their paths."""
    folder = library.parent / "manual"
    command = [
        sys.executable,
        "-B",
        "-m",
        "confobjects.cli.manual",
        str(folder),
    ]  # no bytecode: all that lies there is shipped
    path = os.pathsep.join([str(library), *sys.path])
    subprocess.run(command, check=True, cwd=library, env={**os.environ, "PYTHONPATH": path})  # noqa: S603 - what was just built
    return sorted(map(str, folder.iterdir()))
