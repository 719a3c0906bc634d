"""Whatever the documents hold, the check answers with diagnostics; and what it passes can be used."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from confobjects.definitions import DefinitionDocument, Registry
from confobjects.definitions.checking import check, parse
from confobjects.definitions.metaschema import build_metaschema
from confobjects.definitions.schema_errors import find_leaves, validator_of
from tests.definitions.documents import BUILTIN, FAMILY, documents
from tests.effort import times

METASCHEMA = build_metaschema()
DOCUMENTS = [*documents(FAMILY), *documents(BUILTIN)]


def places(data: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to every value of a document."""
    if way:
        yield way
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        yield from places(value, (*way, key))


def at(data: Any, way: tuple[Any, ...]) -> Any:
    for step in way:
        data = data[step]
    return data


NAMES = sorted({str(step) for document in DOCUMENTS for way in places(document.data) for step in way})
LEAVES = sorted(
    {
        leaf
        for document in DOCUMENTS
        for way in places(document.data)
        if isinstance(leaf := at(document.data, way), str) and len(leaf) < 30
    }
)
words = st.sampled_from([*NAMES, *LEAVES, "root", "", "x", "/", "//", "/queue//", "a\n", "cn=a,", "\ud800", "&{x}"])
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 70000), st.just(1.5), st.just(10**30), words, st.text(max_size=5)
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3), max_leaves=6
)
pieces = st.sampled_from([(d.data, way) for d in DOCUMENTS for way in places(d.data)])
"""A value that stands somewhere in a document: put elsewhere, it often has the right shape and a wrong meaning."""


@st.composite
def families(draw: st.DrawFn) -> list[DefinitionDocument]:
    """A family with a few changes; the documents without one are those of the sound family."""
    family = list(DOCUMENTS)
    for _ in range(draw(st.integers(1, 3))):
        index = draw(st.integers(0, len(family) - 1))
        document = family[index] = DefinitionDocument(family[index].origin, copy.deepcopy(family[index].data))
        way = draw(st.sampled_from(list(places(document.data))))
        holder = at(document.data, way[:-1])
        kind = draw(st.sampled_from(["drop", "replace", "transplant", "add", "rename"]))
        if kind == "drop":
            del holder[way[-1]]
        elif kind == "replace":
            holder[way[-1]] = draw(values)
        elif kind == "transplant":
            data, there = draw(pieces)
            holder[way[-1]] = copy.deepcopy(at(data, there))
        elif isinstance(holder, dict):
            new = draw(words)
            holder[new] = draw(values) if kind == "add" else holder.pop(way[-1])
        else:
            holder.append(draw(scalars))
        if not document.data:
            break
    return family


def list_untouched(family: list[DefinitionDocument]) -> set[str]:
    """The documents of the sound family, whose shape is known to be right: looking at it takes most of the time."""
    return {known.origin for known, one in zip(DOCUMENTS, family, strict=True) if one is known}


def use(registry: Registry) -> None:
    """Ask a registry everything that it promises of sound documents."""
    for definition in registry:
        for prop in definition.properties.values():
            prop.syntax.describe()
            if prop.default.kind == "defined":
                assert all(prop.syntax.parse(value) is not None for value in prop.default.values if "{" not in value)
            if prop.default.kind == "inherited-absolute":
                assert registry.parse_path(prop.default.path).elements
            for reference in prop.references:
                registry.parse_path(reference.parent)
                assert registry.relation(reference.relation).named
    for relation in registry.relations().values():
        assert registry.lineage(relation)[-1] is relation
        assert len(registry.types_of(relation)) == len(registry.concrete_types(relation.target))
        registry.users(relation.name)
        registry.children(relation.target)


@settings(max_examples=times(120))
@given(families())
def test_the_check_never_raises_and_what_passes_can_be_used(family: list[DefinitionDocument]) -> None:
    problems = check(family, shaped=list_untouched(family))
    assert all(problem.summary and problem.origin for problem in problems)
    assert all(isinstance(problem.render(), str) for problem in problems)
    if not problems:
        use(Registry(family))


@settings(max_examples=times(90))
@given(st.sampled_from(DOCUMENTS), families())
def test_any_part_of_a_family_can_be_checked_alone(
    document: DefinitionDocument, family: list[DefinitionDocument]
) -> None:
    check([document])
    check(family[:3], DOCUMENTS[3:5])  # trusted documents have passed the check before


@given(st.text(max_size=40) | st.binary(max_size=40).map(lambda raw: raw.decode("latin-1")))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    document, problems = parse("x.json", text)
    assert (document is None) == bool(problems)


def test_the_sound_family_can_be_used() -> None:
    assert len({document.origin for document in DOCUMENTS}) == len(DOCUMENTS)
    assert check(DOCUMENTS) == ()
    use(Registry(DOCUMENTS))


def tell(validator: Any, data: Any) -> list[tuple[Any, ...]]:
    """Return each error as its place in the document, its place in the schema, and what the message depends on."""
    return sorted(
        (
            list(map(str, e.absolute_path)),
            list(map(str, e.absolute_schema_path)),
            repr(e.validator_value),
            repr(e.instance),
        )
        for e in find_leaves(validator.iter_errors(data))
    )


@settings(max_examples=times(90))
@given(families())
def test_the_shape_is_judged_as_the_plain_validator_judges_it(family: list[DefinitionDocument]) -> None:
    """Ours does not go down into what a schema says of other types, which takes most of the time."""
    untouched = list_untouched(family)
    judge_alike(document for document in family if document.origin not in untouched)


def test_the_shape_of_the_sound_family_is_judged_alike() -> None:
    judge_alike(DOCUMENTS)


def judge_alike(family: Iterable[DefinitionDocument]) -> None:
    ours = validator_of(METASCHEMA)
    plain = Draft202012Validator(METASCHEMA, format_checker=None)
    for document in family:
        if "1.5" not in repr(document.data):  # to ours, a float is no integer
            assert tell(ours, document.data) == tell(plain, document.data)
