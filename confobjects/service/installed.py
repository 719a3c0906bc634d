"""Whether what the mail service needs is installed. Here and nowhere else in this room SQLAlchemy may be missing."""

from __future__ import annotations

from importlib.util import find_spec

from confobjects.diagnostics import Diagnostic
from confobjects.errors import UsageError


def require_installed() -> None:
    """Raise UsageError, with what to install, unless the mail service can be used."""
    if find_spec("sqlalchemy") is None:
        summary = "the mail service cannot be used: the Python package for its ledger is not installed"
        remedy = 'Install it: pip install "confobjects[service]".'
        raise UsageError(Diagnostic("usage", summary, remedy=remedy))


__all__ = ["require_installed"]
