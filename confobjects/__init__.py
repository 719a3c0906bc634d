"""Configuration objects with one definition each: commands, storage, expressions, documentation and mail follow from it.

::

    import confobjects

    with confobjects.open("ldif:config.ldif") as ctx:
        ctx.create("mail-server", "one", {"enabled": True, "smtp-server": "smtp.example.com"})
    config = confobjects.load("ldif:config.ldif")
    config["mail-server", "one"]["smtp-server"].port
    with confobjects.live("ldif:config.ldif") as live:  # the same, kept true while the file changes
        live["mail-server", "one"]["smtp-server"].port

Names are loaded when they are first used, so that a program pays only for what it calls. ``dir(confobjects)`` lists them,
``help(confobjects.open)`` explains one. ``confobjects.errors`` has every error, ``confobjects.testing`` what tests of a program
need. The guide has a page "From Python", with every option.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

__all__ = [
    "ConfobjectsError",
    "Diagnostic",
    "EffectiveConfiguration",
    "EffectiveObject",
    "Mailer",
    "ManagementContext",
    "Outgoing",
    "PropertyChanges",
    "__version__",
    "live",
    "load",
    "mail_service",
    "mailer",
    "open",
    "save_tests",
]

if TYPE_CHECKING:
    from confobjects.diagnostics import Diagnostic
    from confobjects.errors import ConfobjectsError
    from confobjects.following.opening import live
    from confobjects.objects.changes import PropertyChanges
    from confobjects.objects.effective import EffectiveObject
    from confobjects.objects.typed import TypedConfiguration as EffectiveConfiguration
    from confobjects.objects.typed import TypedContext as ManagementContext
    from confobjects.service.face import mail_service
    from confobjects.service.saving import save_tests
    from confobjects.service.tokens import mailer
    from confobjects.startup import load, open  # noqa: A004 - confobjects.open is the public verb
    from confobjects.transport.mailer import Mailer
    from confobjects.transport.outgoing import Outgoing

_HOMES = {
    "ConfobjectsError": "confobjects.errors",
    "Diagnostic": "confobjects.diagnostics",
    "EffectiveConfiguration": "confobjects.objects.effective",
    "EffectiveObject": "confobjects.objects.effective",
    "Mailer": "confobjects.transport.mailer",
    "ManagementContext": "confobjects.management",
    "Outgoing": "confobjects.transport.outgoing",
    "PropertyChanges": "confobjects.objects.changes",
    "live": "confobjects.following",
    "load": "confobjects.startup",
    "mail_service": "confobjects.service.face",
    "mailer": "confobjects.service.tokens",
    "open": "confobjects.startup",
    "save_tests": "confobjects.service.saving",
}


def __getattr__(name: str) -> Any:
    """Import a public name from its home (PEP 562)."""
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    from importlib import import_module

    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names, also those that are not loaded yet, and nothing else."""
    return sorted(__all__)
