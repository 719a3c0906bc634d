"""What type checkers know of each kind of object is in ``typed.pyi``, generated from the definitions.

At run time there is nothing to it: import its classes (``MailServer``, …) under ``typing.TYPE_CHECKING`` only.
"""

from __future__ import annotations


class Lookups:
    """The base from which the effective configuration has its typed look-ups; empty at run time."""

    __slots__ = ()
