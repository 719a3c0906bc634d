"""The mail service of the configuration and its ledger, for the commands of its operator.

A configuration that has mistakes elsewhere keeps nobody from the ledger: only what says where it is must be right.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from confobjects.diagnostics import Diagnostic
from confobjects.errors import LedgerError, UsageError
from confobjects.service.installed import require_installed
from confobjects.service.places import KIND

from .effective_objects import evaluate_object

if TYPE_CHECKING:
    from confobjects.objects.effective import EffectiveObject
    from confobjects.service.ledger import Ledger

    from .invocation import Invocation


def load_service(invocation: Invocation) -> EffectiveObject:
    """Return the mail service, evaluated. What is wrong with it is a warning here."""
    require_installed()
    with invocation.open() as context:
        found, problems = evaluate_object(invocation, context, context.get(KIND))
    invocation.warn(problems)
    return found


def open_ledger(service: EffectiveObject) -> Ledger:
    """Open the ledger of a mail service. Raises LedgerError, also if there is none yet: an operator makes none."""
    from confobjects.service.opening import find_ledger_url, has_ledger, open_ledger_of

    if not has_ledger(service, os.environ):
        where = find_ledger_url(service, os.environ)
        summary = f"there is no ledger {where}: none was made yet, or it was removed"
        raise LedgerError(
            Diagnostic("ledger-unavailable", summary, remedy="Check that this is the configuration of the service.")
        )
    return open_ledger_of(service, os.environ, unsealed=True)


def parse_duration(text: str | None, option: str) -> int | None:
    """Return a duration in milliseconds. Raises UsageError."""
    if text is None:
        return None
    from confobjects.syntaxes.base import ValueSyntaxError
    from confobjects.syntaxes.durations import Duration

    try:
        found = Duration(base_unit="ms").parse(text)
    except ValueSyntaxError as error:
        raise UsageError(
            Diagnostic("usage", f"{option}: {error.message}", argument=option, remedy=error.remedy)
        ) from None
    assert isinstance(found, int)  # noqa: S101 - a duration without an end is not taken
    return found


def may_destroy(invocation: Invocation, what: str, *, force: bool) -> bool:
    """Tell whether something may be done that cannot be undone: asked at a terminal, unless --force says so."""
    import sys

    if force:
        return True
    if invocation.options["no_prompt"] or not sys.stdin.isatty():
        summary = f"{what}: that cannot be undone, and nobody can be asked"
        raise UsageError(Diagnostic("usage", summary, remedy="--force does it without a question"))
    return click.confirm(f"{what}. That cannot be undone. Do it?", err=True)
