"""The menus of the kinds of objects, and listing, creating, editing, renaming and deleting one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import confobjects
from confobjects.errors import ConfobjectsError, NoSuchObjectError
from confobjects.management.changing.operations import Operation
from confobjects.reference.text import describe_object

from ..output.table import format_table
from .checking import check_all, find_test
from .editing import ObjectEditor
from .pages import BACK, CHECK, HELP, HISTORY, MORE, QUIT, UNDO, kind_menu, main_menu
from .past import HistoryPages
from .session import quoted_name
from .terminal import BackRequest, QuitRequest

if TYPE_CHECKING:
    from confobjects.definitions import Relation

    from .session import InteractiveSession


class Menus:
    """The menus of one session."""

    def __init__(self, session: InteractiveSession) -> None:
        self.session = session

    def run(self) -> int:
        """Show the main menu until the user quits; return the exit status."""
        self.session.terminal.say(f"confobjects {confobjects.__version__}, {self.session.invocation.place.url}")
        self.session.invocation.warn(self.session.context.storage.warnings)
        try:
            while True:
                self._show_main()
        except QuitRequest:
            self.session.terminal.say("Goodbye.")
        except KeyboardInterrupt:
            self.session.terminal.say()  # the cursor is still behind the question
            raise
        return 0

    # -- the menus -------------------------------------------------------------------------------------------------

    def _show_main(self) -> None:
        relations = self._shown_relations()
        choice = self.session.terminal.choose(
            main_menu([r.friendly for r in relations], relations, advanced=self.session.advanced)
        )
        if choice.value == QUIT:
            raise QuitRequest
        if choice.value == MORE:
            self.session.advanced = not self.session.advanced
        elif (action := self._find_action(choice.value)) is not None:
            self._attempt(action)
        elif choice.key == "?":
            about = relations if choice.value == HELP else [choice.value]
            found = ((one.friendly, self.session.registry.definition(one.target).synopsis) for one in about)
            self.session.terminal.explain("\n".join(f"  {friendly}: {synopsis}" for friendly, synopsis in found))
        else:
            self._show_kind(choice.value)

    def _find_action(self, value: object) -> Callable[[], None] | None:
        """Return what a choice does with the whole configuration, None if it does nothing of that kind."""
        past = HistoryPages(self.session)
        actions = ((HISTORY, past.show), (UNDO, past.undo), (CHECK, lambda: check_all(self.session)))
        return next((action for name, action in actions if name == value), None)

    def _shown_relations(self) -> list[Relation]:
        """Return the kinds of objects to show, sorted by their names for people."""
        shown = [
            relation
            for relation in self.session.registry.relations().values()
            if not relation.hidden
            and (self.session.advanced or not self.session.registry.definition(relation.target).advanced)
        ]
        return sorted(shown, key=lambda relation: relation.friendly.casefold())

    def _show_kind(self, relation: Relation) -> None:
        """Show the menu of one kind until the user goes back; a singleton goes straight to the editor."""
        if relation.kind == "singleton":
            self._attempt(lambda: self.edit_single(relation))
            return
        plural = relation.friendly_plural
        friendly = relation.friendly
        many = relation.named
        offered: list[tuple[str, Callable[[Relation], None]]] = [
            (f"List the {plural}" if many else f"Show the {friendly}", self.show),
            (f"Create a new {friendly}" if many else f"Create the {friendly}", self.create),
            (f"View and edit {'an existing' if many else 'the'} {friendly}", self.edit),
            (f"Delete {'an existing' if many else 'the'} {friendly}", self.delete),
        ]
        if relation.kind == "instantiable":
            offered.append((f"Rename an existing {friendly}", self.rename))
        if many and any(find_test(one) is not None for one in self.session.registry.types_of(relation).values()):
            offered.append((f"Test an existing {friendly}", self.test))
        offered.append((f"History of {'an existing' if many else 'the'} {friendly}", self.history))
        menu = kind_menu(friendly, [label for label, _ in offered], [action for _, action in offered])
        while True:
            choice = self.session.terminal.choose(menu)
            if choice.value == BACK:
                return
            if choice.value == QUIT:
                raise QuitRequest
            if choice.key == "?":
                self.session.terminal.explain(
                    describe_object(
                        relation,
                        self.session.registry,
                        advanced=self.session.advanced,
                        width=self.session.terminal.width,
                    )
                )
            else:
                self._attempt(partial(choice.value, relation))

    def _attempt(self, action: Callable[[], None]) -> None:
        """Do something that may be cancelled or refused, and return to the menu."""
        try:
            action()
        except BackRequest:
            return
        except ConfobjectsError as error:
            self.session.tell_refusal(error)

    # -- the actions -------------------------------------------------------------------------------------------------

    def show(self, relation: Relation) -> None:
        """Print the objects of a kind."""
        there = self.session.context.list(relation.name, self.session.choose_parents(relation))
        objects = [obj for obj in there if relation.lists(obj.definition, advanced=self.session.advanced)]
        if objects:
            self.session.terminal.say(f"\n{format_table(*self.session.rows(relation, objects))}")
        else:
            self.session.terminal.say(f"There are no {relation.friendly_plural}.")

    def create(self, relation: Relation) -> None:
        """Create a new object: its type, its name, its mandatory properties, then the editor."""
        ObjectEditor(self.session).create(relation)

    def edit(self, relation: Relation) -> None:
        """Change an object in the editor."""
        ObjectEditor(self.session).edit(relation, self.session.pick(relation, f"Which {relation.friendly}?"))

    def edit_single(self, relation: Relation) -> None:
        """Change a singleton in the editor; make it first if its type has not been chosen yet."""
        try:
            obj = self.session.pick(relation, "")
        except NoSuchObjectError:
            self.create(relation)
        else:
            ObjectEditor(self.session).edit(relation, obj)

    def delete(self, relation: Relation) -> None:
        """Delete an object, after asking."""
        obj = self.session.pick(relation, f"Which {relation.friendly} do you want to delete?")
        operation = Operation("delete", relation.name, obj.path.names)
        self.session.finish([operation], f"The {relation.friendly} {quoted_name(obj)}was deleted.", default=False)

    def rename(self, relation: Relation) -> None:
        """Rename an object, after asking."""
        obj = self.session.pick(relation, f"Which {relation.friendly} do you want to rename?")
        name = self.session.terminal.ask("New name: ", present=obj.name).strip()
        if not name:
            raise BackRequest
        operation = Operation("rename", relation.name, obj.path.names, new_name=name)
        self.session.finish([operation], f'The {relation.friendly} {quoted_name(obj)}is now "{name}".')

    def test(self, relation: Relation) -> None:
        """Test an object as it is saved."""
        obj = self.session.pick(relation, f"Which {relation.friendly} do you want to test?")
        test = find_test(obj.definition)
        if test is None:
            self.session.terminal.say(f"There is no test of {obj.definition.indefinite}.")
        else:
            test(self.session, obj)

    def history(self, relation: Relation) -> None:
        """Show the changes of one object, and take one back if that is wanted."""
        obj = self.session.pick(relation, f"Of which {relation.friendly}?")
        HistoryPages(self.session, obj.path).show()
