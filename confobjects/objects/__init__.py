"""Managed objects: their values, where each came from, what is wrong with them, and what a change makes of them.

Laws of this room:

1. Pure. Other objects are reached through a :class:`~confobjects.objects.model.World`, expressions through an
   evaluator handed in; nothing here knows how or where objects are kept.
2. A value keeps its words: *stored* (what was written), *current* (stored, or the default), *effective*
   (current, evaluated). Nothing replaces an expression by its value.
3. The same judge works at write time and at startup; only the evaluator differs. What cannot be known yet is
   neither right nor wrong but deferred.
4. Every problem is reported, each with path, property, masked value and remedy.
"""

from __future__ import annotations

from confobjects.objects.model import DeferredCheck, ManagedObject, Reading

__all__ = ["DeferredCheck", "ManagedObject", "Reading"]
