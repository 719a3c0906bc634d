"""Asks for one value of a property: as a choice, as a reference, hidden, or as a line."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from confobjects.definitions.conditions import adapt_condition
from confobjects.management.changing.operations import Operation
from confobjects.objects.changes import PropertyChanges
from confobjects.records import Record, field
from confobjects.reference.text import describe_property
from confobjects.texts.names import normal_name

from .pages import satisfying_values
from .terminal import BackRequest

if TYPE_CHECKING:
    from confobjects.definitions import PropertyDefinition, Relation
    from confobjects.definitions.model import Reference
    from confobjects.objects.model import ManagedObject

    from .session import InteractiveSession

Create = Callable[["Relation", tuple[str, ...]], list[Operation]]
"""Edits a new object below some parents, and returns the operations that create it."""

_EXPRESSION = "give an expression, such as &{name|default} or &{file:path}"


class Aside(Record):
    """The operations that a reference needs first, and the name of the object they are for."""

    target: str
    operations: tuple[Operation, ...]


def _is_creation_of(aside: Aside, kind: str) -> bool:
    """Tell whether an aside creates an object of a kind."""
    last = aside.operations[-1]
    return last.action == "create" and last.kind == kind


class Answer(Record):
    """A value, and the operations that are needed before it can be used."""

    text: str = field(repr=False)
    operations: tuple[Operation, ...] = ()


class ValuePrompt:
    """Asks for values; ``create`` makes an object to refer to, ``asides`` are those made so far."""

    def __init__(self, session: InteractiveSession, create: Create, asides: tuple[Aside, ...]) -> None:
        self.session = session
        self.terminal = session.terminal
        self.registry = session.registry
        self.create = create
        self.asides = asides

    def ask_value(self, prop: PropertyDefinition, *, present: str = "") -> Answer:
        """Ask for a value of a property. Raises BackRequest if none is given."""
        if prop.reference is not None:
            return self._ask_reference(prop, prop.reference)
        if prop.syntax.choices():
            return self._ask_choice(prop)
        if prop.sensitive:
            return self._ask_secret(prop)
        return Answer(self._ask_line(prop, present))

    def _ask_line(self, prop: PropertyDefinition, present: str = "") -> str:
        """Ask for a line; ``?`` explains the property, an empty answer goes back."""
        while True:
            answer = self.terminal.ask(f"{prop.name} (? for help, empty to go back): ", present=present)
            if not answer.strip():
                raise BackRequest
            if answer.strip() != "?":
                return answer
            text = describe_property(prop, self.registry, width=self.terminal.width)
            self.terminal.explain(f"\n{text}\n", before_menu=False)

    def _ask_choice(self, prop: PropertyDefinition) -> Answer:
        choices = prop.syntax.choices()
        labels = [f"{value}: {meaning}" if meaning else value for value, meaning in choices]
        at = self.session.choose_one(f"Value of {prop.name}:", labels, [_EXPRESSION])
        return Answer(choices[at][0] if at < len(choices) else self._ask_line(prop))

    def _ask_secret(self, prop: PropertyDefinition) -> Answer:
        """Ask how a secret is given; whoever types it at once, in place of a choice, does not show it either."""
        question = f"Value of {prop.name}: type it, which is not shown, or choose:"
        typed = self.session.choose_unseen(question, ["type it, without showing it", _EXPRESSION])
        if typed == 1:
            return Answer(self._ask_line(prop))
        text = self.terminal.ask_secret(prop.name, typed if isinstance(typed, str) else "")
        if not text:
            raise BackRequest
        return Answer(text)

    # -- references --------------------------------------------------------------------------------------------------

    def _ask_reference(self, prop: PropertyDefinition, reference: Reference) -> Answer:
        """Ask for an object, or for a new one; offer to enable a disabled one."""
        relation = self.registry.relation(reference.relation)
        base = self.registry.parse_path(reference.parent)
        objects = self.session.context.world().members(relation, base)
        objects = sorted(objects, key=lambda obj: normal_name(obj.name))
        fresh = [aside.target for aside in self.asides if _is_creation_of(aside, relation.name)]
        labels = [self._label(obj, reference) for obj in objects] + [f"{name}  (new)" for name in fresh]
        more = [f"create a new {relation.friendly}", _EXPRESSION]
        while True:
            at = self.session.choose_one(f"{prop.name}: which {relation.friendly}?", labels, more)
            if at < len(objects):
                return Answer(objects[at].name, self._offer_enabling(objects[at], reference))
            if at < len(labels):
                return Answer(fresh[at - len(objects)])
            if at > len(labels):
                return Answer(self._ask_line(prop))
            with suppress(BackRequest):  # after the new one is given up, ask again
                return self._make_target(relation, base.names, reference)

    def _make_target(self, relation: Relation, parents: tuple[str, ...], reference: Reference) -> Answer:
        operations = self.create(relation, parents)
        last = self._enable_creation(operations[-1], reference)
        return Answer(last.names[-1], (*operations[:-1], last))

    def _is_usable(self, obj: ManagedObject, reference: Reference) -> bool:
        """Tell whether a reference may name an object as it is; an unknown condition counts as met."""
        condition = reference.target_enabled
        if condition is None:
            return True
        reader = self.session.context.site.make_reader()
        adapted = adapt_condition(condition, obj.definition.syntaxes)
        return adapted.judge(lambda name: reader.read(obj, obj.definition.properties[name]).normals) is not False

    def _enable_creation(self, creation: Operation, reference: Reference) -> Operation:
        """Return the creation of an object, enabled for a reference if the user wants that."""
        values = None if reference.target_enabled is None else satisfying_values(reference.target_enabled)
        given = creation.changes.set
        if values is None or all(list(given.get(name, ())) == wanted for name, wanted in values.items()):
            return creation
        if not self.terminal.confirm(f'"{creation.names[-1]}" is disabled. Enable it?', default=True):
            return creation
        return creation.replace(changes=creation.changes.replace(set={**given, **values}))

    def _label(self, obj: ManagedObject, reference: Reference) -> str:
        return obj.name if self._is_usable(obj, reference) else f"{obj.name}  (disabled)"

    def _offer_enabling(self, obj: ManagedObject, reference: Reference) -> tuple[Operation, ...]:
        """Offer to make a disabled object usable; return the operations."""
        condition = reference.target_enabled
        if condition is None or self._is_usable(obj, reference):
            return ()
        values = satisfying_values(condition)
        if values is None or not self.terminal.confirm(f'"{obj.name}" is disabled. Enable it as well?', default=True):
            return ()
        return (Operation("modify", obj.path.relation, obj.path.names, changes=PropertyChanges(set=values)),)
