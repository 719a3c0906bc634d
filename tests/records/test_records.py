"""The laws of the one kind of record."""

from __future__ import annotations

import copy
import inspect
import pickle
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple

import pytest

from confobjects.records import Record, as_dict, field


class Point(Record):
    """A record with all that most records have."""

    unit: ClassVar[str] = "mm"
    count = 0

    x: int
    y: int = 0

    @property
    def sum(self) -> int:
        return self.x + self.y


class Named(Point):
    """A record of a record, which changes a default and adds a field."""

    y: int = 7
    name: str = ""


class Bare(Point):
    """A subclass without fields of its own."""


class Account(Record, kw_only=True):
    """A record with fields of all kinds."""

    user: str = field(kw_only=False)
    password: str = field(default="", repr=False)
    seen: Mapping[str, int] = field(default_factory=dict)
    note: str = field(default="", compare=False)
    home: str


class Doubled(Record):
    """A record that makes its fields of another argument."""

    values: tuple[int, ...]

    def __init__(self, values: list[int]) -> None:
        self._fill(values=tuple(values) * 2)


class Nothing(Record):
    """A record without fields."""


RECORDS: list[Record] = [
    Point(1),
    Point(1, 2),
    Named(1, name="a"),
    Bare(1),
    Account("a", home="/"),
    Doubled([1]),
    Nothing(),
]


# -- arguments -------------------------------------------------------------------------------------------------------


def test_fields_are_given_by_position_or_by_name_and_defaults_fill_in() -> None:
    assert (Point(1).x, Point(1).y, Point(1, 2).y, Point(y=3, x=1).y) == (1, 0, 2, 3)
    assert as_dict(Named(1)) == {"x": 1, "y": 7, "name": ""}
    assert as_dict(Nothing()) == {}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda make: make(), r"Point\.__init__\(\) missing 1 required positional argument: 'x'"),
        (lambda make: make(y=1), "missing 1 required positional argument: 'x'"),
        (lambda make: make(1, 2, 3), "takes from 2 to 3 positional arguments but 4 were given"),
        (lambda make: make(1, z=2), "got an unexpected keyword argument 'z'"),
        (lambda make: make(1, x=2), "got multiple values for argument 'x'"),
        (lambda make: make(1, unit="m"), "got an unexpected keyword argument 'unit'"),
        (lambda make: make(1, count=2), "got an unexpected keyword argument 'count'"),
    ],
)
def test_wrong_arguments_are_refused_by_the_first_record_and_by_the_next(
    call: Callable[[Any], object], message: str
) -> None:
    class Point(Record):
        unit: ClassVar[str] = "mm"
        count = 0

        x: int
        y: int = 0

    for _ in range(3):
        with pytest.raises(TypeError, match=message):
            call(Point)
        Point(1)


def test_the_first_records_and_the_hundredth_are_made_alike() -> None:
    class Mixed(Record):
        a: int
        b: int = 2
        c: int = field(default=3, kw_only=True)

    for number in range(100):
        assert as_dict(Mixed(number)) == {"a": number, "b": 2, "c": 3}
        assert as_dict(Mixed(c=number, a=1)) == {"a": 1, "b": 2, "c": number}
    with pytest.raises(TypeError, match="positional"):
        Mixed(1, 2, 3)  # type: ignore[call-arg]


def test_fields_by_keyword_only_are_refused_by_position() -> None:
    assert Account("a", home="/").user == "a"
    with pytest.raises(TypeError, match="positional"):
        Account("a", "secret")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="home"):
        Account("a")  # type: ignore[call-arg]


def test_a_record_without_fields_takes_no_arguments() -> None:
    arguments: Any = (1,)
    with pytest.raises(TypeError):
        Nothing(*arguments)


def test_a_factory_makes_a_default_for_each_record() -> None:
    first, second = Account("a", home="/"), Account("b", home="/")
    assert first.seen == {}
    assert first.seen is not second.seen
    assert Account("a", home="/", seen={"x": 1}).seen == {"x": 1}


# -- declaring -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("default", [{}, [], set(), bytearray()])
def test_a_default_that_can_be_changed_is_refused_at_the_declaration(default: object) -> None:
    with pytest.raises(TypeError, match=r"the default of Broken\.values can be changed"):

        class Broken(Record):
            values: Any = default

    with pytest.raises(TypeError, match="can be changed"):

        class AlsoBroken(Record):
            values: Any = field(default=default)


def test_a_field_without_a_default_after_one_with_a_default_is_refused_at_the_declaration() -> None:
    with pytest.raises(TypeError, match="without a default follows one with a default"):

        class Broken(Point):
            z: int  # type: ignore[misc]


def test_a_private_field_is_refused_at_the_declaration() -> None:
    with pytest.raises(TypeError, match=r"Broken\._hidden is private"):

        class Broken(Record):
            _hidden: int


def test_class_attributes_are_no_fields() -> None:
    assert Point.__match_args__ == ("x", "y")
    assert (Point.unit, Point.count, Point(1).unit) == ("mm", 0, "mm")


def test_records_have_slots_and_no_dictionary() -> None:
    for record in RECORDS:
        assert not hasattr(record, "__dict__")
    assert (Point.__slots__, Named.__slots__, Bare.__slots__) == (("x", "y"), ("name",), ())  # type: ignore[attr-defined]


# -- records do not change -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["x", "y", "unit", "nonsense"])
def test_a_record_cannot_be_changed(name: str) -> None:
    point = Point(1)
    with pytest.raises(AttributeError, match=f"Point.{name} cannot be changed"):
        setattr(point, name, 5)
    with pytest.raises(AttributeError, match=f"Point.{name} cannot be deleted"):
        delattr(point, name)
    assert point == Point(1)


def test_replace_returns_a_changed_copy() -> None:
    named = Named(1, 2, "a")
    assert named.replace(y=5) == Named(1, 5, "a")
    assert named == Named(1, 2, "a")
    assert named.replace() == named
    assert Account("a", home="/", password="b").replace(home="/x").password == "b"


@pytest.mark.parametrize("name", ["z", "unit", "count", "sum", "__class__"])
def test_replace_refuses_what_is_no_field(name: str) -> None:
    with pytest.raises(TypeError, match=name):
        Point(1).replace(**{name: 1})


# -- comparing -------------------------------------------------------------------------------------------------------


def test_records_are_equal_by_class_and_fields() -> None:
    assert Point(1, 2) == Point(1, 2)
    assert hash(Point(1, 2)) == hash(Point(1, 2))
    assert Point(1, 2) != Point(1, 3)
    assert Point(1, 2) != Bare(1, 2)
    assert Bare(1, 2) != Point(1, 2)
    assert {Point(1): "a"}[Point(1, 0)] == "a"


def test_a_record_never_equals_a_tuple() -> None:
    class Pair(NamedTuple):
        x: int
        y: int

    for other in ((1, 2), Pair(1, 2)):
        assert Point(1, 2) != other
        assert other != Point(1, 2)


def test_a_record_is_no_sequence() -> None:
    record: Any = Point(1, 2)
    with pytest.raises(TypeError):
        list(record)
    with pytest.raises(TypeError):
        record[0]


def test_a_field_can_be_left_out_of_comparison_and_hash() -> None:
    first, second = Account("a", home="/", note="x"), Account("a", home="/", note="y")
    assert first == second
    with pytest.raises(TypeError, match="unhashable"):
        hash(first)  # its mapping
    made = [one.replace(seen=()) for one in (first, second)]
    assert hash(made[0]) == hash(made[1])


# -- printing, matching, copying -------------------------------------------------------------------------------------


def test_a_record_prints_its_fields_but_those_left_out() -> None:
    assert repr(Named(1, name="a")) == "Named(x=1, y=7, name='a')"
    assert repr(Account("a", home="/", password="secret")) == "Account(user='a', seen={}, note='', home='/')"
    assert repr(Nothing()) == "Nothing()"


def test_a_record_is_matched_by_position_and_by_name() -> None:
    match Named(1, 2, "a"):
        case Named(x, 2, name=name):
            assert (x, name) == (1, "a")
        case _:
            pytest.fail("not matched")
    assert Account.__match_args__ == ("user",)


@pytest.mark.parametrize("record", RECORDS, ids=repr)
def test_copies_and_pickles_are_equal(record: Record) -> None:
    copies = [copy.copy(record), copy.deepcopy(record)]
    copies += [pickle.loads(pickle.dumps(record, protocol)) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]
    for made in copies:
        assert made == record
        assert type(made) is type(record)
        assert as_dict(made) == as_dict(record)


def test_a_deep_copy_shares_nothing_that_can_be_changed() -> None:
    first = Account("a", home="/", seen={"x": 1})
    assert copy.deepcopy(first).seen is not first.seen
    assert copy.copy(first).seen is first.seen


# -- subclasses ------------------------------------------------------------------------------------------------------


def test_a_subclass_has_the_fields_of_its_parent_first() -> None:
    class Parent(Record):
        x: int
        y: int = 0

    class Child(Parent):
        y: int = 7
        name: str = ""

    assert as_dict(Parent(1)) == {"x": 1, "y": 0}  # the parent's arguments are known before the child's
    assert as_dict(Child(1, name="a")) == {"x": 1, "y": 7, "name": "a"}
    assert as_dict(Parent(1)) == {"x": 1, "y": 0}


def test_a_record_may_make_its_fields_of_other_arguments() -> None:
    assert Doubled([1, 2]).values == (1, 2, 1, 2)
    with pytest.raises(TypeError):
        Doubled()  # type: ignore[call-arg]


def test_a_record_shows_its_arguments_before_and_after_its_init_is_compiled() -> None:
    class Shown(Record):
        name: str
        items: tuple[str, ...] = ()
        marks: dict[str, int] = field(default_factory=dict, kw_only=True)

    expected = "(name: 'str', items: 'tuple[str, ...]' = (), *, marks: 'dict[str, int]' = {})"
    assert str(inspect.signature(Shown)) == expected
    for _ in range(100):
        Shown("one")
    assert str(inspect.signature(Shown)) == expected


def test_a_record_with_an_init_of_its_own_shows_that() -> None:
    class Computed(Record):
        length: int

        def __init__(self, text: str) -> None:
            self._fill(length=len(text))

    assert str(inspect.signature(Computed)) == "(text: 'str') -> 'None'"
