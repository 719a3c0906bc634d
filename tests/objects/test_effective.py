"""Effective objects: typed values, their origins, what they refer to, and what is said of names that are not there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from confobjects.definitions import View
from confobjects.definitions.allowance import AllowedCode
from confobjects.diagnostics import Diagnostic
from confobjects.errors import ConfobjectsError, DefinitionError, NoSuchObjectError, UnknownNameError
from confobjects.expressions import Found, NotFound
from confobjects.objects.effective import EffectiveConfiguration, EffectiveObject, _run_view
from confobjects.objects.evaluating import make_evaluator
from tests.definitions.documents import depot
from tests.objects.depot import fields, judge, made

EVALUATE = make_evaluator(lambda need: {"t.x": Found(("canary",), "file f")}.get(str(need), NotFound()))
OBJECTS = (
    made("/queue/b", enabled="true", store="one", watch=("a", "b"), serial="6"),
    made("/queue/a", "memory-queue", enabled="false", checksum="crc32"),
    made("/store/one", enabled="true", location="/var/one", standby="two"),
    made("/store/two", enabled="true", location="/var/two", standby="three"),
    made("/queue/b/consumer/mail", channel="mail"),
    made("/gateway/door", token="&{t.x}", option=("colour=red", "token=&{t.x}"), listen_address="H.example.com"),
    made("/depot-settings", batch_size="070"),
)


WARNING = Diagnostic("constraint-violated", "a warning", severity="warning")


@pytest.fixture
def config() -> EffectiveConfiguration:
    asked = judge(*OBJECTS, evaluate=EVALUATE)
    judged = {obj.path: asked.judge(obj) for obj in OBJECTS}
    return EffectiveConfiguration(depot(), judged, asked.find_targets, (WARNING,), "/etc/depot", lambda dn: [dn])


def refused(call: Callable[[], Any]) -> tuple[type[ConfobjectsError], dict[str, Any]]:
    with pytest.raises(ConfobjectsError) as caught:
        call()
    (problem,) = caught.value.diagnostics
    return type(caught.value), dict(fields(problem))


# -- a configuration --------------------------------------------------------------------------------------------------


def test_texts_of_secrets_are_masked(config: EffectiveConfiguration) -> None:
    door = config["gateway", "door"]
    assert door.masked_texts("option") == ("colour=red", "token=********")
    assert door.masked_texts("token") == ("********",)
    assert "option=('colour=red', 'token=********')" in repr(door)


@pytest.mark.parametrize(
    ("key", "is_there"),
    [
        ("depot-settings", True),
        (("depot-settings",), True),
        (("queue", "b"), True),
        (("queue", "c"), False),
        ("queue", False),
        ("watchman", False),
        ("nonsense", False),
        ((), False),
        (("queue", 1), False),
        (["queue", "b"], False),
        (7, False),
        (None, False),
        (depot().parse_path("/queue/b"), True),
        (depot().parse_path("/queue/c"), False),
    ],
    ids=repr,
)
def test_a_configuration_tells_what_is_in_it(config: EffectiveConfiguration, key: object, is_there: bool) -> None:
    assert (key in config) is is_there


@pytest.mark.parametrize("is_remote", [False, True])
def test_code_of_a_configuration_from_elsewhere_has_to_be_allowed(is_remote: bool) -> None:
    obj = EffectiveConfiguration(depot(), {}, None, (), "/etc/depot", is_remote=is_remote)
    assert obj.is_remote is is_remote
    assert EffectiveConfiguration(depot(), {}, None, (), "/etc/depot").is_remote is False


def test_objects_are_found_by_kind_and_names(config: EffectiveConfiguration) -> None:
    assert config["queue", "b"].path == "/queue/b"
    assert config["consumer", "b", "mail"].path == "/queue/b/consumer/mail"
    assert config["consumer", ("b", "mail")].path == "/queue/b/consumer/mail"
    assert config["queue", ("b",)].path == "/queue/b"
    assert config["depot-settings", ()].path == "/depot-settings"
    assert config["depot-settings"].path == config["depot-settings",].path == "/depot-settings"
    assert config.at(depot().parse_path("/store/one")).path == "/store/one"


def test_the_objects_are_sorted_by_path(config: EffectiveConfiguration) -> None:
    paths = [str(path) for path in sorted(obj.path for obj in OBJECTS)]
    assert [obj.path for obj in config] == paths
    assert len(config) == len(OBJECTS) == 7
    assert [obj.path for obj in config.of("queue")] == ["/queue/a", "/queue/b"]
    assert config.of("depot-codec") == ()
    assert depot().parse_path("/queue/a") in config
    assert depot().parse_path("/queue/c") not in config
    assert ("queue", "a") in config
    assert ("queue", " A ") in config  # names are compared as in a look-up
    for key in (("queue", "c"), ("queue",), "queue", ("queue", "a", "b"), ("kveve", "a"), (), ("queue", 1), 1, None):
        assert key not in config


def test_an_object_knows_its_names(config: EffectiveConfiguration) -> None:
    queue, settings = config["queue", "a"], config["depot-settings"]
    assert (queue.path, queue.name, queue.kind, queue.type) == ("/queue/a", "a", "queue", "memory-queue")
    assert (settings.path, settings.name, settings.kind, settings.type) == (
        "/depot-settings",
        "",
        "depot-settings",
        "depot-settings",
    )
    assert queue.instance_directory == config.instance_directory == "/etc/depot"
    assert queue.entries is config.entries
    assert config.entries is not None
    assert list(config.entries("cn=x")) == ["cn=x"]
    assert config.warnings == (WARNING,)
    assert config.registry is depot()


@pytest.mark.parametrize(
    ("path", "remedy"), [("/queue/aa", 'did you mean "/queue/a"?'), ("/queue/completely-different", "")]
)
def test_an_object_that_is_not_there(config: EffectiveConfiguration, path: str, remedy: str) -> None:
    expected = {"code": "no-such-object", "summary": f"there is no object {path}", "path": path}
    if remedy:
        expected["remedy"] = remedy
    assert refused(lambda: config.at(depot().parse_path(path))) == (NoSuchObjectError, expected)


def test_the_nearest_path_is_one_of_the_same_kind(config: EffectiveConfiguration) -> None:
    _, problem = refused(lambda: config["store", "b"])
    assert "queue" not in problem.get("remedy", "")


def test_a_kind_that_is_not_there(config: EffectiveConfiguration) -> None:
    error, problem = refused(lambda: config.of("queues-of-another-kind"))
    assert error is UnknownNameError
    assert "queues-of-another-kind" in problem["summary"]


# -- its values -------------------------------------------------------------------------------------------------------


def test_values_have_the_types_of_their_syntaxes(config: EffectiveConfiguration) -> None:
    queue = config["queue", "b"]
    assert queue["enabled"] is True
    assert queue["priority"] == 0
    assert queue["checksum"] == ("crc32", "sha-256")
    assert queue["batch-size"] == 70
    assert queue["spill-store"] is None
    assert config["queue", "a"]["watch"] == ()
    assert "priority" in queue
    assert "segment" not in queue
    assert list(queue) == list(depot().definition("disk-queue").properties)


def test_a_value_or_a_default_of_the_caller(config: EffectiveConfiguration) -> None:
    queue = config["queue", "b"]
    default = object()
    assert queue.get("serial", default) == 6
    assert queue.get("checksum", default) == ("crc32", "sha-256")
    assert config["queue", "a"].get("enabled", default) is False
    for name in ("spill-store", "no-such-property"):
        assert queue.get(name, default) is default
        assert queue.get(name) is None
    assert config["queue", "a"].get("watch", default) is default


def test_texts_are_in_canonical_form(config: EffectiveConfiguration) -> None:
    assert config["queue", "b"].texts("watch") == ("a", "b")
    assert config["queue", "b"].texts("spill-store") == ()
    assert config["depot-settings"].texts("batch-size") == ("70",)
    assert config["gateway", "door"].texts("token") == ("canary",)


@pytest.mark.parametrize(
    ("kind", "name", "prop", "origin"),
    [
        ("queue", "b", "serial", "stored"),
        ("queue", "b", "watch", "stored"),
        ("queue", "b", "checksum", "default"),
        ("queue", "b", "batch-size", "inherited from /depot-settings"),
        ("queue", "b", "spill-store", "none"),
        ("gateway", "door", "token", "file f"),
        ("gateway", "door", "option", "stored, file f"),
    ],
)
def test_where_a_value_comes_from(config: EffectiveConfiguration, kind: str, name: str, prop: str, origin: str) -> None:
    assert config[kind, name].origin(prop) == origin


def test_what_is_a_secret(config: EffectiveConfiguration) -> None:
    assert config["gateway", "door"].is_secret("token")
    assert not config["gateway", "door"].is_secret("option")


@pytest.mark.parametrize(
    "ask",
    [
        lambda obj: obj["prioriti"],
        lambda obj: obj.texts("prioriti"),
        lambda obj: obj.origin("prioriti"),
        lambda obj: obj.is_secret("prioriti"),
        lambda obj: obj.reference("prioriti"),
    ],
)
def test_a_property_that_is_not_there(config: EffectiveConfiguration, ask: Callable[[EffectiveObject], Any]) -> None:
    assert refused(lambda: ask(config["queue", "b"])) == (
        UnknownNameError,
        {
            "code": "unknown-name",
            "summary": 'Disk Queue has no property "prioriti"',
            "path": "/queue/b",
            "remedy": 'did you mean "priority"?',
        },
    )


def test_a_representation_masks_secrets_and_leaves_out_what_has_no_value() -> None:
    obj = made("/gateway/door", token="canary", operator="ann@example.com")
    asked = judge(obj)
    config = EffectiveConfiguration(depot(), {obj.path: asked.judge(obj)}, asked.find_targets, (), ".")
    door = config["gateway", "door"]
    assert repr(door) == (
        f"</gateway/door listen-port=8443, operator={door['operator']!r}, connections={door['connections']!r}, "
        "token='********'>"
    )
    assert config.entries is None


# -- what it refers to ------------------------------------------------------------------------------------------------


def test_references_are_objects(config: EffectiveConfiguration) -> None:
    queue = config["queue", "b"]
    assert [obj.path for obj in queue.references("watch")] == ["/queue/a", "/queue/b"]
    first = queue.reference("watch")
    assert first is not None
    assert first.path == "/queue/a"
    assert queue.references("spill-store") == ()
    assert queue.reference("spill-store") is None


def test_a_property_that_is_no_reference(config: EffectiveConfiguration) -> None:
    assert refused(lambda: config["queue", "b"].references("priority")) == (
        UnknownNameError,
        {"code": "unknown-name", "summary": "priority is not a reference", "path": "/queue/b"},
    )


# -- views ------------------------------------------------------------------------------------------------------------


def test_a_view_is_worked_out_by_its_function(config: EffectiveConfiguration) -> None:
    (view,) = config["queue", "b"].views()
    assert (view.name, view.synopsis) == ("sums", "What the numbers come to.")
    assert view.rows == (("twice", "12", "serial (stored)"),)
    assert view.problems == ()
    assert config["queue", "a"].views() == ()


def test_a_view_may_have_remarks() -> None:
    obj = made("/queue/b", enabled="true")
    asked = judge(obj)
    (view,) = (
        EffectiveConfiguration(depot(), {obj.path: asked.judge(obj)}, asked.find_targets, (), ".").at(obj.path).views()
    )
    assert view.rows == ()
    assert [problem.summary for problem in view.problems] == ["there is no serial number to double"]


@pytest.mark.parametrize("function", ["no_such_module:x", "tests.definitions.functions:no_such"])
def test_a_view_whose_function_is_not_there_is_a_broken_definition(
    config: EffectiveConfiguration, function: str
) -> None:
    allowed = AllowedCode(modules=frozenset({function.partition(":")[0]}))
    error, problem = refused(lambda: _run_view(View("x", "X.", function), config["queue", "b"], allowed))
    assert error is DefinitionError
    said, _, why = problem.pop("summary").partition(" of a view cannot be imported: ")
    assert said == f"the function {function}"
    assert "no_such" in why
    assert problem == {
        "code": "broken-definition",
        "remedy": "install the package that has it, or correct the definition",
    }
