"""Distributions of heavy servers: Maven brings an archive once, and it stays unpacked between the runs."""

from __future__ import annotations

import os
import subprocess
import tempfile
import zipfile
from pathlib import Path
from typing import Final

from tests.servers import packages

CACHE: Final = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "confobjects-interop"
"""Where distributions are kept between runs. Found when the tests are collected: while they run, HOME is another."""


def fetch(artifact: str, name: str) -> Path:
    """Return the directory of a distribution, which Maven brings if it is not here yet.

    ``artifact`` are the coordinates of a zip archive whose only directory becomes ``name``.
    """
    home = CACHE / name
    if not home.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as place:
            _unpack(artifact, Path(place)).rename(home)  # whole or not at all
    return home


def _unpack(artifact: str, place: Path) -> Path:
    maven = packages.require("maven")["mvn"]
    copy = ("dependency:copy", f"-Dartifact={artifact}", f"-DoutputDirectory={place / 'archive'}")
    subprocess.run([maven, "-q", "-B", *copy], check=True, cwd=place)
    (archive,) = (place / "archive").iterdir()
    with zipfile.ZipFile(archive) as content:
        for member in content.infolist():
            unpacked = content.extract(member, place / "content")
            if mode := (member.external_attr >> 16) & 0o777:  # programs stay programs
                os.chmod(unpacked, mode)
    (top,) = (place / "content").iterdir()
    return top
