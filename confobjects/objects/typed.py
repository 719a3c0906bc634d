"""``typed.pyi``, generated from the definitions, describes each kind of object for type checkers.

At run time this module is empty: import its classes (``MailServer``, …) under ``typing.TYPE_CHECKING`` only.
"""

from __future__ import annotations


class Lookups:
    """The base from which the effective configuration has its typed look-ups; empty at run time."""

    __slots__ = ()
