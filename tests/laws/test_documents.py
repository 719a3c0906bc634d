"""Laws of documents, over whole configurations of both families.

1. ``read(write(x))`` says what x says, but for literal secrets; and a document's schema takes what is written.
2. Applied with ``prune`` onto anything, the document of x gives x: secrets that it leaves out stay, or are missed.
3. Applied twice it changes nothing the second time; a dry run says what the real one does, and writes nothing.
4. The commands that an export prints make the same configuration from nothing.
5. What the reader takes without a doubt the schema takes, and what it refuses the schema refuses.
6. A document may state the property that names an object: with its name in any spelling, and with no other value.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from confobjects.definitions import ManagedObjectDefinition, Registry
from confobjects.errors import ConfobjectsError, MissingMandatoryError, UsageError
from confobjects.management import ManagementContext, Site
from confobjects.management.documents.applying import plan_operations
from confobjects.management.documents.comparing import States, find_differences, take_snapshot
from confobjects.management.documents.differing import differs
from confobjects.management.documents.exporting import plan_creation
from confobjects.management.documents.json import ConfigurationDocument
from confobjects.mapping.documents import ObjectState, read, state_of, write
from confobjects.objects.evaluating import evaluate_defaults
from confobjects.paths import ManagedObjectPath
from confobjects.reference.jsonschema import document_schema
from confobjects.storage.memory import MemoryStorage
from tests.definitions.documents import builtin, depot, founded_depot
from tests.effort import times
from tests.laws.test_engine import objects_of, texts_of

NAMES = ("one", "One", "two", "a/b", "/x/", "c d", "ß")
PLAIN = ("&{a.b}", "$<env:A>")


@st.composite
def plans(draw: st.DrawFn, registry: Registry, *, literal: bool) -> list[ObjectState]:
    """Objects somebody might want, parents or not, right or not."""
    concrete = [definition for definition in registry if not definition.abstract]
    found = []
    for definition in draw(st.lists(st.sampled_from(concrete), max_size=8)):
        obj = draw(objects_of(registry, definition))
        path = obj.path
        elements = [
            (r, None if n is None else n if registry.relation(r).kind == "set" else draw(st.sampled_from(NAMES)))
            for r, n in path.elements
        ]
        values = dict(obj.values)
        for name, prop in definition.properties.items():
            if prop.mandatory and name not in values and prop.reference is None:
                values[name] = (texts_of(prop)[0],)
            if prop.reference is not None and name in values:
                values[name] = tuple(dict.fromkeys(draw(st.sampled_from(NAMES[:4])) for _ in values[name]))
            if prop.sensitive and name in values and not literal:
                values[name] = (draw(st.sampled_from(PLAIN)),)
        made = obj.replace(path=ManagedObjectPath(elements), values=values)
        found.append(state_of(made, registry))
    return found


def configuration(registry: Registry, plan: list[ObjectState]) -> ManagementContext:
    """A configuration of as many of some objects as go together."""
    ctx = ManagementContext(Site.of(registry, MemoryStorage(), evaluate_defaults))
    for state in plan:
        try:
            with ctx.change() as tx:
                for operation in plan_operations({}, {state.path: state}, registry):
                    operation.ask(tx)
        except ConfobjectsError:
            continue
    return ctx


def document(ctx: ManagementContext) -> ConfigurationDocument:
    return ConfigurationDocument(write(take_snapshot(ctx.site).objects.values(), ctx.registry), "x", ctx.registry)


def said(ctx: ManagementContext) -> dict[str, Any]:
    """What a configuration says: the current values, so it is the same whether a default is stored."""
    return {
        str(path).casefold(): (state.definition.name, {**defaults_of(state.definition), **state.values})
        for path, state in take_snapshot(ctx.site).objects.items()
    }


def defaults_of(definition: ManagedObjectDefinition) -> dict[str, tuple[str, ...]]:
    return {name: prop.default.values for name, prop in definition.properties.items() if prop.default.values}


def find_refused(before: States, after: States, registry: Registry) -> set[tuple[str, str]]:
    """What is refused to who asks for all values: another read-only one of a singleton, which is not created again."""
    found: set[tuple[str, str]] = set()
    for path, have in before.items():
        relation = registry.relation(path.relation)
        wanted = after.get(path)
        if wanted is None and registry.unwritten_type(relation) is have.definition:
            wanted = have.replace(values={})
        if relation.kind == "singleton" and wanted is not None and wanted.definition is have.definition:
            names = [name for name, prop in have.definition.properties.items() if prop.read_only]
            found.update((str(path), name) for name in names if differs(have, wanted, name))
    return found


def apply_or_be_refused(ctx: ManagementContext, wanted: States) -> bool:
    """Apply with ``prune``, unless a read-only property stands against it: then it is named, and nothing is changed."""
    refused = find_refused(take_snapshot(ctx.site).objects, wanted, ctx.registry)
    if not refused:
        ctx.apply(wanted, prune=True, recreate=True)
        return True
    before = said(ctx)
    with pytest.raises(UsageError) as caught:
        ctx.apply(wanted, prune=True, recreate=True)
    assert {(problem.path, problem.property) for problem in caught.value.diagnostics} == refused
    assert all(problem.remedy for problem in caught.value.diagnostics)
    assert said(ctx) == before
    return False


@cache
def validator(registry: Registry) -> Any:
    return jsonschema.Draft202012Validator(document_schema(registry))


families = st.sampled_from([builtin(), depot(), founded_depot()])
two = families.flatmap(lambda r: st.tuples(st.just(r), plans(r, literal=False), plans(r, literal=False)))
two_with_secrets = families.flatmap(lambda r: st.tuples(st.just(r), plans(r, literal=True), plans(r, literal=True)))


@settings(max_examples=times(60))
@given(two)
def test_a_document_applied_onto_anything_gives_the_same(
    made: tuple[Registry, list[ObjectState], list[ObjectState]],
) -> None:
    registry, one, other = made
    x, y = configuration(registry, one), configuration(registry, other)
    wanted = document(x)
    assert not list(find_differences(take_snapshot(x.site).objects, wanted.objects, registry))
    if find_refused(take_snapshot(y.site).objects, wanted.objects, registry):
        assert not apply_or_be_refused(y, wanted.objects)
        return
    before = said(y)
    would = y.apply(wanted.objects, prune=True, dry_run=True)
    assert said(y) == before
    did = y.apply(wanted.objects, prune=True)
    assert would == did.replace(number=None)  # a change that is not made has no number
    assert said(y) == said(x)
    assert not y.apply(wanted.objects, prune=True).changed
    assert not list(find_differences(wanted.objects, take_snapshot(y.site).objects, registry))
    assert document(y).objects.keys() == wanted.objects.keys()


@settings(max_examples=times(40))
@given(two_with_secrets)
def test_secrets_that_a_document_leaves_out_stay_or_are_missed(
    made: tuple[Registry, list[ObjectState], list[ObjectState]],
) -> None:
    registry, one, other = made
    x, y = configuration(registry, one), configuration(registry, other)
    wanted = document(x).objects
    there = take_snapshot(y.site).objects
    missing = {
        (str(path), name)
        for path, state in wanted.items()
        for name in state.kept
        if path not in there or not there[path].values.get(name)
    }
    before = said(y)
    if missing:
        with pytest.raises(MissingMandatoryError) as caught:
            y.apply(wanted, prune=True)
        assert {(problem.path, problem.property) for problem in caught.value.diagnostics} == missing
        assert said(y) == before
        return
    if not apply_or_be_refused(y, wanted):
        return
    for path, state in wanted.items():
        after = take_snapshot(y.site).objects.get(path)
        for name in state.kept:
            assert after is not None
            assert after.values[name] == there[path].values[name]
    assert not list(find_differences(wanted, take_snapshot(y.site).objects, registry))


@settings(max_examples=times(40))
@given(families.flatmap(lambda r: st.tuples(st.just(r), plans(r, literal=False))))
def test_the_commands_of_an_export_make_the_same_from_nothing(made: tuple[Registry, list[ObjectState]]) -> None:
    registry, plan = made
    x, y = configuration(registry, plan), configuration(registry, [])
    with y.change() as tx:
        for operation in plan_creation(take_snapshot(x.site).objects, registry):
            operation.ask(tx)
    assert said(y) == said(x)


@settings(max_examples=times(40))
@given(families.flatmap(lambda r: st.tuples(st.just(r), plans(r, literal=True))))
def test_what_is_written_comes_back_and_the_schema_takes_it(made: tuple[Registry, list[ObjectState]]) -> None:
    registry, plan = made
    ctx = configuration(registry, plan)
    text = write(take_snapshot(ctx.site).objects.values(), registry)
    data = json.loads(text)
    validator(registry).validate(data)
    contents = read(data, registry)
    assert contents.doubts == ()
    assert write(contents.objects.values(), registry) == text


def named_objects(wanted: Any, registry: Registry) -> list[tuple[str, str, str]]:
    """The key of each object of a document that has a property for its name, with that property and the name."""
    paths = [(key, registry.parse_path(key)) for key in wanted["objects"]]
    known = [(key, registry.relation(path.relation).naming_property, path.name or "") for key, path in paths]
    return [found for found in known if found[1]]


SPELLINGS: list[Callable[[str], str]] = [str, str.upper, str.swapcase, lambda name: f"  {name} "]
others: st.SearchStrategy[Any] = st.sampled_from(["other", "", None, True, 1.5, [], {}, "&{a}", "********"])


@settings(max_examples=times(60))
@given(families.flatmap(lambda r: st.tuples(st.just(r), plans(r, literal=False))), st.data())
def test_a_document_may_state_the_names(made: tuple[Registry, list[ObjectState]], data: st.DataObject) -> None:
    registry, plan = made
    x = configuration(registry, plan)
    plain = document(x)
    wanted = json.loads(write(plain.objects.values(), registry))
    named = named_objects(wanted, registry)
    for key, naming, name in named:
        wanted["objects"][key]["properties"][naming] = data.draw(st.sampled_from(SPELLINGS))(name)
    validator(registry).validate(wanted)
    stated = ConfigurationDocument(json.dumps(wanted), "x", registry)
    assert stated.objects == plain.objects
    assert not x.apply(stated.objects, prune=True).changed
    if not named:
        return
    key, naming, name = data.draw(st.sampled_from(named))
    given_ = data.draw(st.one_of(others, st.just([name])))
    wanted["objects"][key]["properties"][naming] = given_
    with pytest.raises(ConfobjectsError) as caught:
        ConfigurationDocument(json.dumps(wanted, indent=1), "x", registry)
    [problem] = caught.value.diagnostics
    assert problem.summary == f"{naming} is the name of the object, which its path states: it cannot have another value"
    assert problem.remedy == f"leave {naming} out"
    assert problem.line
    assert problem.pointer.endswith(f"/properties/{naming}")


leaves = st.sampled_from(
    [
        True,
        False,
        None,
        0,
        5,
        1.5,
        "",
        "x",
        "true",
        "7 d",
        "&{a}",
        "********",
        "pre********",
        [],
        ["x"],
        ["x", "x"],
        [True],
        {},
        {"a": 1},
        -1,
        10**20,
    ]
)


@settings(max_examples=times(80))
@given(families.flatmap(lambda r: st.tuples(st.just(r), plans(r, literal=False))), st.data())
def test_the_reader_and_the_schema_agree(made: tuple[Registry, list[ObjectState]], data: st.DataObject) -> None:
    registry, plan = made
    wanted = json.loads(write({state.path: state for state in plan}.values(), registry))
    for item in wanted["objects"].values():
        where = data.draw(st.sampled_from(["properties", "properties", "type", "secrets", "more", "drop"]))
        if where == "properties" and item["properties"]:
            item["properties"][data.draw(st.sampled_from([*item["properties"], "no-such"]))] = data.draw(leaves)
        elif where == "drop" and item["properties"]:
            item["properties"].pop(data.draw(st.sampled_from(list(item["properties"]))))
        elif where in {"type", "secrets", "more"}:
            item[where] = data.draw(leaves)
    valid = validator(registry).is_valid(wanted)
    doubts = read(wanted, registry).doubts
    if not doubts:
        assert valid, list(validator(registry).iter_errors(wanted))
    if not valid:
        assert doubts
        try:
            ConfigurationDocument(json.dumps(wanted, indent=1), "x", registry)
        except ConfobjectsError as error:
            for problem in error.diagnostics:
                assert problem.pointer
                assert problem.line
                assert problem.column
                assert problem.render()
        else:
            raise AssertionError
