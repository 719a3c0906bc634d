"""A value that is a pair of a name and a value may name another object, and is then a reference like any other.

``option`` of a gateway holds pairs: ``log.store=NAME`` names a store, which must be enabled while ``session`` is set, and
``log.queue=NAME`` a queue. Other pairs refer to nothing.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confobjects.definitions import DefinitionDocument, Registry
from confobjects.errors import UnknownNameError
from confobjects.expressions.openers import has_opener
from confobjects.management import ManagementContext
from confobjects.management.documents.applying import plan_operations
from confobjects.management.documents.comparing import take_snapshot
from confobjects.management.documents.copying import copy
from confobjects.management.documents.exporting import plan_creation
from confobjects.management.graphing import build_graph
from confobjects.management.judging import judge_all
from confobjects.objects.changes import ChangeReport, PropertyChanges
from confobjects.reference.facts import describe_allowed
from tests.definitions.documents import FAMILY, depot, documents
from tests.management.things import manage, refused, summaries

STORE = {"enabled": True, "location": "/s"}
OFF = PropertyChanges(set={"enabled": ["false"]})
TEXT = st.text(st.characters(categories=["L", "N", "P", "S"]), max_size=8)


def filled(*options: str, registry: Registry | None = None, **values: Any) -> ManagementContext:
    """Stores ``one`` and ``two``, and a gateway with some options."""
    ctx = manage(registry or depot())
    ctx.create("store", "one", STORE)
    ctx.create("store", "two", STORE)
    ctx.create("gateway", "door", {"option": list(options), **values})
    return ctx


def options(ctx: ManagementContext) -> tuple[str, ...]:
    return ctx.get("gateway", "door").values["option"]


def change(ctx: ManagementContext, **changes: Any) -> ChangeReport:
    return ctx.modify("gateway", "door", PropertyChanges(**changes))


# -- what it names ------------------------------------------------------------------------------------------------------


def test_a_pair_that_names_nothing_is_refused() -> None:
    ctx = filled()
    (problem,) = refused(ctx, lambda: change(ctx, set={"option": ["log.store=three"]}))
    assert problem.summary == 'option log.store names the Store "three", which does not exist'
    assert (problem.property, problem.value, problem.detail) == ("option", "log.store=three", "there are: one, two")


@given(st.dictionaries(TEXT.filter(lambda name: name not in {"log.store", "log.queue", "token", ""}), TEXT))
def test_other_pairs_refer_to_nothing(pairs: dict[str, str]) -> None:
    texts = [
        f"{name}={value}" for name, value in pairs.items() if "=" not in name and not has_opener(f"{name}={value}")
    ]
    ctx = filled("log.store=two", *texts)
    ctx.delete("store", "one")
    assert set(options(ctx)) == {"log.store=two", *texts}


def test_its_name_is_compared_as_names_are() -> None:
    ctx = filled("log.store= ONE ")
    assert options(ctx) == ("log.store=ONE",)
    assert summaries(refused(ctx, lambda: ctx.delete("store", "one"))) == [IN_USE]
    assert change(ctx, remove={"option": ["log.store=one"]}).changed


IN_USE = ("object-in-use", 'the Store "one" cannot be deleted: /gateway/door uses it (option log.store)')


@pytest.mark.parametrize("other", ["a=&{no.x}", "b=c", "log.queue=&{no.x}"])
def test_what_a_pair_names_cannot_be_deleted_whatever_the_other_values_are(other: str) -> None:
    ctx = filled("log.store=one", other)
    (problem,) = refused(ctx, lambda: ctx.delete("store", "one"))
    assert (problem.code, problem.summary) == IN_USE
    assert problem.remedy == "change or remove option log.store of /gateway/door first"


def test_what_no_pair_names_any_more_can_be_deleted_in_the_same_change() -> None:
    ctx = filled("log.store=one", "b=c")
    with ctx.change() as tx:
        tx.delete("store", "one")
        tx.modify("gateway", "door", PropertyChanges(remove={"option": ["log.store=one"]}))
    assert [str(done.path) for done in tx.report.changes] == ["/gateway/door", "/store/one"]
    assert options(ctx) == ("b=c",)


@pytest.mark.parametrize(
    ("text", "warned"),
    [
        ("log.store=&{no.x}", True),
        ("&{no.x}=one", True),
        ("&{no.x}", True),
        ("log.queue=&{no.x}", False),
        ("other=&{no.x}", False),
    ],
)
def test_an_expression_may_name_an_object_only_where_its_name_says_so(text: str, warned: bool) -> None:
    ctx = filled(text)
    words = "/store/one may be used by /gateway/door: its option log.store is an expression"
    assert [problem.summary for problem in ctx.delete("store", "one").warnings] == [words] * warned


# -- whether it is enabled ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("session", "needed"), [({"session": "1 h"}, True), ({}, False)])
def test_it_must_be_enabled_where_the_definition_says_so(session: dict[str, Any], needed: bool) -> None:
    ctx = filled("log.store=one", "other=&{no.x}", **session)
    if not needed:
        ctx.modify("store", "one", OFF)
        (problem,) = refused(ctx, lambda: change(ctx, set={"session": "1 h"}))
        assert problem.summary == 'option log.store names "one", which is disabled'
        return
    (problem,) = refused(ctx, lambda: ctx.modify("store", "one", OFF))
    assert problem.summary == 'the Store "one" cannot be disabled: /gateway/door needs it (option log.store)'
    assert problem.detail == "/store/one must be enabled while this holds for /gateway/door: session is set"
    assert problem.more == ("The store of the log is needed while there is a session.",)


# -- renaming -----------------------------------------------------------------------------------------------------------


def test_a_pair_follows_the_name_of_its_object_and_nothing_else_changes() -> None:
    ctx = filled("a=one", "log.store=one", "log.queue=&{no.x}", "log.stores=one")
    ctx.rename("store", "one", "Big = store")
    assert options(ctx) == ("a=one", "log.store=Big = store", "log.queue=&{no.x}", "log.stores=one")
    assert summaries(refused(ctx, lambda: ctx.delete("store", "big = store")))


@pytest.mark.parametrize("travel", ["option", {"property": "option", "names": ["log.*"]}])
def test_a_rename_is_no_other_target_of_a_secret_that_travels_with_it(travel: Any) -> None:
    ctx = filled("log.store=one", "b=c", registry=guarded(travel), token="Kanarienvogel")
    ctx.rename("store", "one", "uno")
    assert options(ctx) == ("log.store=uno", "b=c")
    if travel != "option":
        with ctx.change() as tx:
            tx.rename("store", "uno", "eins")
            tx.modify("gateway", "door", PropertyChanges(remove={"option": ["b=c"]}))
        assert options(ctx) == ("log.store=eins",)
    for text in ("log.store=two", "log.queue=uno"):
        found = refused(ctx, lambda text=text: change(ctx, set={"option": [text, "b=c"]}))  # type: ignore[misc]
        assert "a change of option needs token to be given again" in [problem.summary for problem in found]


def guarded(travel: Any) -> Registry:
    """The family, with a token of gateways that travels with their options, or some of them."""
    found = []
    for document in documents(FAMILY):
        data = document.data
        if data.get("name") == "gateway":
            token = {**data["properties"]["token"], "re-entry": {"with": [travel]}}
            data = {**data, "properties": {**data["properties"], "token": token}}
        found.append(DefinitionDocument(document.origin, data))
    return Registry(found, depot().allowed)


# -- whole configurations -----------------------------------------------------------------------------------------------


def test_it_decides_the_order_of_a_change_of_a_document_and_of_a_copy() -> None:
    ctx = filled("log.store=one", "b=c")
    states = take_snapshot(ctx.site).objects
    planned = [str(op.resolve_path(depot())) for op in plan_operations({}, states, depot())]
    assert planned.index("/store/one") < planned.index("/gateway/door")
    created = [str(op.resolve_path(depot())) for op in plan_creation(states, depot())]
    assert created.index("/store/one") < created.index("/gateway/door")
    with (other := manage(depot())).change() as tx:
        tx.create("gateway", "door", {"option": ["log.store=one"]})
        tx.create("store", "one", STORE)
    assert [str(done.path) for done in tx.report.changes] == ["/store/one", "/gateway/door"]
    assert summaries(refused(other, lambda: other.delete("store", "one"))) == [IN_USE]
    copied = manage(depot())
    copy(ctx.site, copied.site)
    assert options(copied) == ("log.store=one", "b=c")


def test_the_graph_shows_it_by_the_name_of_the_pair() -> None:
    ctx = filled("log.store=one", "log.queue=&{no.x}", "b=&{no.y}")
    graph = build_graph(ctx.site)
    edges = {(edge.source, edge.target, edge.label) for edge in graph.edges}
    assert edges == {
        ("/gateway/door", "/store/one", "option log.store"),
        ("/gateway/door", "&{no.x}", "option log.queue"),
    }


def test_a_program_finds_the_object_by_the_name_of_the_pair() -> None:
    ctx = filled("log.store=one", "b=c")
    config, errors = judge_all(ctx.site, "/")
    assert errors == ()
    door = config["gateway", "door"]
    target = door.reference("option", "log.store")
    assert target is not None
    assert target.name == "one"
    assert door.reference("option", "log.queue") is None
    with pytest.raises(UnknownNameError, match="option b is not a reference"):
        door.reference("option", "b")
    with pytest.raises(UnknownNameError, match="option is not a reference"):
        door.reference("option")


def test_the_reference_says_which_names_refer() -> None:
    assert describe_allowed(depot().definition("gateway").properties["option"], depot()) == (
        "A name, an equals sign, and the value that belongs to the name. "
        "The value of log.store is the name of an existing Store. The store of the log is needed while there is a session. "
        "The value of log.queue is the name of an existing Queue."
    )
