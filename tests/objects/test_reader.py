"""How a property is read: stored or by default, inherited, evaluated, parsed, and what of it may be shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from confobjects.expressions import Failed, Found, Need, NotFound
from confobjects.objects.changes import stored_form
from confobjects.objects.evaluating import evaluate_defaults, make_evaluator
from confobjects.objects.model import ManagedObject, Reading
from confobjects.objects.protocols import Evaluator
from confobjects.objects.reading import PropertyReader, mask_secret, mask_value, value_problem
from confobjects.syntaxes import ValueSyntaxError
from tests.objects.depot import Objects, fields, made, prop, reader
from tests.objects.probes import probes

SETTINGS = made("/depot-settings", batch_size="70")
QUEUE = made("/queue/jobs", enabled="true")
CONSUMER = made("/queue/jobs/consumer/mail")
RULE = made("/queue/jobs/consumer/mail/retry-rule/later")

# -- where a value comes from -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("obj", "name", "others", "texts", "origin"),
    [
        (made("/queue/jobs", priority="3"), "priority", [], ("3",), "stored"),
        (QUEUE, "priority", [], ("0",), "default"),
        (QUEUE, "checksum", [], ("crc32", "sha-256"), "default"),
        (QUEUE, "watch", [], (), "none"),
        (QUEUE, "serial", [], (), "none"),
        # an absolute path
        (QUEUE, "batch-size", [SETTINGS], ("70",), "inherited from /depot-settings"),
        (QUEUE, "batch-size", [made("/depot-settings")], ("50",), "inherited from /depot-settings"),
        (QUEUE, "batch-size", [], (), "none"),
        # the parent, and the parent's parent
        (CONSUMER, "batch-size", [QUEUE, SETTINGS], ("70",), "inherited from /depot-settings"),
        (CONSUMER, "batch-size", [made("/queue/jobs", batch_size="7"), SETTINGS], ("7",), "inherited from /queue/jobs"),
        (CONSUMER, "batch-size", [SETTINGS], (), "none"),
        (RULE, "give-up", [CONSUMER, made("/queue/jobs", time_to_live="2 h")], ("2 h",), "inherited from /queue/jobs"),
        (RULE, "give-up", [CONSUMER, QUEUE], ("1 d",), "inherited from /queue/jobs"),
        (RULE, "give-up", [], (), "none"),
        # the object itself, as it is being read and not as the world has it
        (
            made("/queue/jobs/consumer/mail", batch_size="9"),
            "prefetch",
            [CONSUMER, QUEUE, SETTINGS],
            ("9",),
            "inherited from /queue/jobs/consumer/mail",
        ),
    ],
)
def test_the_current_texts_and_where_they_come_from(
    obj: ManagedObject, name: str, others: list[ManagedObject], texts: tuple[str, ...], origin: str
) -> None:
    found = reader(*others)
    assert found.read_current(obj, prop(obj, name)) == (texts, origin)
    reading = found.read(obj, prop(obj, name))
    assert (reading.texts, reading.origin) == (texts, origin)
    assert (reading.values, reading.origins) == (texts, (origin,) * len(texts))
    assert (reading.problems, reading.deferred) == ((), ())


def test_what_a_default_is_inherited_from() -> None:
    found = reader(SETTINGS, QUEUE, CONSUMER)
    steps = found.trace_inheritance(CONSUMER, prop(CONSUMER, "prefetch"))
    assert [(str(step[0].path), step[1].name) for step in steps] == [
        ("/queue/jobs/consumer/mail", "batch-size"),
        ("/queue/jobs", "batch-size"),
        ("/depot-settings", "batch-size"),
    ]
    near = reader(SETTINGS, made("/queue/jobs", batch_size="7"), CONSUMER)
    assert [str(step[0].path) for step in near.trace_inheritance(CONSUMER, prop(CONSUMER, "batch-size"))] == [
        "/queue/jobs"
    ]
    assert list(found.trace_inheritance(QUEUE, prop(QUEUE, "priority"))) == []


def test_an_owner_without_the_property_gives_nothing() -> None:
    lacking = ManagedObject(QUEUE.path, made("/store/one").definition, {"batch-size": ("3",)})
    assert reader(lacking).read_default(CONSUMER, prop(CONSUMER, "batch-size")) == ((), "none")


def test_a_chain_that_comes_back_to_itself_has_no_value() -> None:
    definition = probes().definition("probe")
    obj = ManagedObject(probes().parse_path("/probe/one"), definition, {})
    found = PropertyReader(probes(), Objects([obj]), evaluate_defaults)
    assert found.read_default(obj, definition.properties["first"]) == ((), "none")
    steps = found.trace_inheritance(obj, definition.properties["first"])
    assert [step[1].name for step in steps] == ["second", "first"]
    valued = ManagedObject(obj.path, definition, {"second": ("5",)})
    assert found.read_default(valued, definition.properties["first"]) == (("5",), "inherited from /probe/one")


def test_a_default_is_read_once_and_an_inherited_one_each_time() -> None:
    found = reader(SETTINGS, QUEUE)
    other = made("/queue/other", batch_size="7")
    assert found.read(QUEUE, prop(QUEUE, "priority")) is found.read(other, prop(other, "priority"))
    assert found.read(QUEUE, prop(QUEUE, "batch-size")).typed == (70,)
    assert found.read(other, prop(other, "batch-size")).typed == (7,)
    obj, rest = made("/queue/jobs/consumer/mail"), made("/queue/other/consumer/mail")
    mixed = reader(SETTINGS, QUEUE, other)
    assert mixed.read(obj, prop(obj, "batch-size")).typed == (70,)
    assert mixed.read(rest, prop(rest, "batch-size")).typed == (7,)


# -- what it comes to -------------------------------------------------------------------------------------------------

SOURCES: dict[str, Found | Failed] = {
    "l.c": Found(("none, crc32",), "a variable", splittable=True),
    "bad.x": Found(("nix",), "a file"),
    "f.x": Failed("cannot be read", "change its mode"),
}


def provide(need: Need) -> Found | NotFound | Failed:
    return SOURCES.get(str(need), NotFound(("here", "there")))


START: Evaluator = make_evaluator(provide)


def read(evaluate: Evaluator, name: str, *texts: str) -> Reading:
    obj = made("/queue/jobs", **{name: texts})
    return reader(obj, evaluate=evaluate).read(obj, prop(obj, name))


@pytest.mark.parametrize(
    ("evaluate", "texts", "values", "origins", "deferred"),
    [
        (START, ("&{l.c}",), ("none", "crc32"), ("a variable", "a variable"), ()),
        (START, ("sha-256", "&{l.c}"), ("sha-256", "none", "crc32"), ("stored", "a variable", "a variable"), ()),
        (START, ("&{no.x|crc32}", "none"), ("crc32", "none"), ("default in the expression", "stored"), ()),
        (START, (r"\&{l.c}",), (r"&{l.c}",), ("stored",), ()),
        (evaluate_defaults, ("&{no.x|crc32}",), ("crc32",), ("default in the expression",), ("&{no.x|crc32}",)),
        (evaluate_defaults, ("crc32", "&{l.c}"), ("crc32",), ("stored",), ("&{l.c}",)),
        (evaluate_defaults, ("&{l.c}", "crc32"), ("crc32",), ("stored",), ("&{l.c}",)),
    ],
)
def test_what_the_expressions_of_a_property_come_to(
    evaluate: Evaluator,
    texts: tuple[str, ...],
    values: tuple[str, ...],
    origins: tuple[str, ...],
    deferred: Sequence[str],
) -> None:
    reading = read(evaluate, "checksum", *texts)
    assert (reading.texts, reading.origin) == (texts, "stored")
    assert (reading.values, reading.origins, reading.deferred) == (values, origins, deferred)
    right = "&{l.c}" not in (*values, *deferred)
    assert reading.typed == (values if right else None)
    assert reading.normals == (frozenset(values) if right else None)


CHECKSUM = {"code": "invalid-value", "path": "/queue/jobs", "property": "checksum"}
EXPECTED = "expected: none, crc32 or sha-256"


@pytest.mark.parametrize(
    ("texts", "problems", "deferred"),
    [
        (("nun",), [{"summary": '"nun" is unknown', "value": "nun", "detail": EXPECTED}], ()),
        (
            ("sha-256", "&{bad.x}"),
            [
                {
                    "summary": '"nix" is unknown',
                    "value": "nix",
                    "detail": EXPECTED,
                    "more": ("the value came from a file",),
                }
            ],
            (),
        ),
        (
            ("&{no.x}", "nun"),
            [
                {
                    "code": "unresolved-expression",
                    "summary": '"no.x" has no value',
                    "value": "&{no.x}",
                    "detail": "looked in: here; there",
                    "remedy": "provide it in one of these, or give the expression a default",
                    "excerpt": "&{no.x}",
                    "span": (0, 7),
                },
                {"summary": '"nun" is unknown', "value": "nun", "detail": EXPECTED},
            ],
            ("&{no.x}",),
        ),
        (
            ("crc32", "&{f.x}"),
            [
                {
                    "summary": "cannot be read",
                    "value": "&{f.x}",
                    "remedy": "change its mode",
                    "excerpt": "&{f.x}",
                    "span": (0, 6),
                }
            ],
            ("&{f.x}",),
        ),
        (
            ("crc32", "CRC32", "none", "Crc32"),
            [
                {"summary": f"the value '{text}' repeats 'crc32'", "value": text, "remedy": "give each only once"}
                for text in ("CRC32", "Crc32")
            ],
            (),
        ),
        (
            ("&{no.x|crc32}", "CRC32"),
            [{"summary": "the value 'CRC32' repeats 'crc32'", "value": "CRC32", "remedy": "give each only once"}],
            (),
        ),
    ],
)
def test_what_is_wrong_with_values(
    texts: tuple[str, ...], problems: list[dict[str, Any]], deferred: tuple[str, ...]
) -> None:
    reading = read(START, "checksum", *texts)
    assert [fields(problem) for problem in reading.problems] == [{**CHECKSUM, **problem} for problem in problems]
    assert (reading.typed, reading.normals, reading.deferred) == (None, None, deferred)
    assert reading.texts == texts


def test_a_property_takes_one_value_unless_it_is_multi_valued() -> None:
    reading = read(START, "priority", "1", "2")
    assert reading.typed is None
    assert [fields(problem) for problem in reading.problems] == [
        {
            "code": "invalid-value",
            "summary": "priority takes one value, but has 2",
            "path": "/queue/jobs",
            "property": "priority",
            "remedy": "keep one of them: 1, 2",
        }
    ]
    assert read(START, "priority", "1").typed == (1,)


def test_a_list_is_not_asked_of_a_property_with_one_value() -> None:
    reading = read(START, "priority", "&{l.c}")
    assert [problem.summary for problem in reading.problems] == ['"none, crc32" is not a whole number']


def test_a_default_that_is_wrong_is_told_of_each_object() -> None:
    found = reader(made("/depot-settings", batch_size="many"), QUEUE)
    for obj in (QUEUE, made("/queue/other")):
        (problem,) = found.read(obj, prop(obj, "batch-size")).problems
        assert (problem.path, problem.value) == (str(obj.path), "many")
        assert problem.more == ("the value came from inherited from /depot-settings",)


# -- what may be shown ------------------------------------------------------------------------------------------------

DOOR = made("/gateway/door")


@pytest.mark.parametrize(
    ("name", "text", "seen"),
    [
        ("operator", "ann@example.com", "ann@example.com"),
        ("operator", "&{no.x|ann@example.com}", "&{no.x|ann@example.com}"),
        ("token", "canary", "********"),
        ("token", "&{no.x}", "&{no.x}"),
        ("token", "&{no.x|canary}", "&{no.x|********}"),
        ("token", "a&{no.x}", "********"),
        ("token", "&{canary", "********"),
        ("option", "colour=red", "colour=red"),
        ("option", "token=canary", "token=********"),
        ("option", "token=&{no.x|canary}", "token=&{no.x|********}"),
    ],
)
def test_a_secret_is_not_shown(name: str, text: str, seen: str) -> None:
    assert mask_secret(prop(DOOR, name), text) == seen


@pytest.mark.parametrize(
    ("name", "text", "seen"),
    [
        ("operator", "&{ann@example.com", "&{ann@example.com"),
        ("token", "canary", "********"),
        ("token", "&{canary}", "********"),
        ("option", "colour=red", "colour=red"),
        ("option", "token=canary", "token=********"),
        ("option", "token=&{canary}", "token=********"),
    ],
)
def test_of_an_effective_secret_nothing_is_shown(name: str, text: str, seen: str) -> None:
    assert mask_value(prop(DOOR, name), text) == seen


def test_a_secret_among_values_that_are_shown_is_refused_in_clear() -> None:
    obj = made("/gateway/door", option=("colour=red", "token=canary"))
    reading = reader(obj).read(obj, prop(obj, "option"))
    assert (reading.texts, reading.values) == (("colour=red", "token=canary"),) * 2
    assert (reading.origin, reading.origins, reading.typed) == ("stored", ("stored", "stored"), None)
    assert [fields(problem) for problem in reading.problems] == [
        {
            "code": "invalid-value",
            "summary": "the value of token is a secret, but is given in clear text",
            "path": "/gateway/door",
            "property": "option",
            "value": "token=********",
            "remedy": "give it as an expression without a default: 'token=&{token}' or 'token=&{file:secrets/pin}'",
        }
    ]


@pytest.mark.parametrize("text", ["token=&{no.x}", "colour=red"])
def test_what_shows_no_secret_is_read_like_any_other(text: str) -> None:
    obj = made("/gateway/door", option=text)
    assert reader(obj).read(obj, prop(obj, "option")).problems == ()


def test_a_secret_in_clear_is_told_with_all_else_that_is_wrong() -> None:
    obj = made("/gateway/door", option=("token=canary", "&{A}", "token=&{no.x}"))
    reading = reader(obj).read(obj, prop(obj, "option"))
    assert [problem.summary for problem in reading.problems] == [
        'the token "A" is not in lower case with dots',
        "the value of token is a secret, but is given in clear text",
    ]
    assert reading.deferred == ("&{A}", "token=&{no.x}")
    assert reading.normals is None


@pytest.mark.parametrize(
    ("origin", "came"),
    [
        ("stored", ""),
        ("default", ""),
        ("", ""),
        ("a file", "the value came from a file"),
    ],
)
def test_a_wrong_value_says_where_it_came_from_unless_that_is_plain(origin: str, came: str) -> None:
    error = ValueSyntaxError("it is wrong", expected="a right one", remedy="right it")
    assert fields(value_problem("/gateway/door", prop(DOOR, "operator"), "x", error, origin)) == {
        "code": "invalid-value",
        "summary": "it is wrong",
        "path": "/gateway/door",
        "property": "operator",
        "value": "x",
        "detail": "expected: a right one",
        "remedy": "right it",
    } | ({"more": (came,)} if came else {})


def test_a_wrong_value_is_a_stored_one_unless_it_is_said() -> None:
    error = ValueSyntaxError("it is wrong")
    problem = value_problem("/gateway/door", prop(DOOR, "operator"), "x", error)
    assert problem.detail == "expected: a mail address such as ann@example.com"


@pytest.mark.parametrize("value", ["canary", "&{canary.x}"])  # a source may give what looks like an expression
def test_a_wrong_secret_is_not_shown(value: str) -> None:
    with pytest.raises(ValueSyntaxError) as caught:
        prop(DOOR, "token").syntax.parse("")
    problem = value_problem("/gateway/door", prop(DOOR, "token"), value, caught.value)
    assert (problem.summary, problem.value) == (caught.value.as_masked().message, "********")


def tokens(name: str, evaluate: Evaluator, text: str) -> Mapping[str, Any]:
    obj = made("/gateway/door", **{name: text})
    (problem,) = reader(obj, evaluate=evaluate).read(obj, prop(obj, name)).problems
    return fields(problem)


def test_of_a_secret_only_what_has_no_value_is_named() -> None:
    assert tokens("token", START, "&{no.x}") == {
        "code": "unresolved-expression",
        "summary": '"no.x" has no value',
        "path": "/gateway/door",
        "property": "token",
        "value": "********",
        "detail": "looked in: here; there",
        "remedy": "provide it in one of these, or give the expression a default",
    }


@pytest.mark.parametrize("evaluate", [START, evaluate_defaults])
def test_of_a_secret_with_a_wrong_expression_nothing_is_shown(evaluate: Evaluator) -> None:
    assert tokens("token", evaluate, "&{Canary}") == {
        "code": "invalid-value",
        "summary": "the value (not shown) holds an expression that is not valid",
        "path": "/gateway/door",
        "property": "token",
        "value": "********",
        "remedy": "a token is lower-case words joined by dots, as in &{smtp.password}; explain shows what is wrong "
        'with a text; a backslash before "&{", "$<" or "${" makes it plain text',
    }


@settings(max_examples=30)
@given(st.text(min_size=1), st.sampled_from(["{}", "&{{no.x|{}}}", "a&{{no.x|{}}}", "&{{no.x}}{}"]))
def test_no_part_of_a_secret_is_ever_shown(secret: str, form: str) -> None:
    text = form.format(f"canary{secret}canary")
    assert "canary" not in mask_secret(prop(DOOR, "token"), text)


def test_the_name_before_a_secret_is_told_whole() -> None:
    definition = probes().definition("heir")
    obj = ManagedObject(probes().parse_path("/heir/one"), definition, {"pair": ("pinX=canary",)})
    (problem,) = (
        PropertyReader(probes(), Objects([obj]), evaluate_defaults).read(obj, definition.properties["pair"]).problems
    )
    assert problem.summary == "the value of pinX is a secret, but is given in clear text"
    assert problem.value == "pinX=********"


def test_a_definition_can_make_a_password_public() -> None:
    assert mask_secret(probes().definition("heir").properties["open"], "welcome") == "welcome"


def test_an_expression_is_evaluated_for_each_object() -> None:
    answers = iter(("7", "8"))
    evaluate = make_evaluator(lambda need: Found((next(answers),), "a counter"))
    one, other = (
        made("/queue/a", "memory-queue", batch_size="&{b.x}"),
        made("/queue/b", "memory-queue", batch_size="&{b.x}"),
    )
    asked = reader(evaluate=evaluate)
    size = prop(one, "batch-size")
    assert [asked.read(obj, size).values for obj in (one, other)] == [("7",), ("8",)]


def test_texts_are_compared_as_they_are_stored() -> None:
    size = prop(made("/depot-settings"), "batch-size")
    assert stored_form(size, ("070",)) == ["70"]
    assert stored_form(size, ()) == ["50"]
    assert stored_form(size, ("many", "&{b.x}", "7")) == ["&{b.x}", "7", "many"]
