"""Creating and editing an object: its type and name, its mandatory properties, and the property editor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from confobjects.errors import ConfobjectsError
from confobjects.management.changing.operations import Operation
from confobjects.objects.model import ManagedObject
from confobjects.records import Record
from confobjects.reference.text import describe_property
from confobjects.syntaxes import ValueSyntaxError
from confobjects.texts.names import normal_name
from confobjects.texts.visible import make_visible

from ..output.equivalents import equivalent_command
from ..output.messages import Message, message_of
from .asking import Aside, ValuePrompt
from .choosing import Choice
from .draft import ADD, KEEP, REMOVE, RESET, REVERT, Draft
from .pages import BACK, CANCEL, COMMAND, FINISH, MORE, QUIT, editor_page, format_value, list_menu, property_page
from .terminal import BackRequest, QuitRequest

if TYPE_CHECKING:
    from confobjects.definitions import ManagedObjectDefinition, PropertyDefinition, Relation
    from confobjects.paths import ManagedObjectPath

    from .session import InteractiveSession


class EditedObject(Record):
    """An object in the editor: its operation, its draft, and the operations its references need."""

    operation: Operation
    draft: Draft
    asides: tuple[Aside, ...] = ()

    @property
    def title(self) -> str:
        """The name of the edited object, for people."""
        names, friendly = self.operation.names, self.draft.definition.friendly
        return f'{friendly} "{names[-1]}"' if names else friendly

    def operations(self) -> list[Operation]:
        """Return all operations: those that the remaining references need, then the object's own change."""
        properties = self.draft.definition.properties.values()
        named = {
            normal_name(name)
            for prop in properties
            for reference in prop.references
            for text in self.draft.current_texts(prop.name)
            if (name := reference.select_name(text)) is not None
        }
        found: list[Operation] = []
        for aside in self.asides:
            if normal_name(aside.target) in named:
                found += [operation for operation in aside.operations if operation not in found]
        return [*found, self.operation.replace(changes=self.draft.changes())]


BeginWith = Mapping[str, Mapping[str, tuple[str, ...]]]
"""The values that new objects of a kind begin with, by kind and property."""


class ObjectEditor:
    """The dialogues around one object. ``begin_with`` are the values that new objects begin with."""

    def __init__(self, session: InteractiveSession, begin_with: BeginWith | None = None) -> None:
        self.session = session
        self.begin_with = {} if begin_with is None else begin_with
        self.terminal = session.terminal
        self.registry = session.registry
        self.advanced = session.advanced

    # -- from the menus ----------------------------------------------------------------------------------------------

    def create(self, relation: Relation) -> None:
        """Edit a new object, and create it when it is accepted."""
        edited = self._begin_object(relation, self.session.choose_parents(relation))
        done = f"The {edited.title} was created."
        self._edit_until_done(edited, lambda operations: self.session.finish(operations, done))

    def complete(self, relation: Relation, operation: Operation) -> None:
        """Ask for the values that a creation lacks, and create the object when the plan is accepted."""
        types = self.registry.types_of(relation)
        definition = types[operation.type or self.registry.usual_type(relation) or next(iter(types))]
        path = operation.resolve_path(self.registry)
        draft = self._make_draft(ManagedObject(path, definition, {}), relation, creating=True)
        given = {name: tuple(texts) for name, texts in operation.changes.set.items()}
        edited = self._refresh_defaults(EditedObject(operation, draft.replace(values=given)))
        self.terminal.say(f"Mandatory values of {definition.indefinite} (empty to give up):")
        edited = self._ask_missing(edited)
        done = f"The {edited.title} was created."
        with self.terminal.guard(lambda: edited.draft.has_edits):
            try:
                self.session.finish(edited.operations(), done)
            except ConfobjectsError as error:
                self.session.tell_refusal(error)
                edited = self._offer_mending(edited, error)
                self._edit_until_done(edited, lambda operations: self.session.finish(operations, done))

    def edit(self, relation: Relation, obj: ManagedObject) -> None:
        """Edit an object, and change it when it is accepted."""
        for problem in obj.problems:
            self.terminal.tell(message_of(problem))
        unwritten = self.session.context.site.open_world().has_only_defaults(obj)
        draft = self._make_draft(obj, relation, creating=False).replace(unwritten=unwritten)
        edited = EditedObject(Operation("modify", relation.name, obj.path.names), draft)
        done = f"The {edited.title} was changed."
        self._edit_until_done(edited, lambda operations: self.session.finish(operations, done))

    def make_aside(self, relation: Relation, parents: tuple[str, ...]) -> list[Operation]:
        """Edit a new object that another one will refer to; both are created together. Raises BackRequest."""
        accepted: list[Operation] = []

        def accept(operations: list[Operation]) -> bool:
            self.session.plan(operations)
            accepted.extend(operations)
            return True

        self._edit_until_done(self._begin_object(relation, parents), accept)
        if not accepted:
            raise BackRequest
        return accepted

    # -- the beginning -----------------------------------------------------------------------------------------------

    def _begin_object(self, relation: Relation, parents: tuple[str, ...]) -> EditedObject:
        """Ask for an object's type and name, then for its mandatory values."""
        definition, short = self._ask_type(relation, parents)
        names = parents
        if relation.kind == "set":
            names = (*parents, short)
        elif relation.named:
            names = (*parents, self._ask_name(relation, parents))
        path = self.registry.path_of(relation.name, names)
        draft = self._make_draft(ManagedObject(path, definition, {}), relation, creating=True)
        draft = draft.replace(values=dict(self.begin_with.get(relation.name, {})))
        edited = EditedObject(Operation("create", relation.name, names, short), draft)
        if draft.missing_properties():
            self.terminal.say(f"\nMandatory values of {definition.indefinite}:")
        return self._ask_missing(edited)

    def _ask_missing(self, edited: EditedObject) -> EditedObject:
        """Ask for every value that is needed and missing: an answer may change what else is needed."""
        with self.terminal.guard(lambda: edited.draft.has_edits):
            while missing := edited.draft.missing_properties():
                edited = self._refresh_defaults(self._ask_mandatory(edited, missing[0]))
        return edited

    def _ask_type(self, relation: Relation, parents: tuple[str, ...]) -> tuple[ManagedObjectDefinition, str]:
        types = self.registry.types_of(relation)
        if relation.kind == "set":
            there = {normal_name(obj.name) for obj in self.session.context.list(relation.name, parents)}
            types = {short: d for short, d in types.items() if normal_name(short) not in there}
            if not types:
                self.terminal.say(f"There is {relation.indefinite} of every type already.")
                raise BackRequest
        shorts = [short for short, d in types.items() if self.advanced or not d.advanced] or list(types)
        if len(types) == 1:
            return types[shorts[0]], shorts[0]
        labels = [f"{short}: {types[short].synopsis}" for short in shorts]
        chosen = shorts[self.session.choose_one(f"What type of {relation.friendly}?", labels)]
        return types[chosen], chosen

    def _ask_name(self, relation: Relation, parents: tuple[str, ...]) -> str:
        """Ask for the name of a new object until it is valid and not used yet."""
        known = {normal_name(obj.name) for obj in self.session.context.list(relation.name, parents)}
        naming = relation.naming_property
        prop = self.registry.definition(relation.target).properties[naming] if naming else None
        while True:
            name = self.terminal.ask(f"\nName of the new {relation.friendly} (empty to go back): ").strip()
            if not name:
                raise BackRequest
            if name == "?" and prop is not None:
                self._explain(prop, before_menu=False)
            elif normal_name(name) in known:
                self.terminal.tell(Message(make_visible(f'there is {relation.indefinite} "{name}" already'), "error"))
            elif prop is None or self._accepts_name(prop, name):
                return name

    def _accepts_name(self, prop: PropertyDefinition, name: str) -> bool:
        try:
            prop.syntax.parse(name)
        except ValueSyntaxError as error:
            self.terminal.tell(Message(str(error), "error"))
            return False
        return True

    def _make_draft(self, obj: ManagedObject, relation: Relation, *, creating: bool) -> Draft:
        values = {name: tuple(texts) for name, texts in obj.values.items() if texts}
        draft = Draft(obj.definition, values, values, {}, creating, naming=relation.naming_property)
        return self._read_defaults(draft, obj.path)

    def _read_defaults(self, draft: Draft, path: ManagedObjectPath) -> Draft:
        """Return a draft with the defaults that its properties have beside its present values."""
        named = {draft.naming: (path.name or "",)} if draft.naming else {}
        obj = ManagedObject(path, draft.definition, {**draft.values, **named})
        reader = self.session.context.site.make_reader()
        found = {name: reader.choose_default(obj, prop) for name, prop in draft.definition.properties.items()}
        undecided = frozenset(name for name, choice in found.items() if not choice.decided)
        defaults = {name: choice.texts for name, choice in found.items() if choice.decided}
        return draft.replace(defaults=defaults, undecided=undecided)

    def _refresh_defaults(self, edited: EditedObject) -> EditedObject:
        """Return an object with the defaults that follow its present values."""
        properties = edited.draft.definition.properties.values()
        if not any(prop.default.cases or prop.default.property for prop in properties):
            return edited
        path = edited.operation.resolve_path(self.registry)
        return edited.replace(draft=self._read_defaults(edited.draft, path))

    def _ask_mandatory(self, edited: EditedObject, prop: PropertyDefinition) -> EditedObject:
        """Ask for a value that is needed. Going back gives a new object up."""
        needed = prop.required_when
        why = "" if prop.mandatory or needed is None else f" It is required when {needed.as_words()}."
        self.terminal.say(f"\n{prop.name}: {prop.synopsis}{why}")
        return self._ask_and_put(edited, prop, lambda text: edited.draft.with_values(prop.name, [text]))

    # -- the editor --------------------------------------------------------------------------------------------------

    def _edit_until_done(self, edited: EditedObject, accept: Callable[[list[Operation]], bool]) -> None:
        """Show the editor until the object is accepted or given up. Ctrl-C asks before changes are lost."""
        with self.terminal.guard(lambda: edited.draft.has_edits):
            edited = self._refresh_defaults(edited)
            while (after := self._take_step(edited, accept)) is not None:
                edited = self._refresh_defaults(after)

    def _take_step(self, edited: EditedObject, accept: Callable[[list[Operation]], bool]) -> EditedObject | None:
        """Show the editor once; return the object after what was chosen, None at the end. A refused one can be corrected."""
        page = editor_page(edited.title, edited.draft, advanced=self.advanced, width=self.terminal.width)
        try:
            choice = self.terminal.choose(page)
            if choice.value == CANCEL:
                self._tell_dropped(edited)
                return None
            if choice.value != FINISH:
                return self._do_choice(edited, choice)
            edited = self._ask_missing(edited)
            return None if accept(edited.operations()) else edited
        except ConfobjectsError as error:
            self.session.tell_refusal(error)
            return self._offer_mending(edited, error)
        except BackRequest:
            return edited  # a missing value was not given
        except QuitRequest:
            self._tell_dropped(edited)
            raise

    def _offer_mending(self, edited: EditedObject, error: ConfobjectsError) -> EditedObject:
        """Offer the values that would make a refused object valid."""
        path = str(edited.operation.resolve_path(self.registry))
        for problem in error.diagnostics:
            if problem.path == path and problem.fix:
                values = ", ".join(f"{name} to {value}" for name, value in problem.fix)
                if self.terminal.confirm(f"\nSet {values} as well?", default=True):
                    draft = edited.draft
                    for name, value in problem.fix:
                        draft = draft.with_values(name, [value])
                    return edited.replace(draft=draft)
        return edited

    def _tell_dropped(self, edited: EditedObject) -> None:
        if edited.draft.dirty:
            self.terminal.say(f"The changes to the {edited.title} were not applied.")

    def _do_choice(self, edited: EditedObject, choice: Choice) -> EditedObject:
        """Do what was chosen in the editor, and return the object after it."""
        if choice.value == QUIT:
            raise QuitRequest
        if choice.value == MORE:
            self.advanced = not self.advanced
        elif choice.value == COMMAND:
            self.terminal.say("\n" + "\n".join(equivalent_command(o, self.registry) for o in edited.operations()))
        elif choice.key == "?":
            self._show_help(edited, choice.value)
        else:
            return self._edit_property(edited, choice.value)
        return edited

    def _show_help(self, edited: EditedObject, name: str) -> None:
        if name in edited.draft.definition.properties:
            self._explain(edited.draft.property_named(name))
            return
        head = f"\n{edited.draft.definition.friendly}: {edited.draft.definition.synopsis}\n"
        rows = (f"  {prop.name:<26} {prop.synopsis}" for prop in edited.draft.properties(advanced=self.advanced))
        foot = '\nType "?" and a number for help on a property. A star marks a change that is not applied yet.'
        self.terminal.explain("\n".join([head, *rows, foot]))

    def _explain(self, prop: PropertyDefinition, *, before_menu: bool = True) -> None:
        text = describe_property(prop, self.registry, width=self.terminal.width)
        self.terminal.explain(f"\n{text}", before_menu=before_menu)

    # -- one property ------------------------------------------------------------------------------------------------

    def _edit_property(self, edited: EditedObject, name: str) -> EditedObject:
        """Show what can be done with a property, and do it."""
        while True:
            choice = self.terminal.choose(property_page(edited.title, edited.draft, name))
            if choice.value == QUIT:
                raise QuitRequest
            if choice.key == "?":
                self._explain(edited.draft.property_named(name))
                continue
            try:
                return self._do_action(edited, edited.draft.property_named(name), choice.value)
            except BackRequest:
                return edited

    def _do_action(self, edited: EditedObject, prop: PropertyDefinition, action: str) -> EditedObject:
        draft, name = edited.draft, prop.name
        steps: dict[str, Callable[[], Draft]] = {
            KEEP: lambda: draft,
            RESET: lambda: draft.reset(name),
            REVERT: lambda: draft.revert(name),
            REMOVE: lambda: draft.remove_values(name, self._choose_removals(draft, prop)),
        }
        if action in steps:
            return edited.replace(draft=steps[action]())
        if action == ADD:
            return self._ask_and_put(edited, prop, lambda text: draft.add_value(name, text))
        current = draft.current_texts(name)
        old = current[self._choose_value(draft, prop, "Which value?")] if current else ""
        put = draft.replace_value if prop.multi_valued else None
        return self._ask_and_put(
            edited,
            prop,
            lambda text: put(name, old, text) if put is not None else draft.with_values(name, [text]),
            present=old,
        )

    def _choose_value(self, draft: Draft, prop: PropertyDefinition, question: str) -> int:
        current = draft.current_texts(prop.name)
        if len(current) == 1:
            return 0
        return self.session.choose_one(question, [format_value(prop, text) for text in current])

    def _choose_removals(self, draft: Draft, prop: PropertyDefinition) -> list[str]:
        """Ask which values to remove: numbers, or all of them."""
        current = draft.current_texts(prop.name)
        labels = [format_value(prop, text) for text in current]
        menu = list_menu("Which values do you want to remove? Separate several numbers by blanks.", labels, current)
        menu = menu.replace(letters=(Choice("a", "all of them", current), *menu.letters))
        self.terminal.say("\n".join(menu.lines(self.terminal.width)))
        while True:
            words = self.terminal.ask(menu.prompt).replace(",", " ").split() or [menu.default]
            chosen = [choice for word in words if (choice := menu.find_choice(word)) is not None]
            if len(chosen) == len(words):
                return list(_chosen_texts(chosen))
            self.terminal.say("Some of these are not numbers of values.")

    def _ask_and_put(
        self, edited: EditedObject, prop: PropertyDefinition, put: Callable[[str], Draft], *, present: str = ""
    ) -> EditedObject:
        """Ask for a value until it is valid, and put it into the draft."""
        asking = ValuePrompt(self.session, self.make_aside, edited.asides)
        while True:
            answer = asking.ask_value(prop, present=present)
            try:
                draft = put(answer.text)
            except ValueSyntaxError as error:
                self.terminal.tell(Message(str(error.as_masked() if prop.sensitive else error), "error"))
                present = answer.text if not prop.sensitive else ""
                continue
            more = (Aside(answer.text, answer.operations),) if answer.operations else ()
            return edited.replace(draft=draft, asides=(*edited.asides, *more))


def _chosen_texts(chosen: Iterable[Choice]) -> Iterable[str]:
    for choice in chosen:
        if choice.value == QUIT:
            raise QuitRequest
        if choice.value == BACK:
            raise BackRequest
        if choice.key == "a":
            yield from choice.value
        else:
            yield choice.value
