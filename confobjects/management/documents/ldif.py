"""LDIF texts as documents: one configuration with its base, each mistake with its line, column and a caret.

Laws of this module:

1. A document without a base, or without entries, is refused, because with ``prune`` it would delete everything.
2. Every entry is an object, a branch or history of the configuration; any other is reported, never ignored.
3. A missing secret is left open, as in a JSON document.
4. A document has its own base, which may differ from the base of the storage.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Final

from confobjects.actions import RemedyAction
from confobjects.diagnostics import MASK, Diagnostic, suggest_name
from confobjects.dn import DN
from confobjects.errors import BrokenDataError
from confobjects.expressions.openers import has_opener
from confobjects.management.bases import BaseFinder, is_base
from confobjects.management.documents.comparing import States, take_snapshot
from confobjects.management.strays import StrayFinder
from confobjects.mapping.documents import ObjectState, describe_mask
from confobjects.mapping.entry import Entry
from confobjects.mapping.ldif import parse
from confobjects.mapping.ldif.places import LdifLine, LdifPlaces
from confobjects.objects.changes import describe_fixed
from confobjects.objects.reading import mask_secret
from confobjects.syntaxes import ValueSyntaxError

if TYPE_CHECKING:
    from confobjects.definitions import PropertyDefinition, Registry
    from confobjects.management.site import Site
    from confobjects.objects.model import ManagedObject

_OURS: Final = "ds-cfg-"
"""The prefix of our attributes; other attributes belong to the directory or to other programs."""


class LdifDocument:
    """An LDIF text that holds a configuration: its entries, the base they are below, and the place of each.

    ``origin`` is its file. :meth:`take_objects` sets ``objects`` and ``problems``.
    """

    def __init__(self, text: str, origin: str, registry: Registry) -> None:
        """Read a text and find its base.

        Raises :class:`~confobjects.errors.BrokenDataError`, each problem with its line, for a text that is not LDIF,
        has no entry, or has no entry of its base.
        """
        self.origin = origin
        self._registry = registry
        self._document = parse(text, origin)
        self._places = LdifPlaces(self._document)
        self._bases = BaseFinder(registry)
        self.entries = tuple(self._document.entries.values())
        self.base = self._find_base()
        self.objects: States = {}
        self.problems: tuple[Diagnostic, ...] = ()
        self._found: Mapping[str, Entry] = {}

    # -- the base --------------------------------------------------------------------------------------------------

    def _find_base(self) -> DN:
        if not self.entries:
            summary = "this document has no entry: it describes no configuration"
            remedy = ("an empty configuration has the entry of its base (", RemedyAction("export-ldif"), " it)")
            raise BrokenDataError(Diagnostic("broken-data", summary, origin=self.origin, line=1, remedy=remedy))
        bases: dict[DN, Entry] = {}
        for entry in self.entries:
            if base := self._bases.find_implied(entry):
                bases.setdefault(base, entry)
        present = [entry.dn for entry in self.entries if entry.dn in bases]
        if present:
            return present[0]
        if bases:
            base, entry = next(iter(bases.items()))
            raise BrokenDataError(self._locate_at_dn(entry, _describe_missing_base(base)))
        return self._find_bare_base()

    def _find_bare_base(self) -> DN:
        """Return the base of a document without objects and branches: its topmost entry, if it has the right class."""
        top = min(self.entries, key=lambda entry: len(entry.dn))
        if is_base(top, self._registry):
            return top.dn
        summary = "this document holds no configuration: no entry is an object, a branch or a base"
        remedy = ("correct the DNs and the object classes; ", RemedyAction("export-ldif"), " a document")
        raise BrokenDataError(self._locate_at_dn(self.entries[0], Diagnostic("broken-data", summary, remedy=remedy)))

    # -- objects -----------------------------------------------------------------------------------------------------

    def take_objects(self, site: Site) -> None:
        """Take the objects from a site over the entries, and report everything else in the document."""
        world = site.open_world()
        found = take_snapshot(site, world)
        self._found = {str(path): entry for path, entry in world.entries.items()}
        self.objects = {path: _leave_secrets_open(state) for path, state in found.objects.items()}
        objects = list(site.all_objects(world))
        finder = StrayFinder(site, objects, world.entries)
        problems = [
            *self.locate_problems(found.problems),
            *(problem for obj in objects for problem in (*self._find_unknown(obj), *self._find_masked(obj))),
            *(self._locate_at_dn(entry, problem) for entry, problem in finder.find(self.entries)),
        ]
        self.problems = tuple(sorted(problems, key=lambda problem: (problem.line or 0, problem.column or 0)))

    def _find_unknown(self, obj: ManagedObject) -> Iterator[Diagnostic]:
        """Yield attributes with our prefix that are not a property: they are probably misspelled."""
        for name in obj.unknown:
            if (fixed := obj.definition.find_fixed(name)) is not None:
                problem = describe_fixed(fixed).replace(path=str(obj.path))
                yield self._locate_at_attribute(self._found[str(obj.path)], problem, [name], fixed)
            elif name.lower().startswith(_OURS):
                known = [prop.attribute for prop in obj.definition.by_attribute.values()]
                problem = Diagnostic(
                    "unknown-name",
                    f"{name} is not an attribute of {obj.definition.indefinite}",
                    path=str(obj.path),
                    remedy=suggest_name(name, known) or "remove it, or correct its name",
                )
                yield self._locate_at_attribute(self._found[str(obj.path)], problem, [name], None)

    def _find_masked(self, obj: ManagedObject) -> Iterator[Diagnostic]:
        """Yield secrets that are masks, copied from a listing."""
        for name, texts in obj.values.items():
            prop = obj.definition.properties[name]
            if prop.sensitive and any(MASK in text for text in texts):
                yield self._locate_problem(describe_mask(prop).replace(path=str(obj.path)))

    # -- places ------------------------------------------------------------------------------------------------------

    def locate_problems(self, problems: Iterable[Diagnostic]) -> list[Diagnostic]:
        """Return problems of objects with their place in the document, where there is one."""
        return [self._locate_problem(problem) for problem in problems]

    def _locate_problem(self, problem: Diagnostic) -> Diagnostic:
        entry = self._found.get(problem.path)
        if entry is None or problem.origin:
            return problem
        for definition in self._registry:
            prop = definition.properties.get(problem.property)
            if prop is not None and entry.has_object_class(definition.object_classes[-1]):
                former = (name for name, other in definition.former_attributes.items() if other.name == prop.name)
                return self._locate_at_attribute(entry, problem, [prop.attribute, *former], prop)
        return self._locate_at_dn(entry, problem)

    def _locate_at_attribute(
        self, entry: Entry, problem: Diagnostic, names: Iterable[str], prop: PropertyDefinition | None
    ) -> Diagnostic:
        """Return a problem with the place of a value: of several values, the one it is about."""
        lines = [line for name in names for line in self._places.find_attribute_lines(entry.dn, name)]
        if not lines:
            return self._locate_at_dn(entry, problem)
        line = _find_meant_line(lines, problem, prop)
        excerpt, span = line.excerpt(_mask_value(prop, line.text, problem.value), at_name=prop is None)
        number, column = line.position(at_name=prop is None)
        return problem.replace(origin=self.origin, line=number, column=column, excerpt=excerpt, span=span)

    def _locate_at_dn(self, entry: Entry, problem: Diagnostic) -> Diagnostic:
        line = self._places.find_dn_line(entry.dn)
        number, column = line.position()
        excerpt, span = line.excerpt()
        return problem.replace(origin=self.origin, line=number, column=column, excerpt=excerpt, span=span)


def _find_meant_line(lines: Sequence[LdifLine], problem: Diagnostic, prop: PropertyDefinition | None) -> LdifLine:
    """Return the line that a problem is about, as far as it can be found; otherwise the first one."""
    if prop is not None and not prop.multi_valued:
        return lines[-1]  # the surplus one
    wrong = (line for line in lines if prop is not None and _is_wrong(prop, line.text))
    told = (line for line in lines if line.means(problem.value))
    within = (line for line in lines if problem.value and problem.value in (line.text or ""))
    return next(chain(told, wrong, within), lines[0])


def _is_wrong(prop: PropertyDefinition, text: str | None) -> bool:
    if text is None:
        return True
    if prop.reference is not None or has_opener(text):
        return False
    try:
        prop.syntax.parse(text)
    except ValueSyntaxError:
        return True
    return False


def _mask_value(prop: PropertyDefinition | None, text: str | None, told: str | None) -> str:
    """Return the text to show instead of a value; empty if the value itself may be shown.

    If the problem holds only a part of the value, only that part is shown: the rest may be a secret.
    """
    if prop is not None and prop.sensitive:
        return MASK
    if prop is None or text is None or mask_secret(prop, text) != text:
        return "…"
    return f"{told}…" if told and told != text and text.startswith(told) else ""


def _describe_missing_base(base: DN) -> Diagnostic:
    return Diagnostic(
        "broken-data",
        f'this entry is below the base "{base}", but the document has no entry for that base: it may be incomplete',
        remedy=(
            f'give the whole configuration, its base first ("dn: {base}"); ',
            RemedyAction("export-ldif"),
            " one",
        ),
    )


def _leave_secrets_open(state: ObjectState) -> ObjectState:
    """Return a state in which missing secrets are left open."""
    properties = state.definition.properties.items()
    secrets = (name for name, prop in properties if prop.sensitive and name not in state.values)
    return state.replace(silent=frozenset(secrets))
