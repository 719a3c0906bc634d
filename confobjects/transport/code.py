"""Code that a configuration names, before it is loaded: modules of Python, and shared libraries.

Whoever can write a file that is loaded, or a directory on the way to it, decides what this process does. So all of these
must belong to root or to the user of this process, and nobody else may write them.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from typing import Any


class CodeProblem(Exception):  # noqa: N818 - becomes an error of its provider further up
    """Code must not be loaded. The message says why, ``advice`` what to do."""

    def __init__(self, message: str, advice: str) -> None:
        super().__init__(message)
        self.advice = advice


def check_file(path: str) -> str:
    """Return the real path of a file whose content may be loaded as code. Raises OSError and :class:`CodeProblem`."""
    real = os.path.realpath(path)
    os.stat(real)
    for one in dict.fromkeys((*_ways_to(os.path.abspath(path)), *_ways_to(real))):
        _check_rights(one, is_near=one in {real, os.path.dirname(real), os.path.dirname(os.path.abspath(path))})
    return real


def _ways_to(path: str) -> Iterator[str]:
    """Yield a path and each directory above it."""
    while True:
        yield path
        above = os.path.dirname(path)
        if above == path:
            return
        path = above


def _check_rights(path: str, *, is_near: bool) -> None:
    """Refuse a file or directory that others can change.

    In a directory with the sticky bit, such as ``/tmp``, others cannot replace what is not theirs. They can add files,
    so no code is loaded directly from it.
    """
    status = os.stat(path)
    if status.st_uid not in {0, os.geteuid()}:
        summary = f"{path} belongs neither to root nor to the user of this process (it belongs to user {status.st_uid})"
        raise CodeProblem(summary, "Change its owner, or use another one.")
    sticky = stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX and not is_near
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not sticky:
        raise CodeProblem(f"others can write {path}", f"Take the right from them: chmod go-w {path}")


def load_module(name: str) -> Any:
    """Import a module after checking it and the packages around it. Raises ImportError and :class:`CodeProblem`."""
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        whole = ".".join(parts[:end])
        if whole not in sys.modules:  # what the program itself has loaded runs already
            spec = find_spec(whole)  # imports the package around it, which is checked by now
            if spec is None:
                message = f"No module named {whole!r}"
                raise ModuleNotFoundError(message, name=whole)
            _check_spec(spec)
            import_module(whole)
    return sys.modules[name]


def _check_spec(spec: ModuleSpec) -> None:
    for path in spec.submodule_search_locations or ():
        _check_code_path(os.path.join(path, "__init__.py"))
    if spec.has_location and spec.origin:
        _check_code_path(spec.origin)
    if spec.cached and os.path.lexists(spec.cached):
        check_file(spec.cached)


def _check_code_path(path: str) -> None:
    """Check a file of code; of one that is inside an archive or does not exist, what holds it."""
    while not os.path.lexists(path) and path != os.path.dirname(path):
        path = os.path.dirname(path)
    check_file(path)
