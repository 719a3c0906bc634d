"""Editing: one object on a form, from its stored texts to the change that a form asks for.

Laws of this module:

1. A form changes what its user changed: a property that somebody else has changed since, and the form has not, stays theirs.
2. A form that is older than the object is shown again, with who changed what and with what was typed; the next review or save
   is based on the object as it is then.
3. The plan that is shown, the test before a save and the save are one transaction, asked for by one operation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Final

from confobjects.diagnostics import Diagnostic
from confobjects.errors import ConfobjectsError, NoSuchObjectError
from confobjects.management.changing.operations import Operation
from confobjects.management.changing.verdict import find_fixes
from confobjects.management.history import records
from confobjects.objects.changes import PropertyChanges
from confobjects.objects.model import ManagedObject
from confobjects.objects.reading import mask_secret
from confobjects.paths import ManagedObjectPath
from confobjects.records import Record
from confobjects.web.pages.controls import Field, FieldMaker, choose_fields, read_field
from confobjects.web.pages.drafts import DRAFTS, Draft, describe_state
from confobjects.web.pages.forms import Form
from confobjects.web.pages.remedies import read_fix
from confobjects.web.pages.starting import make_save_tests

if TYPE_CHECKING:
    from confobjects.definitions import ManagedObjectDefinition, PropertyDefinition, Relation
    from confobjects.management import ManagementContext
    from confobjects.management.history.records import HistoryRecord
    from confobjects.objects.changes import ChangeReport
    from confobjects.objects.judging import Judgement
    from confobjects.objects.model import Texts
    from confobjects.savetests import Choice, Show
    from confobjects.web.endpoints import Call


CHOICES: Final[dict[str, Choice]] = {"save": "policy", "save-tested": "always", "save-untested": "never"}
"""The buttons that save, with whether a test comes first."""


MISSING: Final = "missing-mandatory"
"""The code of a problem that only says that there is no value."""


class Meanwhile(Record):
    """What others changed after a form was made: their changes, and the properties that changed."""

    changes: tuple[HistoryRecord, ...]
    names: tuple[str, ...]


class Editing:
    """One object, stored or new, and what a form wants of it.

    ``wanted`` are the texts that the form asks for, of the properties that it changes.
    """

    def __init__(  # noqa: PLR0913 - what is edited, and by whom
        self,
        context: ManagementContext,
        call: Call,
        relation: Relation,
        names: tuple[str, ...],
        *,
        definition: ManagedObjectDefinition | None = None,
        form: Form | None = None,
    ) -> None:
        self.context = context
        self.relation = relation
        self.creating = definition is not None
        self.names = names
        self._person = call.caller.name
        self._call = call
        self._world = context.world()
        self.stored = None if self.creating else context.get(relation.name, names, self._world)
        self.object = self.stored or self._begin_object(definition)
        self.form = form
        self.draft, self.is_expired = self._read_draft(form)
        self.secrets = dict(self.draft.secrets)
        self.wanted: dict[str, Texts] = {} if form is None else dict(self._find_wanted(form))

    def _begin_object(self, definition: ManagedObjectDefinition | None) -> ManagedObject:
        if definition is None:
            raise AssertionError("what is created has a type")
        path = ManagedObjectPath([(self.relation.name, self.names[-1] if self.names else "new")])
        return ManagedObject(path, definition, {})

    # -- the draft ---------------------------------------------------------------------------------------------------

    @property
    def _place(self) -> str:
        if self.creating:
            return f"new {self.object.definition.name}"
        return str(self.object.path)

    def _read_draft(self, form: Form | None) -> tuple[Draft, bool]:
        """Return the draft of a form, or that of a new one; and whether the form had one that cannot be read."""
        found = None if form is None else DRAFTS.read(form.first("draft"), self._person, self._place)
        if found is not None:
            return found, False
        return self._new_draft({}), form is not None and "draft" in form

    def _new_draft(self, secrets: Mapping[str, str]) -> Draft:
        base = {name: self._mask(name, texts) for name, texts in self.object.values.items()}
        return Draft(describe_state(self.stored), self._last_number(), base, secrets)

    def _last_number(self) -> int:
        return self.history[-1].number if self.history else 0

    @cached_property
    def history(self) -> Sequence[HistoryRecord]:
        """The changes that the storage keeps a record of, without values; nothing where it keeps none."""
        try:
            return self.context.outline()
        except NoSuchObjectError:
            return ()

    def _mask(self, name: str, texts: Texts) -> Texts:
        prop = self.object.definition.properties[name]
        return tuple(mask_secret(prop, text) for text in texts)

    def write_draft(self) -> str:
        """Return the draft of the form that is shown next: based on the object as it is now."""
        return DRAFTS.write(self._new_draft(self.secrets), self._person, self._place)

    @property
    def is_stale(self) -> bool:
        """Whether somebody has changed the object since the form was made."""
        return self.form is not None and self.draft.state != describe_state(self.stored)

    def find_meanwhile(self) -> Meanwhile:
        """Return what others have changed since the form was made."""
        now = {name: self._mask(name, texts) for name, texts in self.object.values.items()}
        both = {**now, **self.draft.base}
        names = tuple(name for name in both if now.get(name, ()) != self.draft.base.get(name, ()))
        found = records.select_for_object(self.history, self.object.path)
        return Meanwhile(tuple(one for one in found if one.number > self.draft.number), names)

    # -- what the form wants -----------------------------------------------------------------------------------------

    def _find_wanted(self, form: Form) -> Iterator[tuple[str, Texts]]:
        """Yield the texts of the properties that a form changes."""
        fixes: dict[str, tuple[str, ...]] = {}
        for name, value in read_fix(form.first("fix")):
            fixes[name] = (*fixes.get(name, ()), value)
        for name, prop in self.object.definition.properties.items():
            texts = fixes.get(name) or self._read_texts(form, prop)
            if texts is not None and self._differs(prop, texts):
                yield name, texts

    def _read_texts(self, form: Form, prop: PropertyDefinition) -> Texts | None:
        texts = read_field(form, prop, self.object.values.get(prop.name, ()))
        if not prop.sensitive:
            return texts
        if texts:
            self.secrets[prop.name] = texts[0]
        elif texts is not None:
            self.secrets.pop(prop.name, None)
        elif prop.name in self.secrets:
            return (self.secrets[prop.name],)
        return texts

    def _differs(self, prop: PropertyDefinition, texts: Texts) -> bool:
        """Tell whether a form wants other texts than it was given; a secret that was typed is always wanted: it is given again."""
        if prop.sensitive and texts:
            return True
        base = self.draft.base.get(prop.name, ())
        if tuple(mask_secret(prop, text) for text in texts) != base:
            return True
        stored = self.object.values.get(prop.name, ())
        return any(mask_secret(prop, text) != text and text not in stored for text in texts)

    @property
    def operation(self) -> Operation:
        """The operation that the form asks for."""
        given = {name: texts for name, texts in self.wanted.items() if texts}
        if self.creating:
            short = self.context.registry.short_type_of(self.object.definition, self.relation)
            return Operation("create", self.relation.name, self.names, short, PropertyChanges(set=given))
        reset = tuple(name for name, texts in self.wanted.items() if not texts)
        return Operation("modify", self.relation.name, self.names, changes=PropertyChanges(set=given, reset=reset))

    # -- the change --------------------------------------------------------------------------------------------------

    def plan(self) -> ChangeReport:
        """Return what a save would do. Raises what a save would raise, without a test."""
        with self.context.change(dry_run=True) as transaction:
            self.operation.ask(transaction)
        return transaction.report

    def save(self, choice: Choice, show: Show | None = None) -> ChangeReport:
        """Save what the form wants, after a test if one is to be made. Raises what the transaction raises."""
        tests = make_save_tests(self._call, choice, show)
        with self.context.change(tests=lambda _: tests) as transaction:
            self.operation.ask(transaction)
        return transaction.report

    # -- what is shown -----------------------------------------------------------------------------------------------

    def make_fields(self, problems: Iterable[Diagnostic] = ()) -> list[Field]:
        """Return the fields: with what was typed where something was, else with what is stored."""
        maker = FieldMaker(
            self._shown(), self.context.site.make_reader(self._world), self.context.registry, creating=self.creating
        )
        by_name: dict[str, tuple[Diagnostic, ...]] = {}
        for problem in problems:
            by_name[problem.property] = (*by_name.get(problem.property, ()), problem)
        asked = "" if self.form is None else self.form.first("more")
        naming = self.relation.naming_property
        required = self._find_required()
        return [
            maker.make(
                prop,
                self.wanted.get(prop.name, self.object.values.get(prop.name, ())),
                typed=prop.name in self.wanted,
                problems=by_name.get(prop.name, ()),
                more=asked == prop.name,
                required=prop.name in required,
            )
            for prop in choose_fields(self.object.definition.properties.values())
            if prop.name != naming
        ]

    @cached_property
    def _judged(self) -> Judgement:
        return self.context.site.make_judge(self._world).judge(self._shown())

    def _find_required(self) -> set[str]:
        """Return the properties that need a value, whatever the other values are or because of them."""
        return {
            name
            for name, prop in self.object.definition.properties.items()
            if prop.mandatory
            or (prop.required_when is not None and prop.required_when.judge(self._judged.normal_values) is True)
        }

    def judge_draft(self) -> tuple[list[Field], list[Diagnostic]]:
        """Return the fields with what is wrong with them as they are now, and what is wrong with the object as a whole.

        What is not filled in yet is no mistake.
        """
        own, others = self._sort(one for one in self._judged.errors if one.code != MISSING)
        return self.make_fields(own), others

    def sort_problems(self, error: ConfobjectsError | None) -> tuple[list[Diagnostic], list[Diagnostic]]:
        """Return the problems of an error that stand beside a field of the form, and the others.

        One that a declared fix of a constraint mends is among the others, with that fix. A button may do what a command line must
        not: set what was typed to another value, and mend one mistake of several.
        """
        return self._sort(() if error is None else error.diagnostics)

    def _sort(self, problems: Iterable[Diagnostic]) -> tuple[list[Diagnostic], list[Diagnostic]]:
        told = [self._offer_fix(problem) for problem in problems]
        known = self.object.definition.properties
        own = [problem for problem in told if problem.property in known and not problem.fix]
        return own, [problem for problem in told if problem not in own]

    def _offer_fix(self, problem: Diagnostic) -> Diagnostic:
        if problem.fix or not problem.constraint or problem.path != str(self.object.path):
            return problem
        judge = self.context.site.make_judge(self._world)
        left = [one for one in self._judged.errors if one.constraint != problem.constraint]
        return problem.replace(fix=next(find_fixes(judge, self._shown(), problem, left=left), ()))

    def _shown(self) -> ManagedObject:
        """Return the object with what was typed, as the defaults on the form see it."""
        values = {**self.object.values, **self.wanted}
        return self.object.replace(values={name: texts for name, texts in values.items() if texts})
