"""A stored secret is not used with another target, whoever changes it and however.

Laws:

1. A change of the current value of a property with which a secret travels is refused while the stored secret stays,
   or warns where the definition says so; a change of any other property is not.
2. With the secret given in the same change, with its own or another text, both are made.
3. It makes no difference whether the change is asked for directly, as a document, as an undo, or through a default that follows.
   An undo brings an old secret back only for the target that it had.
4. Of pairs, only those count that the definition names; one whose name is not known counts.
5. What is no stored secret needs none: an expression, a secret that was not there, one that goes away.
6. A change of an object that a secret travels with, by its type or by a property that is no secret and does not only enable
   it, warns and names whose secrets it concerns, ten at most; nobody is named whose secret is given in the same change, is an expression, or
   belongs to a disabled object.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from confobjects.definitions import DefinitionDocument, Registry
from confobjects.definitions.model import Travel
from confobjects.errors import ConfobjectsError
from confobjects.management import ManagementContext
from confobjects.management.changing.trying import try_changes
from confobjects.management.documents.comparing import take_snapshot
from confobjects.mapping.documents import ObjectState
from confobjects.objects.changes import PropertyChanges
from tests.definitions.documents import depot
from tests.management.things import manage, refused, summaries

CANARY = "Kanarienvogel-7!x"
START = {"destination": "far:1", "bearer": "Ann", "watchword": CANARY, "escort": "Bea"}
TRAVELS = {"destination", "bearer", "veiled", "guide"}


def messengers(**values: Any) -> ManagementContext:
    ctx = manage(depot())
    ctx.create("courier", "mule", {})
    ctx.create("messenger", "fox", {**START, **values}, type="generic")
    return ctx


def change(ctx: ManagementContext, **changes: Any) -> Any:
    return ctx.modify("messenger", "fox", PropertyChanges(**changes))


def stored(ctx: ManagementContext) -> Mapping[str, tuple[str, ...]]:
    return ctx.get("messenger", "fox").values


def reuse(*names: str) -> list[tuple[str, str]]:
    return [("constraint-violated", f"a change of {' and '.join(names)} needs watchword to be given again")]


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"set": {"destination": ["near:1"]}}, ["destination"]),
        ({"set": {"destination": ["&{far.host}"]}}, ["destination"]),
        ({"set": {"bearer": ["Eve"], "destination": ["near:1"]}}, ["destination", "bearer"]),
        ({"reset": ["bearer"]}, ["bearer"]),
        ({"set": {"veiled": ["true"]}}, ["veiled"]),
        ({"set": {"guide": ["mule"]}}, ["guide"]),
        # its default follows
        ({"set": {"greeting": ["watchword"]}}, ["veiled"]),
        ({"set": {"greeting": ["&{g.x}"]}}, ["veiled"]),
    ],
)
def test_the_target_does_not_change_without_the_secret(changes: dict[str, Any], names: list[str]) -> None:
    ctx = messengers()
    problems = refused(ctx, lambda: change(ctx, **changes))
    assert summaries(problems) == reuse(*names)
    assert {(problem.path, problem.property) for problem in problems} == {("/messenger/fox", "watchword")}
    assert CANARY not in repr(problems) + "".join(problem.render() for problem in problems)


@pytest.mark.parametrize("word", [CANARY, "another"])
def test_with_the_secret_it_does(word: str) -> None:
    ctx = messengers()
    change(ctx, set={"destination": ["near:1"], "watchword": [word], "greeting": ["watchword"]})
    assert stored(ctx)["watchword"] == (word,)
    assert stored(ctx)["destination"] == ("near:1",)


@pytest.mark.parametrize(
    "changes",
    [
        {"set": {"load": ["salt"]}},
        {"set": {"destination": ["far:1"], "veiled": ["false"]}},  # other texts of the same values
        {"set": {"destination": ["FAR:1"]}},
        {"set": {"greeting": ["watchword"], "veiled": ["false"]}},
        {"set": {"destination": ["near:1"]}, "reset": ["watchword", "bearer"]},
        {"set": {"destination": ["near:1"], "watchword": ["&{watchword}"]}},
    ],
)
def test_what_is_no_other_target_needs_no_secret(changes: dict[str, Any]) -> None:
    assert change(messengers(), **changes).changed


@pytest.mark.parametrize("word", ["&{watchword}", "&{file:secrets/watchword}"])
def test_an_expression_stays(word: str) -> None:
    ctx = messengers(watchword=word)
    assert change(ctx, set={"destination": ["near:1"]}).changed
    literal = messengers(watchword="&{watchword|" + CANARY + "}")
    assert summaries(refused(literal, lambda: change(literal, set={"destination": ["near:1"]}))) == reuse("destination")


def test_a_secret_that_was_not_there_is_new() -> None:
    ctx = messengers(bearer=None, watchword=None)
    change(ctx, set={"destination": ["near:1"], "bearer": ["Ann"], "watchword": [CANARY]})


def test_touching_the_secret_is_not_giving_it() -> None:
    ctx = messengers()
    moved = {"destination": ["near:1"]}
    assert summaries(refused(ctx, lambda: change(ctx, set=moved, add={"watchword": [CANARY]}))) == reuse("destination")

    def give_nothing() -> None:
        with ctx.change() as tx:
            tx.modify("messenger", "fox", PropertyChanges(set=moved))
            tx.modify("messenger", "fox", PropertyChanges(add={"watchword": [CANARY]}, set={"seal": []}))

    assert summaries(refused(ctx, give_nothing)) == reuse("destination")


def test_a_definition_may_only_warn_and_a_subtype_refuses_and_adds_to_it() -> None:
    ctx = manage(depot())
    ctx.create("messenger", "fox", {"destination": "far:1", "seal": CANARY}, type="generic")
    report = change(ctx, set={"destination": ["near:1"]})
    [warning] = report.warnings
    assert (warning.property, warning.severity) == ("seal", "warning")
    ctx.create("messenger", "swan", {"destination": "far:1", "seal": CANARY}, type="royal")
    for name, value in (("destination", "near:1"), ("greeting", "seal")):
        asked = PropertyChanges(set={name: [value]})
        [problem] = refused(ctx, lambda asked=asked: ctx.modify("messenger", "swan", asked))  # type: ignore[misc]
        assert problem.summary == f"a change of {name} needs seal to be given again"


# -- objects that a secret travels with -------------------------------------------------------------------------------


def led(count: int = 1, **values: Any) -> ManagementContext:
    """Return messengers that the courier mule leads."""
    ctx = manage(depot())
    ctx.create("courier", "mule", {"chest": "oak", "chest-key": "&{key}"})
    for number in range(count):
        ctx.create("messenger", f"fox{number:02}", {**START, "guide": "mule", **values}, type="generic")
    return ctx


def warned(ctx: ManagementContext, **changes: Any) -> list[str]:
    report = ctx.modify("courier", "mule", PropertyChanges(**changes))
    assert {(problem.path, problem.severity) for problem in report.warnings} <= {("/courier/mule", "warning")}
    return [problem.summary for problem in report.warnings]


CONCERNED = "affects where stored secrets go, or how they are protected: watchword of /messenger/fox00"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"set": {"chest": ["pine"]}}, [f"a change of chest {CONCERNED}"]),
        ({"set": {"guide": ["Ann"]}}, [f"a change of guide {CONCERNED}"]),
        ({"set": {"road": ["tunnel"]}}, [f"a change of road and gate and lamps {CONCERNED}"]),  # defaults follow
        ({"set": {"batch-size": ["&{size}"]}}, [f"a change of lamps and batch-size {CONCERNED}"]),
        ({"set": {"chest-key": ["another"]}}, []),
        ({"set": {"road": ["covered"]}}, []),  # as by default
    ],
)
def test_an_object_that_a_secret_travels_with_changes_with_a_warning(changes: dict[str, Any], said: list[str]) -> None:
    assert warned(led(), **changes) == said


def test_what_it_inherits_counts_too() -> None:
    ctx = led()
    report = ctx.modify("depot-settings", (), PropertyChanges(set={"batch-size": ["60"]}))
    assert [problem.summary for problem in report.warnings] == [f"a change of lamps and batch-size {CONCERNED}"]


def test_ten_are_named_at_most() -> None:
    names = ", ".join(f"watchword of /messenger/fox{number:02}" for number in range(10))
    for count, more in ((10, ""), (11, " and others"), (40, " and others")):
        [said] = warned(led(count), set={"chest": ["pine"]})
        assert said.endswith(f"protected: {names}{more}")


def test_who_has_no_stored_secret_or_gives_it_is_not_named() -> None:
    pine: dict[str, Any] = {"set": {"chest": ["pine"]}}
    assert warned(led(watchword="&{watchword}"), **pine) == []
    assert warned(led(guide=None), **pine) == []
    assert warned(led(watchword=None, bearer=None), **pine) == []
    ctx = led()
    with ctx.change() as tx:
        tx.modify("courier", "mule", PropertyChanges(**pine))
        tx.modify("messenger", "fox00", PropertyChanges(set={"watchword": [CANARY]}))
    assert tx.report.warnings == ()


def test_a_rename_alone_changes_nothing_that_counts() -> None:
    ctx = led()
    assert ctx.rename("courier", "mule", "ass").warnings == ()
    assert ctx.rename("messenger", "fox00", "hare").warnings == ()


# -- pairs, some of which travel with the secret ----------------------------------------------------------------------


def gates(*options: str) -> ManagementContext:
    ctx = manage(depot())
    ctx.create("gateway", "north", {"listen-address": "a", "access-key": CANARY, "token": CANARY, "option": options})
    return ctx


@pytest.mark.parametrize(
    ("options", "changes", "is_redirected"),
    [
        (["route=a"], {"set": {"option": ["route=b"]}}, True),
        (["route=a", "mode=fast"], {"remove": {"option": ["route=a"]}}, True),
        (["mode=fast"], {"add": {"option": ["x.via.y=b"]}}, True),
        (["mode=fast"], {"add": {"option": [".via.=b"]}}, True),
        (["mode=fast"], {"add": {"option": ["&{more}"]}}, True),
        (["mode=fast"], {"add": {"option": ["&{name}=b"]}}, True),
        (["route=a"], {"set": {"option": ["route=&{a}"]}}, True),
        (["route=a"], {"reset": ["option"]}, True),
        (["route=a", "mode=fast"], {"set": {"option": ["mode=slow", "route=a"]}}, False),
        (["route=a", "mode=fast"], {"remove": {"option": ["mode=fast"]}}, False),
        (["route=a"], {"add": {"option": ["router=b", "via=c", "Route=d", "x.via=e", "mode=&{speed}"]}}, False),
        (["route=&{a}", "mode=fast"], {"remove": {"option": ["mode=fast"]}}, False),
    ],
)
def test_only_pairs_with_which_the_secret_travels_ask_for_it(
    options: list[str], changes: dict[str, Any], *, is_redirected: bool
) -> None:
    ctx = gates(*options)
    asked = PropertyChanges(**changes)
    if not is_redirected:
        assert ctx.modify("gateway", "north", asked).changed
        return
    problems = refused(ctx, lambda: ctx.modify("gateway", "north", asked))
    summary = "a change of option needs token to be given again"
    assert summaries(problems) == [("constraint-violated", summary)]
    again = asked.replace(set={**asked.set, "token": [CANARY]})
    assert ctx.modify("gateway", "north", again).changed


@given(st.lists(st.text("ab.", max_size=3), min_size=1, max_size=4), st.text("ab.", max_size=12))
def test_a_star_in_a_name_stands_for_any_characters(parts: list[str], name: str) -> None:
    pattern = ".*".join(map(re.escape, parts))
    assert Travel("option", ("*".join(parts),)).includes(name) is (re.fullmatch(pattern, name) is not None)


# -- the ways of a change ---------------------------------------------------------------------------------------------


def wanted(ctx: ManagementContext, *, secret: bool, **values: str) -> dict[Any, ObjectState]:
    """What is stored with other values, with the secret or without it, as a document leaves it open."""
    states = dict(take_snapshot(ctx.site).objects)
    path = depot().path_of("messenger", "fox")
    texts = {**states[path].values, **{name: (value,) for name, value in values.items()}}
    silent = frozenset[str]()
    if not secret:
        del texts["watchword"]
        silent = frozenset({"watchword"})
    return {**states, path: states[path].replace(values=texts, silent=silent)}


def test_a_document_that_leaves_the_secret_open_does_not_redirect_it() -> None:
    ctx = messengers()
    open_one = wanted(ctx, secret=False, destination="near:1")
    assert summaries(refused(ctx, lambda: ctx.apply(open_one))) == reuse("destination")
    assert not ctx.apply(wanted(ctx, secret=False)).changed
    full = wanted(ctx, secret=True, destination="near:1")
    assert ctx.apply(full).changed
    assert not ctx.apply(full).changed
    assert stored(ctx)["watchword"] == (CANARY,)


def test_an_object_that_a_document_replaces_keeps_no_secret_for_another_target() -> None:
    ctx = messengers()
    states = wanted(ctx, secret=False, destination="near:1")
    path = depot().path_of("messenger", "fox")
    royal = {**states, path: states[path].replace(definition=depot().definition("royal-messenger"))}
    assert reuse("destination")[0] in summaries(refused(ctx, lambda: ctx.apply(royal)))
    same = {**royal, path: royal[path].replace(values={**royal[path].values, "destination": ("far:1",)})}
    assert ctx.apply(same).changed
    assert stored(ctx)["watchword"] == (CANARY,)


def test_deleting_and_creating_again_gives_every_value() -> None:
    ctx = messengers()
    with ctx.change() as tx:
        tx.delete("messenger", "fox")
        tx.create("messenger", "fox", {**START, "destination": "near:1"}, type="generic")
    assert stored(ctx)["destination"] == ("near:1",)


def test_an_undo_puts_target_and_secret_back_together() -> None:
    ctx = messengers()
    change(ctx, set={"destination": ["near:1"], "watchword": ["another"]})
    change(ctx, set={"load": ["salt"]})
    ctx.undo(3)
    assert (stored(ctx)["destination"], stored(ctx)["watchword"]) == (("far:1",), (CANARY,))
    # The target alone changes back, and the secret would stay.
    change(ctx, set={"destination": ["near:1"], "watchword": [CANARY]})
    number = ctx.history()[-1].number
    assert summaries(refused(ctx, lambda: ctx.undo(number))) == reuse("destination")


@pytest.mark.parametrize(
    "later",
    [
        {"set": {"destination": ["near:1"]}},
        {"set": {"destination": ["&{far.host}"]}},
        {"reset": ["bearer"]},
        {"set": {"veiled": ["true"]}},
        {"set": {"greeting": ["watchword"]}},  # a default follows
    ],
)
@pytest.mark.parametrize("known", ["another", "&{watchword}"])
def test_an_undo_brings_no_secret_back_for_a_target_that_was_set_since(known: str, later: dict[str, Any]) -> None:
    """Who makes these changes knows the secret that there is in between, and not the one that was there before."""
    ctx = messengers()
    change(ctx, set={"watchword": [known]})
    number = ctx.history()[-1].number
    change(ctx, **{**later, "set": {**later.get("set", {}), "watchword": [known]}})
    [(_, summary)] = summaries(refused(ctx, lambda: ctx.undo(number)))
    assert summary == (
        f"change {number} cannot be taken back alone: it would bring back a secret, and change {number + 1} changes "
        "where that goes, as whom or how protected"
    )
    assert stored(ctx)["watchword"] == (known,)
    ctx.undo_to(number - 1)
    assert stored(ctx)["watchword"] == (CANARY,)
    assert stored(ctx)["destination"] == ("far:1",)


def test_an_undo_brings_a_secret_back_for_the_target_that_it_had() -> None:
    ctx = messengers()
    change(ctx, set={"watchword": ["&{watchword}"]})
    number = ctx.history()[-1].number
    change(ctx, set={"load": ["salt"]})
    change(ctx, set={"destination": ["near:1"]})
    ctx.undo(number + 2)  # there was another one in between
    ctx.undo(number)
    assert stored(ctx)["watchword"] == (CANARY,)


def test_an_undo_brings_a_secret_back_where_a_reference_has_only_followed_a_rename() -> None:
    ctx = messengers(guide="mule")
    change(ctx, set={"watchword": ["another"]})
    number = ctx.history()[-1].number
    ctx.rename("courier", "mule", "horse")
    ctx.undo(number)
    assert (stored(ctx)["watchword"], stored(ctx)["guide"]) == ((CANARY,), ("horse",))


def test_a_reference_that_follows_a_rename_names_the_same_target() -> None:
    ctx = messengers(guide="mule")
    ctx.rename("courier", "mule", "horse")
    assert stored(ctx)["guide"] == ("horse",)
    ctx.create("courier", "mule", {})
    assert summaries(refused(ctx, lambda: change(ctx, set={"guide": ["mule"]}))) == reuse("guide")

    def swap() -> None:
        with ctx.change() as tx:
            tx.rename("courier", "horse", "mare")
            tx.set("messenger", "fox", {"guide": "mule"})

    assert summaries(refused(ctx, swap)) == reuse("guide")


def test_a_rename_of_the_object_itself_keeps_its_secret() -> None:
    ctx = messengers()
    ctx.rename("messenger", "fox", "hare")

    def both() -> None:
        with ctx.change() as tx:
            tx.rename("messenger", "hare", "fox")
            tx.set("messenger", "fox", {"destination": "near:1"})

    assert summaries(refused(ctx, both)) == reuse("destination")


@pytest.mark.parametrize("secret", ["watchword", "seal"])
def test_unsaved_values_are_not_tried_with_the_stored_secret(secret: str) -> None:
    """Also where a change is only warned of: a trial would already send it."""
    ctx = messengers(**{"bearer": None, "watchword": None, "seal": CANARY} if secret == "seal" else {})
    moved = PropertyChanges(set={"destination": ["near:1"]})
    problems = refused(ctx, lambda: try_changes(ctx.site, "messenger", "fox", moved))
    assert [(p.property, p.severity) for p in problems] == [(secret, "error")]
    again = moved.replace(set={**moved.set, secret: [CANARY]})
    for changes in (again, PropertyChanges(set={"load": ["salt"]})):
        obj = try_changes(ctx.site, "messenger", "fox", changes).find(depot().path_of("messenger", "fox"))
        assert obj is not None
        assert obj.values[secret] == (CANARY,)


# -- what is inherited ------------------------------------------------------------------------------------------------


def with_a_post() -> Registry:
    text = {"synopsis": "A text.", "syntax": "string"}
    secret = {"synopsis": "A secret.", "syntax": "string", "sensitive": True}
    kinds = [
        {
            "name": "office",
            "version": 1,
            "synopsis": "An office.",
            "relation": {"parent": "root", "kind": "instantiable"},
            "properties": {"street": text, "pin": secret},
        },
        {
            "name": "clerk",
            "version": 1,
            "synopsis": "A clerk.",
            "relation": {"parent": "office", "kind": "instantiable"},
            "properties": {
                "street": {**text, "default": {"inherited": {"offset": 1, "property": "street"}}},
                "pin": {
                    **secret,
                    "default": {"inherited": {"offset": 1, "property": "pin"}},
                    "re-entry": {"with": ["street"]},
                },
            },
        },
    ]
    return Registry(
        [*depot().documents.values(), *depot().packages.values()]
        + [DefinitionDocument(f"{kind['name']}.json", kind) for kind in kinds]
    )


def clerks(office: Mapping[str, str], clerk: Mapping[str, str]) -> ManagementContext:
    ctx = manage(with_a_post())
    ctx.create("office", "o", office)
    ctx.create("clerk", ("o", "c"), clerk)
    return ctx


def move(ctx: ManagementContext) -> list[tuple[str, str]]:
    problems = refused(ctx, lambda: ctx.modify("office", "o", PropertyChanges(set={"street": ["B"]})))
    return [(problem.path, problem.property) for problem in problems]


@pytest.mark.parametrize(
    ("office", "clerk"),
    [({"street": "A"}, {"pin": CANARY}), ({"street": "A", "pin": CANARY}, {}), ({}, {"pin": CANARY})],
)
def test_an_inherited_target_does_not_change_either(office: dict[str, str], clerk: dict[str, str]) -> None:
    assert move(clerks(office, clerk)) == [("/office/o/clerk/c", "pin")]


@pytest.mark.parametrize(
    ("office", "clerk"), [({"street": "A"}, {}), ({"street": "A"}, {"street": "C", "pin": CANARY})]
)
def test_who_does_not_inherit_the_target_is_not_asked(office: dict[str, str], clerk: dict[str, str]) -> None:
    ctx = clerks(office, clerk)
    assert ctx.modify("office", "o", PropertyChanges(set={"street": ["B"]})).changed


@pytest.mark.parametrize(("kind", "names", "office"), [("clerk", ("o", "c"), {}), ("office", "o", {"pin": CANARY})])
def test_the_secret_is_given_where_it_is_stored(kind: str, names: Any, office: dict[str, str]) -> None:
    ctx = clerks({"street": "A", **office}, {} if office else {"pin": CANARY})
    with ctx.change() as tx:
        tx.set("office", "o", {"street": "B"})
        tx.set(kind, names, {"pin": CANARY})
    assert ctx.get("office", "o").values["street"] == ("B",)


# -- any sequence of changes ------------------------------------------------------------------------------------------

VALUES: dict[str, list[str | None]] = {
    "destination": ["far:1", "near:1", "&{d.x|far:1}"],
    "bearer": ["Ann", "Eve", None],
    "veiled": ["true", "false", None],
    "greeting": ["none", "seal", "watchword", "&{g.x}", None],
    "load": ["salt", None],
    "guide": ["mule", None],
    "seal": ["wax", None],
}
asked = st.dictionaries(st.sampled_from(sorted(VALUES)), st.integers(0, 4), max_size=4).map(
    lambda found: {name: VALUES[name][at % len(VALUES[name])] for name, at in found.items()}
)
Step = Callable[[ManagementContext], Any]


@settings(max_examples=100)
@given(st.lists(asked, max_size=5))
def test_no_sequence_of_changes_sends_the_secret_elsewhere(plans: list[dict[str, str | None]]) -> None:
    ctx = messengers()

    def target() -> dict[str, Any]:
        obj = ctx.get("messenger", "fox")
        reader = ctx.site.make_reader()
        return {name: reader.read_current(obj, obj.definition.properties[name]) for name in TRAVELS}

    before = {name: texts for name, (texts, _) in target().items()}
    for plan in plans:
        try:
            ctx.modify("messenger", "fox", PropertyChanges(set={n: [v] if v else [] for n, v in plan.items()}))
        except ConfobjectsError:
            continue
    assert stored(ctx)["watchword"] == (CANARY,)
    assert {name: texts for name, (texts, _) in target().items()} == before


def with_posts() -> Registry:
    """A post of two types, which go to different hosts by default."""
    host = {"synopsis": "Where it goes.", "syntax": "host-port"}
    post: dict[str, Any] = {
        "name": "post",
        "version": 1,
        "synopsis": "A post.",
        "abstract": True,
        "relation": {"parent": "root", "kind": "singleton", "branch": "cn=Post"},
        "properties": {
            "host": {**host, "default": {"values": ["near:1"]}},
            "key": {"synopsis": "Its key.", "syntax": "password", "re-entry": {"with": ["host"]}},
        },
    }
    kind = {"version": 1, "synopsis": "A post.", "extends": "post", "properties": {}}
    near = {**kind, "name": "near-post"}
    far = {**kind, "name": "far-post", "overrides": {"host": {"default": {"values": ["far:1"]}}}}
    box = {
        "name": "box",
        "version": 1,
        "synopsis": "A box, which is emptied to where the post goes.",
        "relation": {"parent": "root", "kind": "instantiable", "branch": "cn=Boxes"},
        "properties": {
            "host": {**host, "default": {"inherited": {"path": "/post", "property": "host"}}},
            "key": post["properties"]["key"],
        },
    }
    return Registry([DefinitionDocument(f"{one['name']}.json", one) for one in (post, near, far, box)])


@pytest.mark.parametrize(
    ("values", "names"),
    [({}, ["host"]), ({"host": ["near:1"]}, []), ({"key": ["k"]}, []), ({"host": ["far:1"]}, ["host"])],
)
def test_another_type_with_another_default_needs_it_too(values: dict[str, list[str]], names: list[str]) -> None:
    ctx = manage(with_posts())
    ctx.modify("post", (), PropertyChanges(set={"key": ["k"]}), type="near")

    def replace() -> None:
        ctx.modify("post", (), PropertyChanges(set=values), type="far")

    if names:
        summary = f"a change of {' and '.join(names)} needs key to be given again"
        assert summaries(refused(ctx, replace)) == [("constraint-violated", summary)]
    else:
        replace()
        assert ctx.get("post", ()).values["key"] == ("k",)


def test_another_type_with_another_default_is_another_target_for_what_inherits_it() -> None:
    ctx = manage(with_posts())
    ctx.modify("post", (), PropertyChanges(), type="near")
    ctx.create("box", "b", {"key": "k"})
    problems = refused(ctx, lambda: ctx.modify("post", (), PropertyChanges(), type="far"))
    assert [(p.path, p.summary) for p in problems] == [("/box/b", "a change of host needs key to be given again")]
    ctx.modify("post", (), PropertyChanges(set={"host": ["near:1"]}), type="far")
