"""Managed object definitions: the kinds of objects, and the properties of each.

Laws of this room:

1. Pure. Definitions come in as parsed JSON documents with the name of their file; nothing here opens one.
2. A definition says *what*; syntaxes (the room below) say *how* a value is read. Nothing here looks at a value
   except to judge a default or a condition with the property's own syntax.
3. What was loaded is frozen. Inheritance, overrides and shared properties are resolved once, on first use.
4. :mod:`~confobjects.definitions.checking` finds every problem of a set of documents at once; the registry trusts
   documents that passed it.
"""

from __future__ import annotations

from confobjects.definitions.documents import DefinitionDocument
from confobjects.definitions.model import (
    AdminAction,
    Constraint,
    Default,
    ManagedObjectDefinition,
    PropertyDefinition,
    Reference,
    Relation,
    View,
)
from confobjects.definitions.registry import Registry

__all__ = [
    "AdminAction",
    "Constraint",
    "Default",
    "DefinitionDocument",
    "ManagedObjectDefinition",
    "PropertyDefinition",
    "Reference",
    "Registry",
    "Relation",
    "View",
]
