"""Compare two configurations by object and property, wherever they are stored.

Laws of this module:

1. A value that one side leaves open (a secret that a document leaves out) is no difference.
2. Secrets are compared but never shown: their differences hold masks.
3. Values are compared in canonical form; the order of values is no difference, because a directory keeps none.
   A property without a value has the default of its definition: it is the same whether that is stored.
4. What no apply would change, because it is read-only, is a difference that says so.
5. An object that both have under different names, of one type and with the same values, is shown as renamed.
6. A name that is spelled otherwise than creation would store it is the stored one, unless an object has it as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Literal

from confobjects.diagnostics import MASK, Diagnostic
from confobjects.management.documents.differing import differs
from confobjects.management.documents.renames import find_renames, move
from confobjects.mapping.documents import ObjectState, sort_states, state_of
from confobjects.objects.model import Texts
from confobjects.objects.reading import mask_secret
from confobjects.paths import ManagedObjectPath
from confobjects.records import Record
from confobjects.syntaxes import ValueSyntaxError
from confobjects.texts.visible import make_visible

if TYPE_CHECKING:
    from confobjects.definitions import ManagedObjectDefinition, PropertyDefinition, Registry, Relation
    from confobjects.management.site import Site
    from confobjects.management.world import StorageWorld
    from confobjects.syntaxes import Syntax

States = Mapping["ManagedObjectPath", ObjectState]


class Snapshot(Record):
    """Everything a storage holds, and what is wrong with it."""

    objects: States
    problems: tuple[Diagnostic, ...]


Remark = Literal["", "read-only", "absolute path"]
"""Why the values of both sides may have to differ: an object has a read-only value from its creation, and an absolute path
is one of a machine.
"""


class Pair(Record):
    """The values of one property on both sides, as they may be shown. ``another`` marks two different secrets."""

    before: Texts
    after: Texts
    another: bool = False
    remark: Remark = ""


class Difference(Record):
    """One object that differs: only the second has it, only the first, or both with other values or another type.

    One that both have under different names, and that is otherwise the same, is renamed to ``new_path``.
    """

    path: ManagedObjectPath
    action: Literal["create", "modify", "delete", "rename"]
    types: Pair | None
    properties: Mapping[str, Pair]
    new_path: ManagedObjectPath | None = None

    @property
    def names(self) -> Pair | None:
        """The names of a renamed object."""
        return None if self.new_path is None else Pair((self.path.name or "",), (self.new_path.name or "",))

    @property
    def can_be_applied(self) -> bool:
        """Whether applying the one side to the other changes anything: a read-only value of an object that stays does not."""
        return (
            self.action != "modify"
            or self.types is not None
            or any(pair.remark != "read-only" for pair in self.properties.values())
        )


def take_snapshot(site: Site, world: StorageWorld | None = None) -> Snapshot:
    """Return what is stored, in a view or in a fresh one. A singleton with only defaults is left out."""
    world = world or site.open_world()
    objects = [obj for obj in site.all_objects(world) if obj.path in world.entries]
    problems = tuple(problem for obj in objects for problem in obj.problems)
    states = {obj.path: state_of(obj, site.registry) for obj in objects}
    single = [state for path, state in states.items() if path.name is None and not state.values]
    for state in single:
        if site.registry.unwritten_type(site.registry.relation(state.path.relation)) is state.definition:
            del states[state.path]
    return Snapshot(states, problems)


def find_differences(one: States, other: States, registry: Registry) -> Iterator[Difference]:
    """Yield the objects in which the second side differs from the first: renamed ones, then the others sorted by path."""
    other = use_stored_names(other, one, registry)
    one = use_stored_names(one, other, registry)
    renames = find_renames(one, other, registry)
    for old in sorted(renames, key=ManagedObjectPath.sort_key):
        yield Difference(old, "rename", None, {}, renames[old])
    one = move(one, renames)
    paths = {**one, **{path: state for path, state in other.items() if path not in one}}
    for state in sort_states(paths.values()):
        found = _compare_states(one.get(state.path), other.get(state.path), registry)
        if found is not None:
            yield found


def use_stored_names(wanted: States, there: States, registry: Registry) -> States:
    """Return wanted objects with their names as creation would store them, where no object has the names as they are."""
    syntaxes = {r.name: _syntax_of_names(r, registry) for r in registry.relations().values() if r.naming_property}
    if not any(relation in syntaxes for path in wanted for relation, _ in path.elements):
        return wanted
    moved: dict[ManagedObjectPath, ManagedObjectPath] = {}
    taken = set(wanted)
    for state in sort_states(wanted.values()):  # a parent comes first
        path = state.path
        if path in there or not path.elements:
            continue
        relation, name = path.elements[-1]
        above = moved.get(path.parent, path.parent)
        made = above.child(relation, name)
        if made not in there and name is not None and relation in syntaxes:
            made = above.child(relation, _format_name(syntaxes[relation], name))
        if made not in taken:
            moved[path] = made
            taken.add(made)
    if not moved:
        return wanted
    return {moved.get(path, path): state.replace(path=moved.get(path, path)) for path, state in wanted.items()}


def _syntax_of_names(relation: Relation, registry: Registry) -> Syntax:
    return registry.definition(relation.target).properties[relation.naming_property].syntax


def _format_name(syntax: Syntax, name: str) -> str:
    try:
        return syntax.format(name.strip())
    except ValueSyntaxError:
        return name


def _compare_states(one: ObjectState | None, other: ObjectState | None, registry: Registry) -> Difference | None:
    there = one or other
    assert there is not None  # noqa: S101 - one of them is there
    relation = registry.relation(there.path.relation)
    stays = one is not None and other is not None
    if unwritten := registry.unwritten_type(relation):  # it always exists: a missing state means only defaults
        one = one or ObjectState(there.path, unwritten, {})
        other = other or ObjectState(there.path, unwritten, {})
    if one is None or other is None:
        pairs = {name: _make_pair(there.definition, name, one, other) for name in _collect_names(one, other)}
        types = Pair(_type_of(one, relation, registry), _type_of(other, relation, registry))
        return Difference(there.path, "create" if one is None else "delete", types, pairs)
    same_type = one.definition.name == other.definition.name  # each side may have its own version of a definition
    if one.definition is other.definition and one.values == other.values and not (one.kept or other.kept):
        return None
    pairs = {
        n: _make_pair(_definition_of(n, one, other), n, one, other, settled=stays and same_type)
        for n in _collect_names(one, other)
        if differs(one, other, n)
    }
    if not same_type:
        types = Pair(_type_of(one, relation, registry), _type_of(other, relation, registry))
        return Difference(there.path, "modify", types, pairs)
    return Difference(there.path, "modify", None, pairs) if pairs else None


def _type_of(state: ObjectState | None, relation: Relation, registry: Registry) -> Texts:
    return () if state is None else (registry.short_type_of(state.definition, relation),)


def _definition_of(name: str, one: ObjectState, other: ObjectState) -> ManagedObjectDefinition:
    return other.definition if name in other.definition.properties else one.definition


def _collect_names(*states: ObjectState | None) -> list[str]:
    """Return the properties that have a value on either side, sorted."""
    return sorted({name for state in states if state is not None for name in (*state.values, *state.kept)})


def _make_pair(
    definition: ManagedObjectDefinition,
    name: str,
    one: ObjectState | None,
    other: ObjectState | None,
    *,
    settled: bool = False,
) -> Pair:
    """Return the values of a property. Those of an object that is ``settled`` are there on both sides."""
    prop = definition.properties[name]
    before, after = (_mask_texts(prop, state) for state in (one, other))
    remark: Remark = ""
    if settled and prop.read_only:
        remark = "read-only"
    elif _are_paths(before) and _are_paths(after):
        remark = "absolute path"
    return Pair(before, after, another=before == after, remark=remark)


def _are_paths(texts: Texts) -> bool:
    """Tell whether some values look like absolute paths of files: definitions of other products do not say what is one."""
    return bool(texts) and all(text.startswith("/") and text.count("/") > 1 for text in texts)


def _mask_texts(prop: PropertyDefinition, state: ObjectState | None) -> Texts:
    if state is None:
        return ()
    if prop.name in state.kept:
        return (MASK,)
    return tuple(mask_secret(prop, text) for text in state.values.get(prop.name, ()))


# -- output --------------------------------------------------------------------------------------------------------


def format_unified(found: Iterable[Difference], one: str, other: str) -> Iterator[str]:
    """Yield the lines of a unified difference: what only the first has with ``-``, what only the second has with ``+``."""
    head = True
    for difference in found:
        if head:
            yield from (make_visible(f"--- {one}"), make_visible(f"+++ {other}"))
            head = False
        yield make_visible(f"@@ {difference.path} @@")
        if difference.names is not None:
            yield from _format_lines("name", difference.names)
        if difference.types is not None:
            yield from _format_lines("type", difference.types)
        for name, pair in difference.properties.items():
            yield from _format_lines(name, pair)


def _format_lines(name: str, pair: Pair) -> Iterator[str]:
    for sign, texts, others in (("-", pair.before, pair.after), ("+", pair.after, pair.before)):
        for text in texts:
            if pair.another or text not in others:
                note = " (another one)" if pair.another and sign == "+" else ""
                remark = f" ({pair.remark})" if pair.remark else ""
                yield make_visible(f"{sign}{name}: {text}{note}{remark}")
