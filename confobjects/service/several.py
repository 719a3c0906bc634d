"""Several mails that belong together, such as those about one event: each is accepted or refused by itself.

Law: whoever has them accepted is told of all: an error hides no mail that is in the ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from confobjects.diagnostics import Diagnostic
from confobjects.errors import ConfobjectsError, NotAcceptedError
from confobjects.records import Record


class Notified(Record):
    """What became of several mails: the ids of those that were accepted, and why others were not."""

    accepted: tuple[str, ...] = ()
    refused: tuple[Diagnostic, ...] = ()


def accept_each(mails: Iterable[Callable[[], str]]) -> Notified:
    """Have each of some mails accepted by a function that returns its id, whatever becomes of the others.

    Raises an error with every reason if there were mails and none was accepted: NotAcceptedError, unless something else is
    wrong, such as the ledger.
    """
    accepted, errors = list[str](), list[ConfobjectsError]()
    for accept in mails:
        try:
            accepted.append(accept())
        except ConfobjectsError as error:
            errors.append(error)
    refused = tuple(one for error in errors for one in error.diagnostics)
    if errors and not accepted:
        raise type(min(errors, key=lambda error: isinstance(error, NotAcceptedError)))(refused)
    return Notified(tuple(accepted), refused)


__all__ = ["Notified", "accept_each"]
