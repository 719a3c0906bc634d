"""What has to be approved of before it is written, and by whom: whoever serves a configuration lets others do less than everything."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from confobjects.records import Record

if TYPE_CHECKING:
    from confobjects.diagnostics import Diagnostic
    from confobjects.objects.changes import ObjectChange


class ProposedChange(Record):
    """A change that has been judged, and is not yet written: it may be a dry run, or only be tried.

    ``reused`` are the problems of stored secrets that stay while something changes that says where they go; ``expected`` are the
    same for secrets that are expressions, which nobody can give again. With ``prunes`` the change deletes what a document leaves out.
    """

    changes: tuple[ObjectChange, ...]
    reused: tuple[Diagnostic, ...] = ()
    expected: tuple[Diagnostic, ...] = ()
    prunes: bool = False


Approve = Callable[[ProposedChange], None]
"""Returns if a change may be made, and raises an error if not."""
