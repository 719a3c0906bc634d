"""Laws of the whole engine, over objects of every type that the definitions know.

1. ``decode(encode(object)) == object``, and again after a detour over ``update``.
2. What was planned is what is there: apply(plan(a, b), a) = b. Setting all properties to what they are is nothing.
3. A refused change leaves the storage as it was, to the byte; so does a dry run, which says what would be done.
4. Whatever is asked for, the answer is a report or an error with diagnostics.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from confobjects.definitions import ManagedObjectDefinition, PropertyDefinition, Registry
from confobjects.diagnostics import Collector
from confobjects.dn import DN
from confobjects.errors import ConfobjectsError
from confobjects.management import ManagementContext, Site
from confobjects.mapping.entry import apply, diff
from confobjects.mapping.objects import Mapper
from confobjects.objects.changes import Changer, PropertyChanges
from confobjects.objects.evaluating import evaluate_defaults
from confobjects.objects.model import ManagedObject
from confobjects.objects.reading import PropertyReader
from confobjects.paths import ROOT, ManagedObjectPath
from confobjects.storage.memory import MemoryStorage
from confobjects.syntaxes import ValueSyntaxError
from tests.definitions.documents import builtin, depot

CONCRETE = [(registry, d) for registry in (builtin(), depot()) for d in registry if not d.abstract]
EXPRESSIONS = ("&{a.b}", "&{a.b|x}", "$<env:A>", "pre${c.d}post", "\\&{no}")
names = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=8) | st.sampled_from(
    ["one", "One two", "a,b+c=d", "#x", "a/b", '"q"', "\\", "ß", "a;b<c>"]
)


def texts_of(prop: PropertyDefinition) -> list[str]:
    """Canonical value texts of a property: the good samples of its syntax that its parameters allow, and expressions."""
    found: list[str] = []
    for sample in (
        *(s[1] for s in prop.syntax.samples_good),
        "one",
        "7",
        "7 d",
        "512 kib",
        "true",
        *prop.default.values,
    ):
        for candidate in (sample, *(word for word, _ in prop.syntax.choices())):
            try:
                found.append(prop.syntax.format(candidate))
            except ValueSyntaxError:
                continue
    if prop.syntax.name == "dn" and not found:
        found = ["cn=x,dc=example,dc=com"]
    return [*dict.fromkeys(found), *EXPRESSIONS]


@st.composite
def objects(draw: st.DrawFn) -> tuple[Registry, ManagedObject]:
    registry, definition = draw(st.sampled_from(CONCRETE))
    return registry, draw(objects_of(registry, definition))


@st.composite
def objects_of(draw: st.DrawFn, registry: Registry, definition: ManagedObjectDefinition) -> ManagedObject:
    path = ROOT
    for relation in registry.lineage(registry.relation_of(definition.top)):
        name = registry.short_type_of(definition, relation) if relation.kind == "set" else draw(names)
        path = path.child(relation.name, name if relation.named else None)
    values: dict[str, tuple[str, ...]] = {}
    naming = registry.relation(path.relation).naming_property
    for prop in definition.properties.values():
        count = draw(st.integers(0, 3 if prop.multi_valued else 1))
        if prop.name != naming and count and not prop.is_fixed:
            texts = draw(st.lists(st.sampled_from(texts_of(prop)), min_size=count, max_size=count, unique=True))
            values[prop.name] = tuple(texts)
    if naming:
        values[naming] = (path.name or "",)
    return ManagedObject(path, definition, values)


def plain(obj: ManagedObject) -> tuple[Any, ...]:
    return obj.path.elements, obj.definition.name, dict(obj.values), obj.problems, obj.unknown


@given(objects())
def test_an_object_comes_back_from_its_entry(made: tuple[Registry, ManagedObject]) -> None:
    registry, obj = made
    mapper = Mapper(registry, DN.parse("cn=config"))
    entry = mapper.encode(obj)
    assert entry.dn == mapper.dn_of(obj.path)
    back = mapper.decode(entry, registry.relation(obj.path.relation), obj.path.parent)
    assert plain(back) == plain(obj)
    assert back.revision == 1


@given(st.sampled_from(CONCRETE).flatmap(lambda rd: st.tuples(st.just(rd[0]), objects_of(*rd), objects_of(*rd))))
def test_an_update_makes_the_new_object_of_the_old_entry(made: tuple[Registry, ManagedObject, ManagedObject]) -> None:
    registry, old, new = made
    naming = registry.relation(old.path.relation).naming_property
    named = {naming: old.values[naming]} if naming else {}
    new = new.replace(path=old.path, values={**new.values, **named})
    mapper = Mapper(registry, DN.parse("cn=config"))
    before = mapper.encode(old)
    after = mapper.update(before, new)
    assert apply(before, diff(before, after)) == after
    assert plain(mapper.decode(after, registry.relation(old.path.relation), old.path.parent)) == plain(new)


class _Nothing:
    def find(self, path: ManagedObjectPath) -> None:
        return None

    def members(self, relation: object, parent: ManagedObjectPath) -> list[ManagedObject]:
        return []


@given(st.sampled_from(CONCRETE).flatmap(lambda rd: st.tuples(st.just(rd[0]), objects_of(*rd), objects_of(*rd))))
def test_setting_and_resetting_leads_from_any_object_to_any_other(
    made: tuple[Registry, ManagedObject, ManagedObject],
) -> None:
    registry, old, new = made
    naming = registry.relation(old.path.relation).naming_property  # changed by renaming alone
    old, new = (obj.replace(values={n: t for n, t in obj.values.items() if n != naming}) for obj in (old, new))
    problems = Collector()
    changer = Changer(old, PropertyReader(registry, _Nothing(), evaluate_defaults), problems, creating=True)
    # Canonical texts are stored as they are; a mandatory property keeps its value.
    target = {**{n: t for n, t in old.values.items() if old.definition.properties[n].mandatory}, **new.values}
    gone = [name for name in old.values if name not in target]
    assert dict(changer.apply(PropertyChanges(set=target, reset=gone)).values) == target
    assert not problems.errors


# -- whole transactions -----------------------------------------------------------------------------------------------

KINDS = ["store", "queue", "consumer", "retry-rule", "journal", "depot-settings", "depot-codec", "gateway", "nonsense"]
few = st.sampled_from(["a", "b", "A", "c d", "gzip", "plain", ""])
values = st.dictionaries(
    st.sampled_from(
        ["enabled", "location", "store", "watch", "priority", "rank", "serial", "level", "keep", "x", "standby"]
    ),
    st.sampled_from(["true", "false", "a", "b", "3", "11", "7 d", "/x", "&{q}", "&{q|a}", "", ["a", "b"], [], None, 4]),
    max_size=4,
)
changes = st.builds(
    PropertyChanges, add=values, remove=values, reset=st.lists(st.sampled_from(["limit", "priority", "x"]))
)
steps = st.one_of(
    st.tuples(
        st.just("create"),
        st.sampled_from(KINDS),
        st.lists(few, max_size=3),
        values,
        st.sampled_from([None, "disk", "custom-memory"]),
    ),
    st.tuples(st.just("set"), st.sampled_from(KINDS), st.lists(few, max_size=3), values),
    st.tuples(st.just("modify"), st.sampled_from(KINDS), st.lists(few, max_size=3), changes),
    st.tuples(st.just("delete"), st.sampled_from(KINDS), st.lists(few, max_size=3)),
    st.tuples(st.just("rename"), st.sampled_from(KINDS), st.lists(few, max_size=3), few),
)
transactions = st.lists(st.lists(steps, min_size=1, max_size=5), max_size=6)


def picture(ctx: ManagementContext) -> list[tuple[str, dict[str, Any]]]:
    return [(str(e.dn), dict(e.attributes)) for e in ctx.storage.search(ctx.storage.base, "sub")]


def run(ctx: ManagementContext, plan: list[Any], *, dry_run: bool) -> Any:
    """Carry out a plan in one transaction and return its report, or its error."""
    try:
        with ctx.change(dry_run=dry_run) as tx:
            for verb, kind, name, *more in plan:
                keywords = {"type": more.pop()} if verb == "create" else {}
                getattr(tx, verb)(kind, tuple(name), *more, **keywords)
    except ConfobjectsError as error:
        return error
    return tx.report


@settings(max_examples=150)
@given(transactions)
def test_any_sequence_of_transactions_keeps_the_laws(plans: list[list[Any]]) -> None:
    ctx = ManagementContext(Site.of(depot(), MemoryStorage(), evaluate_defaults))
    ctx.create("store", "a", {"enabled": True, "location": "/a"})
    ctx.create("queue", "a", {"enabled": True, "store": "a"}, type="disk")
    for plan in plans:
        before = picture(ctx)
        would = run(ctx, plan, dry_run=True)
        assert picture(ctx) == before
        did = run(ctx, plan, dry_run=False)
        assert type(would) is type(did)
        if isinstance(did, ConfobjectsError):
            assert did.diagnostics
            assert all(problem.render() for problem in did.diagnostics)
            assert picture(ctx) == before
            continue
        assert would == did.replace(number=None)  # a change that is not made has no number
        assert did.changed == (picture(ctx) != before)
        for change in did.changes:
            obj = ctx.world().find(change.new_path or change.path)
            if change.action in {"create", "modify"}:
                assert obj is not None
                assert obj.problems == ()
                there = {name: obj.values.get(name, ()) for name in change.names()}
                assert there == {name: change.after.get(name, ()) for name in change.names()}
    assert all(not ctx.site.make_judge().judge(obj).errors for obj in ctx.all())
