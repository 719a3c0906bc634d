"""The records a definition consists of, all frozen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from confobjects.expressions.openers import has_opener
from confobjects.records import Record
from confobjects.syntaxes.base import BLANKS
from confobjects.texts.articles import with_article

if TYPE_CHECKING:
    from collections.abc import Mapping

    from confobjects.definitions.conditions import Condition
    from confobjects.diagnostics import Severity
    from confobjects.syntaxes import Syntax

ROOT_NAME = "root"
"""The parent of a relation whose objects are at the top."""
REVISION_ATTRIBUTE = "ds-cfg-revision"
"""The attribute that counts an entry's changes; no property may take it."""
HOLDER_KIND = "installed-definition"
"""The kind of the objects that hold definitions; it is built in, always there, and never replaced."""
HOLDER_CLASS = "ds-cfg-installed-definition"
"""The object class of their entries."""
HOLDER_BRANCH = ("cn", "Definitions")
"""The RDN of the entry below the base that holds them."""
OWN_BRANCHES = ("cn=definitions", "cn=followers", "cn=history", "cn=verifications")
"""The branches below the base that belong to this library, in normal form."""


class DefaultCase(Record):
    """One case of a default: its values, and the condition on the same object; None for the last, which always holds."""

    when: Condition | None
    values: tuple[str, ...]

    def as_words(self) -> str:
        """Return when the case applies as a phrase for people."""
        return "otherwise" if self.when is None else self.when.as_words()


class Default(Record):
    """Default behaviour of a property.

    ``kind`` is ``defined`` (``values``), ``cases`` (the values of the first of the ``cases`` that holds), ``alias``
    (``sentence`` says what happens without a value),
    ``undefined``, ``inherited-absolute`` (``property`` of the object at ``path``) or ``inherited-relative``
    (``property`` of the object ``offset`` path elements up; 0 is the object itself).
    """

    kind: str
    values: tuple[str, ...] = ()
    cases: tuple[DefaultCase, ...] = ()
    sentence: str = ""
    path: str = ""
    offset: int = 0
    property: str = ""

    def always_gives_value(self) -> bool:
        """Tell whether the property has a value in every object, without looking at another one."""
        return self.kind in {"defined", "cases"}

    def possible_texts(self) -> tuple[str, ...]:
        """Return the texts that it can give by itself, each once."""
        return tuple(dict.fromkeys((*self.values, *(text for case in self.cases for text in case.values))))

    def looks_at(self) -> frozenset[str]:
        """Return the properties of the same object that decide between its cases."""
        return frozenset(name for case in self.cases if case.when is not None for name in case.when.properties())


class AdminAction(Record):
    """What an administrator must do before a change takes effect: none, component-restart, server-restart or other."""

    kind: str = "none"
    note: str = ""

    def as_sentence(self) -> str:
        """Return the action for people, with its note."""
        return " ".join(part for part in (ACTION_SENTENCES[self.kind], self.note) if part)


ACTION_SENTENCES = {
    "none": "None.",
    "component-restart": "The object must be disabled and re-enabled for changes to take effect.",
    "server-restart": "The server must be restarted for changes to take effect.",
    "other": "",
}
"""The administrator actions, each with its sentence; ``other`` has only its note."""


class Reference(Record):
    """An aggregation: the property names objects of a relation.

    ``target_enabled`` is judged on the target, ``needed_when`` on the object that refers to it: where
    ``needed_when`` holds, ``target_enabled`` must hold too; ``synopsis`` says that rule in a sentence. Without ``target_enabled``
    nothing is judged: no property of a target says whether it is enabled. With a ``name``, the values of the property are
    pairs, and those of this name have the name of an object as their value.
    """

    relation: str
    parent: str
    target_enabled: Condition | None = None
    needed_when: Condition | None = None
    name: str = ""
    synopsis: str = ""

    def select_name(self, text: str) -> str | None:
        """Return what a value of the property gives as the name of an object; None if it is a pair of another name."""
        if not self.name:
            return text
        name, sign, value = text.partition("=")
        return value if sign and name.strip(BLANKS) == self.name else None

    def write_name(self, name: str) -> str:
        """Return the value of the property that names an object."""
        return f"{self.name}={name}" if self.name else name

    def may_name(self, expression: str) -> bool:
        """Tell whether a value that is an expression may name an object once it is known."""
        name, sign, _ = expression.partition("=")
        return not self.name or not sign or has_opener(name) or name.strip(BLANKS) == self.name

    def as_words(self, prop: str) -> str:
        """Return the property, with the name of the pair, for a message."""
        return f"{prop} {self.name}" if self.name else prop


class Travel(Record):
    """A property with which a secret travels; of pairs, with ``names``, only those whose name fits one of them.

    A ``*`` in one of ``names`` stands for any characters, also none.
    """

    property: str
    names: tuple[str, ...] = ()

    def includes(self, name: str) -> bool:
        """Tell whether the secret travels with the pair of a name."""
        return any(_fits(pattern, name) for pattern in self.names)


def _fits(pattern: str, name: str) -> bool:
    """Tell whether a name has the form of a pattern."""
    first, *rest = pattern.split("*")
    if not rest:
        return name == first
    at = len(first)
    for part in rest[:-1]:
        found = name.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return name.startswith(first) and name.endswith(rest[-1]) and at + len(rest[-1]) <= len(name)


class ReEntry(Record):
    """With which properties a secret travels: they say where it goes, as whom, and how it is protected.

    If one of them changes, the stored secret has to be given again; ``severity`` says whether a change without it is
    refused (``error``) or made with a ``warning``.
    """

    travels: tuple[Travel, ...]
    severity: Severity = "error"


AFTER_CREATION = "after-creation"
"""What a definition says of a read-only property with a default that creation may set, as it may one without a default."""


class PropertyDefinition(Record):
    """The complete definition of one property.

    Where ``required_when`` holds for the object, the property needs a value, as a ``mandatory`` one always does. Each
    value names an object if there is a ``reference``; of pairs, those do that have the name of one of ``pair_references``.
    ``administrator_names`` are names of pairs that only administrators may set, where people have roles. A ``read_only`` one
    may be set on creation if it has no default or is ``set_on_creation``.
    """

    name: str
    syntax: Syntax
    synopsis: str
    description: str = ""
    default: Default = Default("undefined")
    mandatory: bool = False
    multi_valued: bool = False
    advanced: bool = False
    hidden: bool = False
    read_only: bool = False
    set_on_creation: bool = False
    sensitive: bool = False
    admin_action: AdminAction = AdminAction()
    reference: Reference | None = None
    pair_references: tuple[Reference, ...] = ()
    attribute: str = ""
    renamed_from: tuple[str, ...] = ()
    deprecated: str = ""
    declared_by: str = ""
    examples: tuple[str, ...] = ()
    required_when: Condition | None = None
    re_entry: ReEntry | None = None
    administrator_only: bool = False
    administrator_names: frozenset[str] = frozenset()

    def is_for_administrators(self, text: str) -> bool:
        """Tell whether only administrators may set a value, or take it away, where people have roles."""
        return self.administrator_only or self.syntax.key(text) in self.administrator_names

    def find_secret(self, text: str) -> tuple[int, int] | None:
        """Return where the secret in a value begins and ends: all of it, or a part; None if no part of it is secret."""
        if self.sensitive:
            return 0, len(text)
        return self.syntax.find_secret(text) if self.syntax.has_secret_parts else None

    @property
    def can_hold_secret(self) -> bool:
        """Whether a value, or a part of it, can be a secret."""
        return self.sensitive or self.syntax.has_secret_parts

    @property
    def references(self) -> tuple[Reference, ...]:
        """The ways in which a value may name an object; none for most properties."""
        return self.pair_references if self.reference is None else (self.reference,)

    @property
    def is_fixed(self) -> bool:
        """Whether it always has its default, so it is shown, and never set nor written.

        It is read-only with a default, unless the definition says that creation may set it.
        """
        has_default = self.default.kind not in {"undefined", "alias"}
        return self.read_only and has_default and not self.set_on_creation


class Constraint(Record):
    """A rule over the properties of one object: a condition, or a function where a condition is not enough.

    ``looks_at`` are properties that refer to other objects, which the function looks at, too: it is judged again when one of
    them changes. ``fixes`` are sets of values, each of which would satisfy it: the first one that does not change what the user
    has just set is offered as the corrected command.
    """

    name: str
    synopsis: str
    remedy: str = ""
    condition: Condition | None = None
    function: str = ""
    looks_at: tuple[str, ...] = ()
    severity: str = "error"
    property: str = ""
    fixes: tuple[tuple[tuple[str, str], ...], ...] = ()


class View(Record):
    """A result computed from an object's effective values, and shown with them.

    ``function`` is the ``module:function`` in Python that takes the effective object; see
    :meth:`~confobjects.objects.effective.EffectiveObject.views`.
    """

    name: str
    synopsis: str
    function: str


class Verification(Record):
    """The check that shows whether an object works, by its name, and what it does in words."""

    check: str
    synopsis: str


class Relation(Record):
    """How objects of a type are placed below their parent: ``singleton``, ``optional``, ``instantiable`` or ``set``.

    ``branch`` is the relative DN text of the entry that holds them (for a single object: of its own entry),
    ``naming_property`` the property whose value names an object, if it is not a plain name. ``friendly`` and
    ``friendly_plural`` are the names of the objects for people, which may differ from those of their type.
    """

    name: str
    kind: str
    parent: str
    target: str
    branch: str = ""
    naming_property: str = ""
    naming_attribute: str = "cn"
    plural: str = ""
    friendly: str = ""
    friendly_plural: str = ""
    synopsis: str = ""
    hidden: bool = False
    name_option: str = ""
    default_objects: tuple[DefaultObject, ...] = ()

    @property
    def indefinite(self) -> str:
        """The name for people of one of the objects, with its article: an OAuth 2.0 Provider."""
        return with_article(self.friendly)

    @property
    def named(self) -> bool:
        """Whether objects of the relation have names: instantiable by a free name, set by their type."""
        return self.kind in {"instantiable", "set"}

    def lists(self, definition: ManagedObjectDefinition, *, advanced: bool) -> bool:
        """Tell whether a list has a type and its objects in it: an advanced subtype only if it is asked for."""
        return advanced or not definition.advanced or definition.name == self.target


class DefaultObject(Record):
    """An object that is created with its parent."""

    name: str
    type: str
    values: tuple[tuple[str, tuple[str, ...]], ...]


class ManagedObjectDefinition(Record):
    """A kind of managed object, with everything inherited resolved.

    ``ancestors`` are the names from the top type down to the direct parent; ``properties`` come in order of
    declaration, the top type's first; ``constants`` are LDAP attributes an entry carries without being properties.
    ``by_attribute`` are the properties that an entry may store, ``former_attributes`` the same by former names.
    Only administrators may change an object that is ``administrator_only``, where people have roles.
    """

    name: str
    version: int
    synopsis: str
    description: str
    friendly: str
    friendly_plural: str
    tags: tuple[str, ...]
    abstract: bool
    advanced: bool
    hidden: bool
    ancestors: tuple[str, ...]
    properties: Mapping[str, PropertyDefinition]
    constraints: tuple[Constraint, ...]
    views: tuple[View, ...]
    enabled_when: Condition | None
    object_classes: tuple[str, ...]
    constants: Mapping[str, tuple[str, ...]]
    list_columns: tuple[str, ...]
    custom: bool
    note: str
    deprecated: str
    by_attribute: Mapping[str, PropertyDefinition]
    former_attributes: Mapping[str, PropertyDefinition]
    raw: Mapping[str, Any]
    verification: Verification | None = None
    administrator_only: bool = False

    @property
    def indefinite(self) -> str:
        """The name for people of an object of this kind, with its article: an SMTP Alert Handler."""
        return with_article(self.friendly)

    @property
    def constant_names(self) -> frozenset[str]:
        """The attributes of ``constants``, in lower case."""
        return frozenset(name.lower() for name in self.constants)

    @property
    def syntaxes(self) -> Mapping[str, Syntax]:
        """The syntax of each property."""
        return {name: prop.syntax for name, prop in self.properties.items()}

    @property
    def top(self) -> str:
        """The name of the topmost type this one descends from, itself included."""
        return self.ancestors[0] if self.ancestors else self.name

    @property
    def types(self) -> tuple[str, ...]:
        """The name of this type and those it descends from, its own first."""
        return (self.name, *reversed(self.ancestors))

    def find_fixed(self, attribute: str) -> PropertyDefinition | None:
        """Return the property that always has its default, by its attribute, which an entry should not have."""
        key = attribute.lower()
        fixed = (prop for prop in self.properties.values() if prop.is_fixed)
        return next((prop for prop in fixed if prop.attribute.lower() == key), None)

    def is_a(self, name: str) -> bool:
        """Tell whether this is the named type or descends from it."""
        return name == self.name or name in self.ancestors
