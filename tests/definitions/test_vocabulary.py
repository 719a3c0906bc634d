"""The second family of definitions uses every word of the vocabulary, so that no word is untried."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema.validators import extend

from confobjects.definitions import ManagedObjectDefinition, Registry
from confobjects.definitions import conditions as room
from confobjects.definitions.checking import check
from confobjects.definitions.metaschema import build_metaschema, format_metaschema
from confobjects.definitions.model import ACTION_SENTENCES
from confobjects.syntaxes import REGISTRY
from tests.definitions.documents import BUILTIN, FAMILY, METASCHEMA, builtin, depot, documents

Word = tuple[int, str]
SCHEMA = build_metaschema()


def words(schema: Any, where: str = "") -> Iterator[tuple[Word, str]]:
    """Yield every key and every listed value of the meta-schema, with the place for people."""
    if isinstance(schema, list):
        for item in schema:
            yield from words(item, where)
    elif isinstance(schema, dict):
        for key, below in schema.items():
            if key == "enum":
                yield from (((id(below), json.dumps(value)), f"{where}={value}") for value in below)
            elif key in {"properties", "$defs"} and isinstance(below, dict):
                for name, value in below.items():
                    place = f"{where}.{name}" if key == "properties" else name
                    yield from [((id(below), name), place)] * (key == "properties")
                    yield from words(value, place)
            else:
                yield from words(below, where)


def used(instances: list[Any]) -> set[Word]:
    """Return the words a validation of some documents comes by."""
    met: set[Word] = set()

    def properties(validator: Any, names: Any, instance: Any, schema: Any) -> Iterator[Any]:
        if isinstance(instance, dict):
            met.update((id(names), name) for name in names if name in instance)
        yield from Draft202012Validator.VALIDATORS["properties"](validator, names, instance, schema)

    def enum(validator: Any, values: Any, instance: Any, schema: Any) -> Iterator[Any]:
        met.add((id(values), json.dumps(instance)))
        yield from Draft202012Validator.VALIDATORS["enum"](validator, values, instance, schema)

    validator = extend(Draft202012Validator, {"properties": properties, "enum": enum})(SCHEMA)  # type: ignore[no-untyped-call]
    for instance in instances:
        assert not list(validator.iter_errors(instance))
    return met


def test_the_family_uses_every_word_of_the_meta_schema() -> None:
    known = dict(words(SCHEMA))
    # A syntax without required parameters may be written short or long: either is a use of its name.
    met = used([document.data for document in documents(FAMILY)])
    unused = sorted(place for word, place in known.items() if word not in met and not _spelled_short(place))
    assert unused == []


def _spelled_short(place: str) -> bool:
    return place.startswith(("syntax=", "syntax.type"))


def test_the_family_uses_every_syntax() -> None:
    names = {prop.syntax.name for definition in depot() for prop in definition.properties.values()}
    assert names == set(REGISTRY)


def test_every_flag_and_default_behaviour_and_action_is_used_both_ways() -> None:
    props = [prop for definition in depot() for prop in definition.properties.values()]
    flags = (
        "mandatory",
        "multi_valued",
        "advanced",
        "hidden",
        "read_only",
        "set_on_creation",
        "sensitive",
        "administrator_only",
    )
    assert {(flag, getattr(prop, flag)) for prop in props for flag in flags} == {
        (f, v) for f in flags for v in (True, False)
    }
    assert {prop.default.kind for prop in props} == {
        "defined",
        "cases",
        "alias",
        "undefined",
        "inherited-absolute",
        "inherited-relative",
    }
    assert {prop.default.offset for prop in props if prop.default.kind == "inherited-relative"} == {0, 1, 2}
    assert {prop.admin_action.kind for prop in props} == set(ACTION_SENTENCES)
    conditions = {
        (one.target_enabled is None, one.needed_when is None, bool(one.name))
        for prop in props
        for one in prop.references
    }
    whole = {(True, True, False), (False, True, False), (False, False, False), (True, False, False)}
    assert conditions == whole | {(True, True, True), (False, False, True)}


def test_every_node_of_conditions_is_used() -> None:
    nodes = {type(node) for definition in depot() for source in _conditions(definition) for node in _nodes(source)}
    classes = {value for value in vars(room).values() if isinstance(value, type) and issubclass(value, room.Condition)}
    assert nodes == {c for c in classes if not c.__subclasses__()}
    constants = [node for d in depot() for c in _conditions(d) for node in _nodes(c) if isinstance(node, room.Constant)]
    assert {bool(node.source) for node in constants} == {True, False}


def test_every_part_of_a_value_is_looked_at() -> None:
    looked_at = {
        (definition.properties[name].syntax.name, part)
        for definition in depot()
        for condition in _conditions(definition)
        for name, part in map(room.split_operand, condition.operands())
        if part
    }
    assert looked_at == {(name, part) for name, cls in REGISTRY.items() for part in cls.parts}


def _conditions(definition: ManagedObjectDefinition) -> Iterator[room.Condition]:
    yield from (c.condition for c in definition.constraints if c.condition is not None)


def _nodes(condition: room.Condition) -> Iterator[room.Condition]:
    yield condition
    for part in getattr(condition, "parts", ()):
        yield from _nodes(part)


def test_relations_of_every_kind_hang_up_to_three_deep() -> None:
    relations = depot().relations().values()
    assert {relation.kind for relation in relations} == {"singleton", "optional", "instantiable", "set"}
    assert {bool(relation.naming_property) for relation in relations if relation.kind == "instantiable"} == {
        True,
        False,
    }
    assert max(len(depot().lineage(relation)) for relation in relations) == 3


@pytest.mark.parametrize("directory", [FAMILY, BUILTIN], ids=["family", "builtin"])
def test_the_families_are_in_order(directory: Any) -> None:
    assert [problem.render() for problem in check(documents(directory))] == []


def test_the_families_are_in_order_together() -> None:
    assert [problem.render() for problem in check(documents(FAMILY), documents(BUILTIN))] == []


def test_the_printed_meta_schema_is_up_to_date() -> None:
    """Renew it with ``python -m confobjects.definitions.metaschema > schemas/managed-object.schema.json``."""
    assert METASCHEMA.read_text("utf-8") == format_metaschema()


def test_the_meta_schema_is_json_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("registry", [depot(), builtin()], ids=["family", "builtin"])
def test_in_a_subtype_a_secret_travels_with_no_less(registry: Registry) -> None:
    """An override of ``re-entry`` adds to what is inherited: a property that is added above counts below, too."""
    tried = 0
    for definition in registry:
        for name, prop in definition.properties.items():
            for above in map(registry.definition, definition.ancestors):
                inherited = above.properties.get(name)
                if inherited is not None and inherited.re_entry is not None:
                    assert prop.re_entry is not None
                    assert set(inherited.re_entry.travels) <= set(prop.re_entry.travels)
                    tried += 1
    assert tried
