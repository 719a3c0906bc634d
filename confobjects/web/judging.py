"""What a role may change: judged on the planned change, whichever way it came.

Laws of this module:

1. Only administrators change what leads out of the configuration or protects it: an expression, a value that its syntax or its
   definition leaves to them, an object of a kind that is left to them, and what a document leaves out. All of it is known from the
   definitions and the values; nothing here has the name of a property.
2. What is compared is the part for administrators of each object, before and after, by its path. So a change that only passes by
   such a part is free, and to take such a part away is the same as to set it: whoever may make a change may take it back.
3. Whoever is no administrator sends no stored secret elsewhere. They give it again in the same change, and what is an expression
   they cannot give.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from confobjects.diagnostics import Diagnostic
from confobjects.errors import error_for
from confobjects.expressions.openers import has_opener
from confobjects.web.problems import NotPermittedError

if TYPE_CHECKING:
    from confobjects.definitions import ManagedObjectDefinition, PropertyDefinition
    from confobjects.management.approving import Approve, ProposedChange
    from confobjects.objects.changes import ObjectChange
    from confobjects.web.people import Person

_Place = tuple[str, str, str]
"""The path of an object, a property (empty for the object as a whole), and what of it is for administrators."""


def make_approval(person: Person) -> Approve:
    """Return what approves of the changes that a person plans.

    It raises :class:`~confobjects.web.problems.NotPermittedError` with all that the role of the person does not permit, and
    :class:`~confobjects.errors.ConstraintError` with the secrets that have to be given again.
    """

    def approve(change: ProposedChange) -> None:
        if person.may("administer"):
            return
        refused = list(_find_refused(person, change))
        if refused:
            raise NotPermittedError(refused)
        if change.reused:
            raise error_for(problem.replace(severity="error") for problem in change.reused)

    return approve


def refuse_change(change: ProposedChange) -> None:
    """Refuse every change: for what only reads, where a change or a test of unsaved values is a mistake of the program."""
    raise AssertionError(f"what only reads does not change {len(change.changes)} objects")


def _find_refused(person: Person, change: ProposedChange) -> Iterator[Diagnostic]:
    """Yield a problem for everything that a role other than administrator does not permit."""
    if not person.may("change"):
        for one in change.changes:
            yield _describe(person, one.path, "", "a change", "ask an operator or an administrator")
        return
    if change.prunes:
        yield _describe(person, "", "", "to delete what a document leaves out")
    before, after = _collect_places(change)
    for path, name, what in sorted(before.keys() | after.keys()):
        if before.get((path, name, what)) != after.get((path, name, what)):
            yield _describe(person, path, name, what)
    for problem in change.expected:
        what = f"a change of where {problem.property} goes, which is an expression"
        yield _describe(person, problem.path, problem.property, what)


def _collect_places(change: ProposedChange) -> tuple[Mapping[_Place, Counter[str]], Mapping[_Place, Counter[str]]]:
    """Return what is for administrators, with its values, before and after a change."""
    before: defaultdict[_Place, Counter[str]] = defaultdict(Counter)
    after: defaultdict[_Place, Counter[str]] = defaultdict(Counter)
    for one in change.changes:
        for found, values in ((before, one.before), (after, one.after)):
            for name, what, text in _find_reserved(one.definition, values):
                found[str(one.path), name, what][text] += 1
        if one.definition.administrator_only:
            after[str(one.path), "", _describe_kind(one)]["changed"] += 1
    return before, after


def _find_reserved(
    definition: ManagedObjectDefinition, values: Mapping[str, tuple[str, ...]]
) -> Iterator[tuple[str, str, str]]:
    """Yield the values that are for administrators: the property, in words what of it, and the text."""
    for name, texts in values.items():
        prop = definition.properties[name]
        for text in texts:
            if what := _describe_reserved(prop, text):
                yield name, what, text


def _describe_reserved(prop: PropertyDefinition, text: str) -> str:
    """Return what of a value is for administrators, empty if nothing is."""
    if is_expression(text):
        return f"an expression in {prop.name}"
    if prop.administrator_only:
        return f"a change of {prop.name}"
    return f"{prop.syntax.key(text)} in {prop.name}" if prop.is_for_administrators(text) else ""


def is_expression(text: str) -> bool:
    """Tell whether a value has an expression in it, or may have one. A sealed secret is none: it has a value only in its place."""
    if not has_opener(text):
        return False
    from confobjects.expressions import ExpressionSyntaxError, parse

    try:
        return any(one.function != "sealed" for one in parse(text).expressions())
    except ExpressionSyntaxError:
        return True


def _describe_kind(change: ObjectChange) -> str:
    return f"a change of {change.definition.indefinite}"


def _describe(person: Person, path: object, name: str, what: str, remedy: str = "ask an administrator") -> Diagnostic:
    summary = f"the role {person.role} does not permit {what}"
    return Diagnostic(NotPermittedError.code, summary, path=str(path), property=name, remedy=remedy)
