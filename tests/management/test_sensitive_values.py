"""Values of a sensitive property, whatever its syntax: no message shows them, nor any part of them.

The samples are those of the syntaxes themselves, so that a new syntax is held to this without a new test.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pytest

from confobjects.actions import remedy_text
from confobjects.definitions import DefinitionDocument, Registry
from confobjects.diagnostics import MASK, Diagnostic
from confobjects.expressions.openers import has_opener
from confobjects.mapping.objects import Mapper
from confobjects.objects.changes import PropertyChanges
from confobjects.objects.model import ManagedObject
from confobjects.paths import ManagedObjectPath
from confobjects.storage.memory import BASE
from confobjects.syntaxes import REGISTRY, make_syntax
from tests.management.things import manage, refused, summaries

ONE = ManagedObjectPath([("vault", "one")])
CANARY = "Kanarienvogel-5!x"
CONTENT = {"synopsis": "What it keeps.", "sensitive": True}


def there_is(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a sample; what a reference names is a kind of object that these definitions have."""
    return {**given, "relation": "backend"} if "relation" in given else dict(given)


def document(name: str, properties: Mapping[str, Any], **more: Any) -> DefinitionDocument:
    relation = {"parent": "root", "kind": "instantiable", "branch": f"cn={name.title()}s"}
    synopsis = {"name": name, "version": 1, "synopsis": f"A {name}.", "relation": relation}
    return DefinitionDocument(f"{name}.json", {**synopsis, "properties": properties, **more})


def parameters() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every syntax with every set of parameters of its samples."""
    for name, cls in REGISTRY.items():
        seen: list[Mapping[str, Any]] = []
        for sample in (*cls.samples_bad, *cls.samples_good):
            given = there_is(sample[0])
            if given not in seen:
                seen.append(given)
                yield name, given


@cache
def vaults(*, multi_valued: bool = False) -> Registry:
    """Return definitions of a vault with a sensitive property for each syntax and set of parameters."""
    properties = {
        f"content-{number}": {**CONTENT, "syntax": {"type": name, **given}, "multi-valued": multi_valued}
        for number, (name, given) in enumerate(parameters())
    }
    label = {"label": {"synopsis": "Its label.", "syntax": "string"}}
    return Registry([document("vault", properties), document("backend", label)])


def property_of(name: str, given: Mapping[str, Any]) -> str:
    return f"content-{list(parameters()).index((name, given))}"


def bad() -> Iterator[Any]:
    for name, cls in REGISTRY.items():
        for number, (given, text, _) in enumerate(cls.samples_bad):
            if not has_opener(text):  # which is an expression, and no value yet
                yield pytest.param(name, there_is(given), text, id=f"{name}-{number}")


def good() -> Iterator[Any]:
    """One or two good samples of each syntax and set of parameters; names of objects are no secrets."""
    for number, (name, given) in enumerate(parameters()):
        texts = [sample[1] for sample in REGISTRY[name].samples_good if there_is(sample[0]) == given]
        keys = {make_syntax({"type": name, **given}).key(text): text for text in texts if not has_opener(text)}
        if keys and name != "aggregation":
            yield pytest.param(name, given, list(keys.values())[:2], id=f"{name}-{number}")


def stored_problems(registry: Registry, values: Mapping[str, tuple[str, ...]]) -> tuple[Diagnostic, ...]:
    """Return what is wrong with a vault that was written by other means than ours."""
    obj = ManagedObject(ONE, registry.definition("vault"), values)
    ctx = manage(registry, Mapper(registry, BASE).encode(obj))
    return ctx.site.make_judge().judge(ctx.get("vault", "one")).errors


def refusal(prop: str, expected: str) -> Diagnostic:
    return Diagnostic(
        "invalid-value",
        "the value (not shown) is not acceptable",
        path=str(ONE),
        property=prop,
        value=MASK,
        detail=f"expected: {expected}",
    )


@pytest.mark.parametrize(("name", "given", "text"), list(bad()))
def test_a_wrong_value_is_refused_without_showing_it(name: str, given: Mapping[str, Any], text: str) -> None:
    prop = property_of(name, given)
    expected = refusal(prop, make_syntax({"type": name, **given}).expected)
    ctx = manage(vaults())
    (problem,) = refused(ctx, lambda: ctx.create("vault", "one", {prop: [text]}))
    assert problem.as_json() == expected.as_json()
    assert problem.render() == expected.render()


@pytest.mark.parametrize(("name", "given", "text"), [one for one in bad() if one.values[2]])
def test_a_wrong_value_that_is_stored_is_told_without_showing_it(
    name: str, given: Mapping[str, Any], text: str
) -> None:
    prop = property_of(name, given)
    expected = refusal(prop, make_syntax({"type": name, **given}).expected)
    (problem,) = stored_problems(vaults(), {prop: (text,)})
    assert problem.as_json() == expected.as_json()
    assert problem.render() == expected.render()


@pytest.mark.parametrize(("name", "given", "texts"), list(good()))
def test_values_that_do_not_go_together_are_told_without_showing_them(
    name: str, given: Mapping[str, Any], texts: list[str]
) -> None:
    prop = property_of(name, given)
    several = stored_problems(vaults(), {prop: (texts[0], texts[-1])})
    assert [(p.summary, p.value, p.remedy) for p in several] == [
        (f"{prop} takes one value, but has 2", None, f"keep one of them: {MASK}, {MASK}")
    ]
    twice = stored_problems(vaults(multi_valued=True), {prop: (texts[0], texts[0])})
    assert [(p.summary, p.value) for p in twice] == [(f"the value '{MASK}' repeats '{MASK}'", MASK)]


@pytest.mark.parametrize(("name", "given", "texts"), [one for one in good() if len(one.values[2]) == 2])
def test_changes_that_cannot_be_made_are_refused_without_showing_values(
    name: str, given: Mapping[str, Any], texts: list[str]
) -> None:
    prop = property_of(name, given)
    ctx = manage(vaults())
    ctx.create("vault", "one", {prop: texts[0]})

    def told(**changes: Any) -> list[tuple[str, str, str]]:
        problems = refused(ctx, lambda: ctx.modify("vault", "one", PropertyChanges(**changes)))
        return [(p.summary, p.detail, remedy_text(p.remedy)) for p in problems]

    assert told(set={prop: texts}) == [(f"{prop} takes one value, 2 were given", "", f"keep one: set {prop} to {MASK}")]
    assert told(add={prop: texts[1:]}) == [
        (f"{prop} takes one value and has one: {MASK}", "", f"replace it: set {prop} to {MASK}")
    ]
    assert told(remove={prop: texts[1:]}) == [(f'{prop} has no value "{MASK}" to remove', f"its values: {MASK}", "")]


# -- expressions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (CANARY, MASK),
        ("&{vault.secret}", "&{vault.secret}"),
        (f"&{{vault.secret|{CANARY}}}", f"&{{vault.secret|{MASK}}}"),
        (f"{CANARY}&{{vault.secret}}", MASK),
        (f"&{{vault.secret}}{CANARY}", MASK),
        (f"&{{{CANARY}", MASK),
        (f"&{{ {CANARY}}}", MASK),
    ],
    ids=range(7),
)
def test_of_an_expression_what_is_no_secret_is_shown(text: str, shown: str) -> None:
    registry = Registry([document("vault", {"content": {**CONTENT, "syntax": "string"}})])
    obj = ManagedObject(ONE, registry.definition("vault"), {"content": ("other",)})
    ctx = manage(registry, Mapper(registry, BASE).encode(obj))
    (problem,) = refused(ctx, lambda: ctx.modify("vault", "one", PropertyChanges(remove={"content": [text]})))
    assert problem.summary == f'content has no value "{shown}" to remove'
    assert CANARY not in problem.render() + str(problem.as_json())


# -- secrets in values that are pairs ----------------------------------------------------------------------------------

PAIRS = {"synopsis": "Its options.", "syntax": {"type": "name-value", "secret-names": ["pin"]}, "multi-valued": True}


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ((f"pin={CANARY}", f"pin={CANARY}"), f"the value 'pin={MASK}' repeats 'pin={MASK}'"),
        (("size=7", "size=7"), "the value 'size=7' repeats 'size=7'"),
    ],
)
def test_of_a_pair_the_secret_alone_is_hidden(stored: tuple[str, ...], shown: str) -> None:
    registry = Registry([document("vault", {"option": PAIRS})])
    problems = stored_problems(registry, {"option": stored})
    assert (shown in [p.summary for p in problems], CANARY in str([p.render() for p in problems])) == (True, False)


# -- constraints -------------------------------------------------------------------------------------------------------


def test_a_constraint_says_that_a_secret_is_set_and_not_what_it_is() -> None:
    constraint = {
        "name": "named",
        "synopsis": "what is kept has a label",
        "condition": {"implies": [{"is-present": "content"}, {"is-present": "label"}]},
    }
    label = {"synopsis": "Its label.", "syntax": "string"}
    registry = Registry(
        [document("vault", {"content": {**CONTENT, "syntax": "string"}, "label": label}, constraints=[constraint])]
    )
    ctx = manage(registry)
    (problem,) = refused(ctx, lambda: ctx.create("vault", "one", {"content": CANARY}))
    assert summaries((problem,)) == [("constraint-violated", "what is kept has a label")]
    assert problem.detail == "content is set; label is not set"
