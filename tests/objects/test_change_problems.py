"""The whole of what is said of a change that may not be, and what a change makes necessary."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from confobjects.diagnostics import Collector
from confobjects.objects.changes import (
    Changer,
    ChangeReport,
    ObjectChange,
    PropertyChanges,
    RequiredAction,
    find_property,
    required_actions,
    to_canonical,
)
from confobjects.objects.evaluating import evaluate_defaults
from confobjects.objects.model import ManagedObject
from confobjects.objects.reading import PropertyReader
from confobjects.syntaxes import HostPort, ValueSyntaxError
from tests.objects.depot import Objects, fields, made, prop, reader
from tests.objects.probes import probes

Said = list[Mapping[str, Any]]


def change(obj: ManagedObject, *, creating: bool = False, **changes: Any) -> tuple[dict[str, tuple[str, ...]], Said]:
    """Return the values an object has after a change, and every field of what is wrong with it."""
    problems = Collector()
    after = Changer(obj, reader(), problems, creating=creating).apply(PropertyChanges(**changes))
    assert (after.path, after.definition) == (obj.path, obj.definition)
    return dict(after.values), [fields(problem) for problem in problems]


def said(name: str, code: str, summary: str, **more: Any) -> Mapping[str, Any]:
    return {"code": code, "summary": summary, "path": "/queue/jobs", "property": name, **more}


KNOWN = "enabled, priority, batch-size, time-to-live, store, spill-store, watch, sync-interval, checksum, serial"
ONCE = "serial is read-only: it can be set only when the object is created"
READ_ONLY = said("serial", "usage", ONCE, remedy="keep its value: 8")
NEVER_SET = said("serial", "usage", ONCE, remedy="leave serial out")
EMPTIED = "set another value: set enabled to …"
NO_DEFAULT = said(
    "enabled", "missing-mandatory", "the mandatory property enabled has no default to reset to", remedy=EMPTIED
)


TWENTY = ", ".join(f"w{n}" for n in range(20))


def exclusive(name: str, kind: str) -> Mapping[str, Any]:
    return said(name, "usage", f"{kind} cannot be combined with set or reset of the same property")


def unknown(name: str, remedy: str) -> Mapping[str, Any]:
    return said(name, "unknown-name", f'Disk Queue has no property "{name}"', remedy=remedy)


@pytest.mark.parametrize(
    ("stored", "changes", "problems"),
    [
        ({}, {"set": {"colour": ["red"]}}, [unknown("colour", f"known: {KNOWN}")]),
        ({}, {"add": {"prioriti": ["1"]}}, [unknown("prioriti", 'did you mean "priority"?')]),
        ({}, {"remove": {"prioriti": ["1"]}}, [unknown("prioriti", 'did you mean "priority"?')]),
        ({}, {"reset": ["prioriti"]}, [unknown("prioriti", 'did you mean "priority"?')]),
        ({}, {"set": {"Serial": ["7"]}}, [NEVER_SET]),
        ({}, {"add": {"Serial": ["7"]}}, [NEVER_SET]),
        ({"serial": "8"}, {"set": {"serial": ["9"]}}, [READ_ONLY]),
        ({"serial": "8"}, {"reset": ["serial"]}, [READ_ONLY]),
        ({"serial": "8"}, {"add": {"serial": ["9"]}}, [READ_ONLY]),
        ({"serial": "8"}, {"remove": {"serial": ["8"]}}, [READ_ONLY]),
        ({"enabled": "true"}, {"reset": ["Enabled"]}, [NO_DEFAULT]),
        ({"enabled": "true"}, {"set": {"enabled": []}}, [NO_DEFAULT]),
        (
            {"enabled": "true"},
            {"remove": {"enabled": ["true"]}},
            [
                said(
                    "enabled",
                    "missing-mandatory",
                    "removing the last value of enabled leaves a mandatory property without one",
                    remedy=EMPTIED,
                )
            ],
        ),
        (
            {},
            {"remove": {"checksum": ["crc32", "sha-256"]}},
            [
                said(
                    "checksum",
                    "invalid-value",
                    "the values of checksum are its default: they cannot all be removed",
                    remedy="set others instead: set checksum to …",
                )
            ],
        ),
        (
            {},
            {"set": {"rank": ["1", "2"]}},
            [
                said(
                    "priority",
                    "invalid-value",
                    "priority takes one value, 2 were given",
                    remedy="keep one: set priority to 2",
                )
            ],
        ),
        (
            {},
            {"add": {"rank": ["1", "2"]}},
            [
                said(
                    "priority",
                    "invalid-value",
                    "priority takes one value and has one: 0",
                    remedy="replace it: set priority to 1",
                )
            ],
        ),
        (
            {"priority": ("3", "4")},
            {"add": {"priority": ["3"]}},
            [
                said(
                    "priority",
                    "invalid-value",
                    "priority takes one value and has one: 3, 4",
                    remedy="replace it: set priority to 3",
                )
            ],
        ),
        (
            {},
            {"remove": {"checksum": ["none"]}},
            [
                said(
                    "checksum",
                    "invalid-value",
                    'checksum has no value "none" to remove',
                    detail="its values: crc32, sha-256",
                )
            ],
        ),
        (
            {"watch": ("a",)},
            {"remove": {"watch": ["a", "b"]}},
            [said("watch", "invalid-value", 'watch has no value "b" to remove', detail="its values: a")],
        ),
        (
            {},
            {"remove": {"watch": ["a"]}},
            [said("watch", "invalid-value", 'watch has no value "a" to remove', detail="its values: none")],
        ),
        *(
            (
                {"watch": tuple(f"w{n}" for n in range(count))},
                {"remove": {"watch": ["x"]}},
                [
                    said(
                        "watch",
                        "invalid-value",
                        'watch has no value "x" to remove',
                        detail=f"its values: {TWENTY}{more}",
                    )
                ],
            )
            for count, more in ((20, ""), (21, " and 1 more"), (23, " and 3 more"))
        ),
        (
            {},
            {"remove": {"priority": [7, dict]}},
            [
                said("priority", "invalid-value", f'priority has no value "{value}" to remove', detail="its values: 0")
                for value in (7, dict)
            ],
        ),
        (
            {},
            {"set": {"enabled": [3, ""]}},
            [
                said(
                    "enabled",
                    "invalid-value",
                    "a value of the Python type int does not fit",
                    value="3",
                    detail="expected: true or false",
                ),
                said("enabled", "invalid-value", "a value may not be empty", detail="expected: true or false"),
            ],
        ),
        (
            {},
            {"reset": ["colour"], "remove": {"Colour": ["x"]}},
            [unknown("colour", f"known: {KNOWN}"), exclusive("Colour", "remove")],
        ),
    ],
)
def test_what_is_said_of_a_change_that_may_not_be(stored: Any, changes: Any, problems: Said) -> None:
    obj = made("/queue/jobs", **stored)
    after, told = change(obj, **changes)
    assert told == problems
    assert after == obj.values


def test_what_is_said_of_adding_to_a_default_that_startup_chooses() -> None:
    after, told = change(made("/courier/mule", road="&{r.x}"), add={"lamps": ["front"]})
    assert after == {"road": ("&{r.x}",)}
    assert told == [
        {
            "code": "invalid-value",
            "summary": "lamps has its default, which startup chooses: nothing can be added to it before",
            "path": "/courier/mule",
            "property": "lamps",
            "remedy": "set all values: set lamps to …",
        }
    ]


@pytest.mark.parametrize(
    ("objects", "more"),
    [
        ((made("/watchman"),), {"detail": "its value: 5 s"}),
        ((made("/watchman", patience="&{p.x}"),), {"detail": "its value: &{p.x}"}),
        ((made("/watchman", patience=("1 s", "2 s")),), {"detail": "its value: 1 s, 2 s"}),
    ],
)
def test_what_is_said_of_a_value_that_is_always_the_default(
    objects: tuple[ManagedObject, ...], more: Mapping[str, str]
) -> None:
    problems = Collector()
    lantern = made("/watchman/lookout/north/lantern/mx.example.com:25", address="mx.example.com:25")
    Changer(lantern, reader(*objects), problems, creating=False).apply(PropertyChanges(set={"reach": ["9 s"]}))
    assert [fields(problem) for problem in problems] == [
        {
            "code": "usage",
            "summary": "reach is read-only and has a default: it is never set",
            "path": "/watchman/lookout/north/lantern/mx.example.com:25",
            "property": "reach",
            "remedy": "leave reach out",
            **more,
        }
    ]


def test_what_is_said_of_removing_the_default_that_is_written() -> None:
    watchman = made("/watchman", enabled="true", patience="5 s")
    after, told = change(watchman, remove={"patience": ["5000 ms"]})
    assert after == watchman.values
    assert told == [
        {
            "code": "invalid-value",
            "summary": "the values of patience are its default: they cannot all be removed",
            "path": "/watchman",
            "property": "patience",
            "remedy": "set others instead: set patience to …",
        }
    ]


def test_add_and_remove_do_not_go_with_set_and_reset() -> None:
    assert change(made("/queue/jobs"), set={"checksum": ["none"]}, add={"CHECKSUM": ["crc32"]}) == (
        {"checksum": ("none",)},
        [exclusive("CHECKSUM", "add")],
    )
    stored = made("/queue/jobs", priority="3")
    assert change(stored, reset=["rank"], add={"Rank": ["4"]}, remove={"priority": ["3"]}) == (
        {},
        [exclusive("priority", "remove"), exclusive("Rank", "add")],
    )


def test_a_change_with_one_wrong_part_does_the_others() -> None:
    obj = made("/queue/jobs", priority="3")
    after, told = change(
        obj,
        set={"colour": ["red"], "enabled": ["true"], "serial": ["8"]},
        remove={"prioriti": ["3"], "watch": ["a"], "checksum": ["crc32"]},
        add={"store": [""], "batch-size": ["9"]},
    )
    assert after == {"priority": ("3",), "enabled": ("true",), "checksum": ("sha-256",), "batch-size": ("9",)}
    assert [problem["property"] for problem in told] == ["colour", "serial", "prioriti", "watch", "store"]


@pytest.mark.parametrize(
    ("stored", "changes", "after"),
    [
        ({"priority": "3"}, {"add": {"rank": ["3", "3"]}}, {"priority": ("3",)}),
        # the same value in other words is there already
        ({"time_to_live": "1 h"}, {"add": {"time-to-live": ["60 m"]}}, {"time-to-live": ("1 h",)}),
        ({"time_to_live": "60 m"}, {"remove": {"time-to-live": ["1 h"]}}, {}),
        ({"watch": ("a", "b")}, {"add": {"watch": ["c", "b", "c", "d"]}}, {"watch": ("a", "b", "c", "d")}),
        ({"watch": ("a", "b", "c")}, {"remove": {"watch": ["a", "B"]}}, {"watch": ("c",)}),
        ({"watch": ("a", "b")}, {"remove": {"watch": ["a", "b"]}}, {}),
        ({"watch": ("a",)}, {"remove": {"watch": ["a"]}, "add": {"watch": ["b"]}}, {"watch": ("b",)}),
        ({}, {"remove": {"checksum": ["crc32"]}, "add": {"checksum": ["none"]}}, {"checksum": ("sha-256", "none")}),
        # an expression is only itself
        ({"watch": ("&{a.b}", "&{A.b|c}")}, {"remove": {"watch": ["&{a.b}"]}}, {"watch": ("&{A.b|c}",)}),
        ({"priority": "&{a.b}"}, {"add": {"priority": ["&{a.b}"]}}, {"priority": ("&{a.b}",)}),
    ],
)
def test_values_are_the_same_where_their_syntax_says_so(stored: Any, changes: Any, after: Any) -> None:
    assert change(made("/queue/jobs", **stored), **changes) == (after, [])


def test_a_python_value_is_removed_like_its_text() -> None:
    door = made("/gateway/door", listen_address="mx.example.com:25")
    assert change(door, remove={"listen-address": [HostPort("MX.example.com", 25)]}) == ({}, [])


def test_a_text_to_remove_is_shown_as_it_was_given() -> None:
    _, told = change(made("/queue/jobs"), remove={"priority": ["+7"]})
    assert [problem["summary"] for problem in told] == ['priority has no value "+7" to remove']


def test_an_expression_in_other_letters_is_another() -> None:
    obj = made("/queue/jobs", watch=("&{a.b|x}",))
    _, told = change(obj, remove={"watch": ["&{a.b|X}"]})
    assert [problem["summary"] for problem in told] == ['watch has no value "&{a.b|X}" to remove']


@pytest.mark.parametrize("changes", [{"set": {"Serial": ["+8"]}}, {"set": {"serial": [8]}}, {"add": {"serial": ["8"]}}])
def test_the_read_only_value_that_is_there_is_no_change(changes: Any) -> None:
    assert change(made("/queue/jobs", serial=("8",)), **changes) == ({"serial": ("8",)}, [])
    assert change(made("/queue/jobs"), reset=["serial"]) == ({}, [])


def test_what_is_created_may_have_read_only_values() -> None:
    obj = made("/queue/jobs")
    assert change(obj, creating=True, add={"serial": ["8"]}) == ({"serial": ("8",)}, [])
    assert change(obj, creating=True, set={"serial": ["8"]}) == ({"serial": ("8",)}, [])


def test_a_deprecated_property_is_changed_with_a_warning() -> None:
    after, told = change(made("/queue/jobs", "mirrored-disk-queue"), set={"Sync-Interval": ["1 s"]})
    assert after == {"sync-interval": ("1000 ms",)}
    assert told == [
        said(
            "sync-interval",
            "usage",
            "sync-interval is deprecated",
            remedy="It will be chosen by the queue.",
            severity="warning",
        )
    ]


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"set": {"token": ["canary-1", "&{no.x|canary}"]}}, {"remedy": "keep one: set token to &{no.x|********}"}),
        (
            {"add": {"token": ["canary-1"]}},
            {
                "summary": "token takes one value and has one: ********",
                "remedy": "replace it: set token to ********",
            },
        ),
        (
            {"remove": {"token": ["canary-1"]}},
            {"summary": 'token has no value "********" to remove', "detail": "its values: ********"},
        ),
    ],
)
def test_a_secret_is_masked_in_what_is_said(changes: Any, shown: Mapping[str, str]) -> None:
    (problem,) = change(made("/gateway/door", token="canary"), **changes)[1]
    assert "canary" not in str(problem)
    assert dict(problem) == {**problem, **shown}


@pytest.mark.parametrize("name", ["priority", "PRIORITY", "rank", "Rank"])
def test_a_property_is_found_by_its_name_or_a_former_one(name: str) -> None:
    definition = made("/queue/jobs").definition
    assert find_property(definition, name) is definition.properties["priority"]
    assert find_property(definition, name + "s") is None


def test_the_canonical_text_of_a_value() -> None:
    obj = made("/queue/jobs")
    assert to_canonical(prop(obj, "enabled"), "TRUE") == "true"
    assert to_canonical(prop(obj, "enabled"), "&{A|TRUE}") == "&{A|TRUE}"
    with pytest.raises(ValueSyntaxError) as caught:
        to_canonical(prop(obj, "enabled"), "")
    assert caught.value.message == "a value may not be empty"


# -- what came of it --------------------------------------------------------------------------------------------------


def changed(name: str, path: str = "/gateway/door", type_name: str = "") -> ObjectChange:
    obj = made(path, type_name)
    return ObjectChange(obj.path, "modify", obj.definition, {}, {name: ("x",)})


def test_the_changed_properties_are_those_whose_texts_differ() -> None:
    obj = made("/queue/jobs")
    before = {"watch": ("a",), "priority": ("1",), "serial": ("2",)}
    made_change = ObjectChange(
        obj.path, "modify", obj.definition, before, {"serial": ("3",), "priority": ("1",), "enabled": ()}
    )
    assert made_change.names() == ("watch", "serial")
    assert repr(made_change) == "<modify /queue/jobs: watch, serial>"
    assert repr(ObjectChange(obj.path, "delete", obj.definition, {}, {})) == "<delete /queue/jobs: no values>"
    assert ChangeReport((made_change,)).changed
    assert not ChangeReport(()).changed


def needed(change: ObjectChange, before: bool | None = True, after: bool | None = True) -> list[RequiredAction]:
    obj = ManagedObject(change.path, change.definition, change.after)
    return list(required_actions(obj, change.names(), enabled_before=before, enabled_after=after))


@pytest.mark.parametrize(
    ("name", "path", "type_name"),
    [
        ("listen-port", "/gateway/door", ""),
        ("site-name", "/depot-settings", ""),
        ("spill-store", "/queue/jobs", ""),
        ("segment", "/queue/jobs", "memory-queue"),
    ],
)
def test_a_change_may_need_an_action(name: str, path: str, type_name: str) -> None:
    change = changed(name, path=path, type_name=type_name)
    action = change.definition.properties[name].admin_action
    assert action.kind != "none"
    assert needed(change) == [RequiredAction(change.path, name, action.kind, action.as_sentence())]


def test_a_change_may_need_none() -> None:
    assert needed(changed("operator")) == []
    assert needed(changed("allowed-client")) == []


@pytest.mark.parametrize(
    ("before", "after", "restarts"),
    [
        (True, True, True),
        (None, None, True),
        (True, None, True),
        (False, True, False),
        (True, False, False),
        (False, False, False),
        (False, None, False),
        (None, False, False),
    ],
)
def test_a_component_is_restarted_only_where_it_stays_enabled(
    before: bool | None, after: bool | None, restarts: bool
) -> None:
    assert bool(needed(changed("listen-port"), before, after)) is restarts
    # that of the server, or another, does not ask
    assert len(needed(changed("site-name", path="/depot-settings"), before, after)) == 1
    assert len(needed(changed("spill-store", path="/queue/jobs"), before, after)) == 1


def test_the_actions_come_in_order_of_the_properties() -> None:
    obj = made("/gateway/door")
    after = {"operator": ("x",), "listen-port": ("1",), "allowed-client": ("y",)}
    both = ObjectChange(obj.path, "modify", obj.definition, {}, {**after, "access-key": ("k",)})
    assert [action.property for action in needed(both)] == ["listen-port"]
    settings = made("/queue/jobs", "memory-queue")
    two = ObjectChange(
        settings.path,
        "modify",
        settings.definition,
        {},
        {"segment": ("1 kib",), "enabled": ("true",), "spill-store": ("s",)},
    )
    assert [action.property for action in needed(two)] == ["spill-store", "segment"]


@pytest.mark.parametrize("changes", [PropertyChanges(reset=["need"]), PropertyChanges(remove={"need": ["1"]})])
@pytest.mark.parametrize(("source", "codes"), [({"source": ("2",)}, []), ({}, ["missing-mandatory"])])
def test_a_mandatory_property_goes_back_to_what_it_inherits(
    changes: PropertyChanges, source: dict[str, tuple[str, ...]], codes: list[str]
) -> None:
    problems = Collector()
    obj = ManagedObject(probes().parse_path("/heir/one"), probes().definition("heir"), {"need": ("1",), **source})
    asked = PropertyReader(probes(), Objects([obj]), evaluate_defaults)
    after = Changer(obj, asked, problems, creating=False).apply(changes)
    assert [problem.code for problem in problems] == codes
    assert after.values == ({"need": ("1",)} if codes else source)


def test_a_value_to_remove_may_be_of_the_type_of_the_property() -> None:
    obj = made("/queue/jobs", time_to_live="1 h")
    assert change(obj, remove={"time-to-live": [timedelta(hours=1)]}) == ({}, [])


@pytest.mark.parametrize("count", [2, 3])
def test_of_many_values_the_last_may_be_kept(count: int) -> None:
    (problem,) = change(made("/queue/jobs"), set={"priority": [str(number) for number in range(count)]})[1]
    assert problem["remedy"] == f"keep one: set priority to {count - 1}"


@pytest.mark.parametrize("given", [["none", "bad"], ["bad", "none"]])
def test_of_values_one_of_which_is_wrong_none_is_taken(given: list[str]) -> None:
    values, problems = change(made("/queue/jobs", checksum="crc32"), set={"checksum": given})
    assert values == {"checksum": ("crc32",)}
    assert [problem["value"] for problem in problems] == ["bad"]
