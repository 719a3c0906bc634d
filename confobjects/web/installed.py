"""Whether what the web needs is installed. Here and nowhere else in this room its packages may be missing."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

from confobjects.diagnostics import Diagnostic
from confobjects.errors import UsageError

_NEEDED: Final = ("argon2", "h11", "jinja2", "sqlalchemy", "starlette", "uvicorn")


def require_installed() -> None:
    """Raise UsageError, with what to install, unless the console and the API can be served."""
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        summary = f"the console and the API cannot be served: {', '.join(missing)} is not installed"
        remedy = 'Install it: pip install "confobjects[web]".'
        raise UsageError(Diagnostic("usage", summary, remedy=remedy))


__all__ = ["require_installed"]
