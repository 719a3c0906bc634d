"""What the judge says of an object by itself, of what it refers to, and of what refers to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pytest

from confobjects.actions import RemedyAction
from confobjects.definitions import Relation
from confobjects.definitions.conditions import build_condition
from confobjects.diagnostics import Diagnostic
from confobjects.errors import DefinitionError
from confobjects.expressions import Found
from confobjects.objects.evaluating import evaluate_defaults, make_evaluator
from confobjects.objects.judging import Judge, TypedView, all_members
from confobjects.objects.model import DeferredCheck, ManagedObject
from confobjects.objects.protocols import Evaluator
from confobjects.paths import ManagedObjectPath
from tests.definitions.documents import depot
from tests.objects.depot import Objects, fields, judge, made, prop
from tests.objects.probes import probes

ONE = made("/store/one", enabled="true", location="/var/one")
TWO = made("/store/two", enabled="false", location="/var/two")
RIGHT = {"enabled": "true", "store": "one"}


def queue(**values: str | Sequence[str]) -> ManagedObject:
    return made("/queue/jobs", **values)


# -- by itself --------------------------------------------------------------------------------------------------------


def missing(name: str, expected: str) -> dict[str, Any]:
    return {
        "code": "missing-mandatory",
        "summary": f"the mandatory property {name} has no value",
        "path": "/queue/jobs",
        "property": name,
        "detail": f"expected: {expected}",
        "remedy": f"set {name} to …",
    }


def violated(summary: str, **more: Any) -> dict[str, Any]:
    return {"code": "constraint-violated", "summary": summary, "path": "/queue/jobs", **more}


@pytest.mark.parametrize(
    ("values", "problems"),
    [
        (RIGHT, []),
        (
            {},
            [missing("enabled", "true or false"), missing("store", "the name of an existing store")],
        ),
        (
            {**RIGHT, "enabled": "maybe"},
            [
                {
                    "code": "invalid-value",
                    "summary": '"maybe" is neither true nor false',
                    "path": "/queue/jobs",
                    "property": "enabled",
                    "value": "maybe",
                    "detail": "expected: true or false",
                }
            ],
        ),
        (
            {**RIGHT, "serial": "7"},
            [
                violated(
                    "the serial number 7 is odd",
                    property="serial",
                    remedy="Choose an even one.",
                    constraint="serial-is-even",
                )
            ],
        ),
        (
            {**RIGHT, "priority": "10", "time_to_live": "unlimited"},
            [
                violated(
                    "an urgent queue does not keep jobs for ever",
                    detail="priority is 10; time-to-live is unlimited",
                    constraint="urgent-or-patient",
                )
            ],
        ),
        (
            {**RIGHT, "checksum": ("none", "crc32")},
            [
                violated(
                    "checking nothing excludes other checks",
                    detail="checksum is none, crc32",
                    constraint="checked-once",
                )
            ],
        ),
        (
            {"enabled": "true", "spill_store": "one"},
            [
                missing("store", "the name of an existing store"),
                violated(
                    "a spill store stands in for a store, and there is none",
                    property="store",
                    detail="spill-store is one; store is not set",
                    remedy="Set store as well.",
                    constraint="spill-needs-store",
                ),
            ],
        ),
    ],
)
def test_what_is_wrong_with_an_object(values: dict[str, Any], problems: list[dict[str, Any]]) -> None:
    judged = judge().judge(queue(**values))
    assert [fields(problem) for problem in judged.problems] == problems
    assert judged.errors == judged.problems
    assert judged.deferred == ()


def test_a_warning_stays_one_and_has_no_detail() -> None:
    judged = judge().judge(made("/gateway/door"))
    assert [fields(problem) for problem in judged.problems] == [
        {
            "code": "constraint-violated",
            "summary": "nobody can be asked",
            "path": "/gateway/door",
            "property": "operator",
            "constraint": "operator-known",
            "severity": "warning",
        }
    ]
    assert judged.errors == ()


CLEAR = "a page without TLS is for this machine only, and its port is given"
MAIL = "the port of mail is no door, and neither is the page"
MODE = "an option that says how fast says something"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"home_page": "http://localhost:80/"}, []),
        ({"home_page": "HTTP://LOCALHOST:080/", "listen_address": "mail.example.com"}, []),
        (
            {"home_page": "http://localhost/"},
            [
                (
                    CLEAR,
                    "the scheme of home-page is http; the host of home-page is localhost; the port of home-page is not set",
                )
            ],
        ),
        (
            {"listen_address": "Door:025"},
            [
                (
                    MAIL,
                    "the port of listen-address is 25; the host of listen-address is door; the port of home-page is not set",
                )
            ],
        ),
        (
            {"listen_address": "MAIL.example.com", "home_page": "https://h:8443"},
            [
                (
                    MAIL,
                    "the port of listen-address is 8443; the host of listen-address is mail.example.com; "
                    "the port of home-page is 8443",
                )
            ],
        ),
        ({"option": ("mode=fast", "token=&{x}")}, []),
        ({"option": ("mode=", "a=b")}, [(MODE, "the name of option is mode, a; the value of option is b")]),
        ({"option": ("mode=x", "token=&{x}")}, []),  # not known yet
    ],
)
def test_a_condition_looks_into_values(values: dict[str, Any], said: list[tuple[str, str]]) -> None:
    judged = judge().judge(made("/gateway/door", operator="ann@example.com", **values))
    assert [(problem.summary, problem.detail) for problem in judged.errors] == said


def test_a_part_of_a_secret_is_not_shown() -> None:
    judged = judge().judge(made("/gateway/door", operator="ann@example.com", option=("mode=x", "token=canary")))
    shown = [problem.render() for problem in judged.problems]
    assert shown
    assert not any("canary" in text for text in shown)


def test_a_part_of_an_expression_is_not_known() -> None:
    judged = judge().judge(made("/gateway/door", operator="ann@example.com", listen_address="&{door}"))
    assert judged.errors == ()
    assert [check.text for check in judged.deferred if check.why == "constraint"] == ["door-of-mail"]


@pytest.mark.parametrize(
    ("values", "deferred"),
    [
        ({**RIGHT, "store": "&{no.x}"}, [("store", "&{no.x}", "value")]),
        ({**RIGHT, "enabled": "&{on.x|true}"}, [("enabled", "&{on.x|true}", "value")]),
        # whether a constraint holds is not known either
        (
            {**RIGHT, "checksum": ("none", "&{no.x}")},
            [("checksum", "&{no.x}", "value"), ("", "checked-once", "constraint")],
        ),
    ],
)
def test_what_is_not_known_yet_is_deferred(values: dict[str, Any], deferred: list[tuple[str, str, str]]) -> None:
    obj = queue(**values)
    judged = judge().judge(obj)
    assert judged.problems == ()
    assert judged.deferred == tuple(DeferredCheck(obj.path, *rest) for rest in deferred)


def test_a_warning_that_is_not_known_yet_is_not_deferred() -> None:
    judged = judge().judge(made("/gateway/door", operator="&{no.x}", token="&{no.y|canary}"))
    assert [(each.property, each.text) for each in judged.deferred] == [
        ("operator", "&{no.x}"),
        ("token", "&{no.y|********}"),
    ]


def test_what_reading_the_object_told_of_a_property_is_not_told_again() -> None:
    told = Diagnostic("invalid-value", "cannot be read", property="store")
    obj = queue(enabled="true")
    obj = ManagedObject(obj.path, obj.definition, obj.values, (told,))
    assert judge().judge(obj).problems == (told,)


# -- rules and lists that only the probes have ------------------------------------------------------------------------


def probe(**values: str | Sequence[str]) -> ManagedObject:
    texts = {name: (value,) if isinstance(value, str) else tuple(value) for name, value in values.items()}
    return ManagedObject(probes().parse_path("/probe/one"), probes().definition("probe"), texts)


def judge_probe(obj: ManagedObject, evaluate: Evaluator = evaluate_defaults) -> list[Mapping[str, Any]]:
    return [fields(problem) for problem in Judge(probes(), Objects([obj]), evaluate).judge(obj).problems]


REMARKS = [
    {"summary": "a bare remark", "remedy": "Of the rule.", "constraint": "strict"},
    {"summary": "a full remark", "remedy": "Its own.", "severity": "warning", "constraint": "strict"},
    {"summary": "a bare remark", "severity": "warning", "constraint": "mild"},
    {"summary": "a full remark", "remedy": "Its own.", "severity": "warning", "constraint": "mild"},
]


def test_a_rule_in_python_gives_what_its_remarks_lack_and_may_warn() -> None:
    problems = judge_probe(probe(word="a", count="4"))
    assert problems == [{"code": "constraint-violated", "path": "/probe/one", **remark} for remark in REMARKS]


def test_only_what_will_be_refused_at_the_start_is_deferred() -> None:
    texts = {"need": ("1",), "source": ("&{no.x}",)}
    obj = ManagedObject(probes().parse_path("/heir/one"), probes().definition("heir"), texts)
    judged = Judge(probes(), Objects([obj]), evaluate_defaults).judge(obj)
    assert [(each.property, each.text, each.why) for each in judged.deferred] == [("source", "&{no.x}", "value")]
    assert judged.problems == ()


@pytest.mark.parametrize(("secret", "state"), [({}, "secret is not set"), ({"secret": "canary"}, "secret is set")])
def test_a_broken_condition_names_the_values_it_was_judged_on(secret: dict[str, str], state: str) -> None:
    problem = judge_probe(probe(word=("a", "b"), **secret))[0]
    assert problem == {
        "code": "constraint-violated",
        "summary": "a word needs a secret of its own",
        "path": "/probe/one",
        "detail": f"word is a, b; {state}; count is 3 by default",
        "constraint": "secret-first",
    }


def test_a_mandatory_property_whose_expression_comes_to_nothing_has_no_value() -> None:
    empty = make_evaluator(lambda _: Found((), "an empty list"))
    (problem,) = judge_probe(probe(word="&{a.b}"), empty)
    assert problem["summary"] == "the mandatory property word has no value"


@pytest.mark.parametrize("relation", ["lost-name", "lost-module"])
def test_a_function_that_is_not_there_is_a_broken_definition(relation: str) -> None:
    obj = ManagedObject(probes().parse_path(f"/{relation}/one"), probes().definition(relation), {})
    with pytest.raises(DefinitionError) as caught:
        Judge(probes(), Objects([obj]), evaluate_defaults).judge(obj)
    (problem,) = caught.value.diagnostics
    function = obj.definition.constraints[0].function
    assert problem.code == "broken-definition"
    assert problem.summary.startswith(f"the function {function} of a constraint cannot be imported: ")
    assert "no_such" in problem.summary.partition(": ")[2]
    assert problem.remedy == "install the package that has it, or correct the definition"


def test_a_function_is_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    obj = probe(word="a", count="4")
    asked = Judge(probes(), Objects([obj]), evaluate_defaults)
    before = asked.judge(obj).problems
    monkeypatch.delattr("tests.objects.probes.remarks")
    assert before
    assert asked.judge(obj).problems == before


# -- what it refers to ------------------------------------------------------------------------------------------------


def complaints(obj: ManagedObject, *others: ManagedObject) -> list[Mapping[str, Any]]:
    asked = judge(obj, *others)
    return [fields(problem) for problem in asked.check_references(asked.judge(obj))]


def disabled(name: str, target: str, why: str) -> dict[str, Any]:
    return violated(
        f'{name} names "{target}", which is disabled',
        property=name,
        value=target,
        detail=f"/store/{target} {why.format(user='/queue/jobs')}",
        remedy=f"enable /store/{target} first: set its enabled to true, or name an enabled one",
    )


def absent(name: str, kind: str, target: str, there: str) -> dict[str, Any]:
    remedy = f'create the {kind.lower()} "{target}" first, or name an existing one'
    return violated(
        f'{name} names the {kind} "{target}", which does not exist',
        property=name,
        value=target,
        detail=there,
        remedy=remedy,
    )


NEEDED = "must be enabled while this holds for {user}: enabled is true and (not (spill-store is set))"
ALWAYS = "must always be enabled"


@pytest.mark.parametrize(
    ("values", "problems"),
    [
        (RIGHT, []),
        ({"enabled": "true", "store": "two"}, [disabled("store", "two", NEEDED)]),
        # not needed enabled: the queue is disabled, or spills; or it is not known
        ({"enabled": "false", "store": "two"}, []),
        ({"enabled": "true", "store": "two", "spill_store": "one"}, []),
        ({"enabled": "&{no.x}", "store": "two"}, []),
        ({"enabled": "true", "store": "one", "spill_store": "two"}, [disabled("spill-store", "two", ALWAYS)]),
        (
            {"enabled": "true", "store": "three", "watch": ("jobs", "gone")},
            [
                absent("store", "Store", "three", "there are: one, two"),
                absent("watch", "Queue", "gone", "there are: jobs"),
            ],
        ),
        # a value that is wrong, or not known, is no reference
        ({"enabled": "true", "store": "&{no.x}"}, []),
        ({"enabled": "true", "store": ("three", "four")}, []),
    ],
)
def test_what_is_wrong_with_references(values: dict[str, Any], problems: list[dict[str, Any]]) -> None:
    assert complaints(queue(**values), ONE, TWO) == problems


@pytest.mark.parametrize(
    ("count", "name", "there"),
    [
        (0, "x", "there is no Store yet"),
        (2, "x", "there are: shelf-0, shelf-1"),
        (20, "x", "there are: " + ", ".join(sorted(f"shelf-{number}" for number in range(20)))),
        (21, "x", "there are 21 others"),
        (21, "shefl-7", 'did you mean "shelf-7"?'),
    ],
)
def test_few_names_are_listed_of_many_the_nearest_is_offered(count: int, name: str, there: str) -> None:
    stores = [made(f"/store/shelf-{number}", enabled="true", location="/") for number in range(count)]
    assert complaints(queue(enabled="true", store=name), *stores) == [absent("store", "Store", name, there)]


def test_a_name_is_looked_for_among_its_own_kind() -> None:
    obj = queue(enabled="true", store="jobs", watch="jobs")
    assert complaints(obj, ONE) == [absent("store", "Store", "jobs", "there are: one")]


def test_a_missing_target_can_be_created() -> None:
    asked = judge(queue(enabled="true", store="three"), ONE)
    [problem] = asked.check_references(asked.judge(queue(enabled="true", store="three")))
    assert problem.remedy[0] == RemedyAction("create", "store", "store-name", "three")


class Counting(Objects):
    """A world that notes what is asked of it."""

    def __init__(self, objects: Iterable[ManagedObject]) -> None:
        super().__init__(objects)
        self.asked: list[str] = []

    def find(self, path: ManagedObjectPath) -> ManagedObject | None:
        self.asked.append(str(path))
        return super().find(path)

    def members(self, relation: Relation, parent: ManagedObjectPath) -> list[ManagedObject]:
        self.asked.append(relation.name)
        return super().members(relation, parent)


def test_what_many_objects_name_is_looked_for_once() -> None:
    queues = [made(f"/queue/q{number}", enabled="true", store="one") for number in range(3)]
    world = Counting([ONE, *queues])
    asked = Judge(depot(), world, evaluate_defaults)
    for obj in queues:
        assert list(asked.check_references(asked.judge(obj))) == []
    assert world.asked.count("/store/one") == 1


def test_the_users_of_many_objects_are_looked_for_once() -> None:
    world = Counting([ONE, TWO, queue(**RIGHT)])
    asked = Judge(depot(), world, evaluate_defaults)
    assert [len(list(asked.users(store.path))) for store in (ONE, TWO, ONE)] == [1, 0, 1]
    assert world.asked == ["gateway", "queue", "queue", "store"]  # once for each property that refers to stores


def demanded(obj: ManagedObject, *relations: str) -> list[tuple[str, str, bool]]:
    found = judge(obj, ONE, TWO).find_demands(obj, relations)
    names = {id(one): prop.name for prop in obj.definition.properties.values() for one in prop.references}
    return [(names[id(each[0])], str(each[1]), each[2]) for each in found]


@pytest.mark.parametrize(
    ("values", "needed"),
    [
        ({"enabled": "true", "store": "two"}, True),
        ({"enabled": "false", "store": "two"}, False),
        ({"enabled": "&{no.x}", "store": "two"}, True),
    ],
)
def test_what_an_object_demands(values: dict[str, str], needed: bool) -> None:
    assert demanded(queue(**values), "store") == [("store", "/store/two", needed)]


def test_demands_are_those_of_the_asked_relations() -> None:
    obj = queue(enabled="true", store="one", spill_store="two", watch=("a", "b"))
    assert demanded(obj, "queue") == [("watch", "/queue/a", False), ("watch", "/queue/b", False)]
    assert demanded(obj, "store", "queue") == [
        ("store", "/store/one", False),
        ("spill-store", "/store/two", True),
        ("watch", "/queue/a", False),
        ("watch", "/queue/b", False),
    ]
    assert demanded(obj) == []


def test_whether_a_target_is_enabled_enough() -> None:
    unknown = made("/store/three", enabled="&{no.x}")
    obj = queue()
    asked = judge(obj, ONE, TWO, unknown)
    (store_reference,), (watch_reference,) = (prop(obj, name).references for name in ("store", "watch"))
    assert [asked.is_enough(store, store_reference) for store in (ONE, TWO, unknown)] == [True, False, True]
    assert asked.is_enough(TWO, watch_reference)


@pytest.mark.parametrize(
    ("path", "type_name", "values", "enabled"),
    [
        ("/queue/jobs", "", {"enabled": "true"}, True),
        ("/queue/jobs", "", {"enabled": "false"}, False),
        ("/queue/jobs", "", {"enabled": "&{no.x}"}, None),
        ("/gateway/door", "", {}, True),
        ("/queue/jobs", "mirrored-disk-queue", {"enabled": "true"}, False),
        ("/queue/jobs", "mirrored-disk-queue", {"enabled": "true", "mirror": "/m"}, True),
    ],
)
def test_whether_an_object_is_enabled(path: str, type_name: str, values: dict[str, str], enabled: bool | None) -> None:
    obj = made(path, type_name, **values)
    asked = judge(obj)
    assert asked.is_enabled(asked.judge(obj)) is enabled


# -- what refers to it ------------------------------------------------------------------------------------------------


def users(target: ManagedObject, *others: ManagedObject) -> list[tuple[str, str, bool, bool | None]]:
    asked = judge(target, *others)
    once, again = (
        [(u.property.name, str(u.object.path), u.sure, u.needs) for u in asked.users(target.path)] for _ in "12"
    )
    assert once == again
    return once


def test_who_refers_to_an_object_and_who_may() -> None:
    assert users(
        TWO,
        ONE,
        made("/queue/a", enabled="true", store="two", spill_store="one"),
        made("/queue/b", enabled="true", store="two"),
        made("/queue/c", enabled="&{no.x}", store="two"),
        made("/queue/d", enabled="true", store="&{no.x}"),
        made("/queue/e", enabled="true", store="&{no.x|two}"),
        made("/queue/f", enabled="true", store="one", spill_store="two"),
        made("/queue/g", enabled="true", store="&{no.x|one}"),
        made("/store/three", enabled="true", standby="two"),
    ) == [
        ("store", "/queue/a", True, False),
        ("store", "/queue/b", True, True),
        ("store", "/queue/c", True, None),
        ("store", "/queue/e", True, True),
        ("spill-store", "/queue/f", True, True),
        ("standby", "/store/three", True, False),
        ("store", "/queue/d", False, None),
        ("store", "/queue/g", False, None),
    ]


def test_an_object_that_nobody_names_has_no_users() -> None:
    assert users(made("/gateway/door")) == []
    assert users(ONE, made("/queue/a", enabled="true", store="two")) == []


def harmed(*queues: ManagedObject, store: ManagedObject = TWO) -> list[Mapping[str, Any]]:
    asked = judge(ONE, store, *queues)
    return [fields(problem) for problem in asked.check_users(asked.judge(store))]


def harm(user: str, name: str, why: str) -> dict[str, Any]:
    disabling = f"disable {user} first: set its enabled to false, or change its {name} to another object"
    return {
        "code": "constraint-violated",
        "summary": f'the Store "two" cannot be disabled: {user} needs it ({name})',
        "path": "/store/two",
        "detail": f"/store/two {why.format(user=user)}",
        "remedy": disabling if why != ALWAYS else f"change {name} of {user} to another object first",
        "argument": "two",
    }


def test_whom_it_harms_that_an_object_is_disabled() -> None:
    assert harmed(
        made("/queue/a", enabled="true", store="two", spill_store="one"),
        made("/queue/b", enabled="true", store="two"),
        made("/queue/c", enabled="&{no.x}", store="two"),
        made("/queue/d", enabled="true", store="&{no.x}"),
        made("/queue/f", enabled="true", store="one", spill_store="two"),
        made("/store/three", enabled="true", standby="two"),
    ) == [harm("/queue/b", "store", NEEDED), harm("/queue/f", "spill-store", ALWAYS)]


@pytest.mark.parametrize("enabled", ["true", "&{no.x}"])
def test_nobody_is_harmed_by_what_is_enabled_or_may_be(enabled: str) -> None:
    store = made("/store/two", enabled=enabled, location="/var/two")
    assert harmed(made("/queue/b", enabled="true", store="two"), store=store) == []


NOWHERE = made("/store/two", enabled="true", location="/dev/null")


def test_a_constraint_that_looks_at_another_object_is_judged_from_both_ends() -> None:
    queue = made("/queue/a", enabled="true", store="two")
    problem = {
        "code": "constraint-violated",
        "summary": "nothing is kept in /dev/null",
        "path": "/queue/a",
        "property": "store",
        "constraint": "store-keeps-jobs",
        "remedy": "Choose another store.",
    }
    assert [fields(one) for one in judge(NOWHERE, queue).judge(queue).errors] == [problem]
    others = made("/queue/b", enabled="true", store="one"), made("/queue/c", enabled="true", spill_store="two")
    assert harmed(queue, *others, store=NOWHERE) == [problem]
    assert harmed(*others, store=NOWHERE) == harmed(queue, *others, store=TWO.replace(values=ONE.values)) == []
    unknown = made("/store/two", enabled="true", location="&{no.where}")
    assert not judge(unknown, queue).judge(queue).errors
    assert not judge(queue).judge(queue).errors  # that there is no such store is another rule


def test_a_constraint_sees_only_what_it_says_that_it_looks_at() -> None:
    queue = made("/queue/a", enabled="true", store="two")
    asked = judge(TWO, queue)
    with pytest.raises(KeyError):
        next(TypedView(asked.judge(queue), asked, ("spill-store",)).targets("store"))


# -- who there is -----------------------------------------------------------------------------------------------------

TREE = (
    made("/depot-settings"),
    made("/queue/a", "memory-queue"),
    made("/queue/b"),
    made("/queue/c", "mirrored-disk-queue"),
    made("/queue/b/consumer/x"),
    made("/queue/c/consumer/y"),
    made("/queue/b/consumer/x/retry-rule/r"),
    made("/queue/c/consumer/y/retry-rule/s", "retry-rule"),
)


@pytest.mark.parametrize(
    ("type_name", "paths"),
    [
        ("queue", ["/queue/a", "/queue/b", "/queue/c"]),
        ("disk-queue", ["/queue/b", "/queue/c"]),
        ("mirrored-disk-queue", ["/queue/c"]),
        ("consumer", ["/queue/b/consumer/x", "/queue/c/consumer/y"]),
        ("fixed-retry-rule", ["/queue/b/consumer/x/retry-rule/r"]),
        ("retry-rule", ["/queue/b/consumer/x/retry-rule/r", "/queue/c/consumer/y/retry-rule/s"]),
        ("depot-settings", ["/depot-settings"]),
        ("gateway", []),
    ],
)
def test_the_objects_of_a_type_wherever_they_hang(type_name: str, paths: list[str]) -> None:
    assert [str(obj.path) for obj in judge(*TREE).instances(type_name)] == paths


def test_the_objects_of_a_relation_below_all_parents() -> None:
    found = all_members(depot(), Objects(TREE), "retry-rule")
    assert [str(obj.path) for obj in found] == ["/queue/b/consumer/x/retry-rule/r", "/queue/c/consumer/y/retry-rule/s"]


def test_a_condition_is_adapted_to_each_type_once() -> None:
    asked = judge()
    conditions = [build_condition({"contains": ["enabled", text]}, lambda _, text: text) for text in ("true", "false")]
    for target in (made("/queue/a"), made("/queue/b", "memory-queue")):
        for condition in conditions:
            adapted = asked._adapt(condition, target)
            assert adapted.source == condition.source
            assert asked._adapt(condition, target) is adapted


def test_a_constraint_in_python_sees_the_values_that_are_valid() -> None:
    settings = made("/depot-settings", batch_size="many", site_name="x")
    asked = judge(settings)
    view = TypedView(asked.judge(settings), asked)
    assert (view.known("batch-size"), view.known("site-name")) == ((), ("x",))
    assert view.open_texts("site-name") == ()
