"""Managed objects: their values, the origin of each value, their problems, and the changes of them.

Laws of this room:

1. Pure. Other objects are read through a :class:`~confobjects.objects.protocols.World`, and expressions
   are evaluated by an evaluator that the caller passes; nothing here knows how or where objects are kept.
2. The states of a value have fixed names: *stored* (what was written), *current* (stored, or the default), *effective*
   (current, evaluated). Nothing replaces an expression by its value.
3. The same judge works at write time and at startup; only the evaluator differs. What cannot be known yet is
   neither right nor wrong but deferred.
4. Every problem is reported, each with path, property, masked value and remedy.
"""

from __future__ import annotations

from confobjects.objects.model import DeferredCheck, ManagedObject, Reading

__all__ = ["DeferredCheck", "ManagedObject", "Reading"]
