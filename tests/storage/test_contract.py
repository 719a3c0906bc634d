"""The contract every storage keeps: the same changes leave equal entries, the same mistake is the same error."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from confobjects import errors
from confobjects.dn import DN, ROOT
from confobjects.errors import ConfobjectsError
from confobjects.mapping.entry import (
    AddEntry,
    Change,
    DeleteEntry,
    Entry,
    Modification,
    ModifyEntry,
    RenameEntry,
    Value,
    diff,
)
from confobjects.mapping.protocol import Storage
from confobjects.storage import open_storage

CONFIG = DN.parse("cn=config,dc=example,dc=com")
SERVERS = DN.parse("cn=Mail Servers,cn=config,dc=example,dc=com")
ONE = SERVERS.child("cn", "one")


def entry(dn: DN, object_class: str = "branch", **attributes: Iterable[Value]) -> Entry:
    fixed = {"objectClass": ("top", object_class), dn.naming_attribute: (dn.name,)}
    return Entry(dn, {**fixed, **{name.replace("_", "-"): tuple(values) for name, values in attributes.items()}})


def add(dn: DN, object_class: str = "branch", **attributes: Iterable[Value]) -> AddEntry:
    return AddEntry(entry(dn, object_class, **attributes))


def modify(dn: DN, *modifications: Modification) -> ModifyEntry:
    return ModifyEntry(dn, modifications)


def commit(storage: Storage, *changes: Change) -> None:
    with storage.writing():
        storage.commit(changes)


BRANCHES = (add(CONFIG), add(SERVERS))
FILLED = (*BRANCHES, add(ONE, "server", a=("1", "2")))


def require_renaming(storage: Storage) -> None:
    """Leave out what a server with a schema of its own does not do: the refusal is a test in ``tests/management``."""
    if storage.is_foreign:
        pytest.skip("nothing is renamed there")


@pytest.fixture
def filled(storage: Storage) -> Storage:
    commit(storage, *FILLED)
    return storage


def everything(storage: Storage) -> dict[str, Entry]:
    return {str(found.dn): found for found in storage.search(storage.base, "sub")}


def test_an_empty_storage_has_a_base_and_nothing_else(storage: Storage) -> None:
    assert storage.base == CONFIG
    assert storage.read(CONFIG) is None
    assert list(storage.search(CONFIG)) == []
    assert list(storage.search(CONFIG, "sub")) == []
    assert storage.serialises_writers != storage.url.startswith("ldap")


def test_what_is_added_is_read(filled: Storage) -> None:
    one = entry(ONE, "server", a=("1", "2"))
    assert filled.read(ONE) == one
    assert filled.read(DN.parse("CN=ONE,  cn=mail  servers,CN=config,dc=EXAMPLE,dc=com")) == one
    assert filled.read(SERVERS.child("cn", "two")) is None
    wanted = filled.read(ONE, ["A"])
    assert wanted is not None
    assert wanted.get("a") == ("1", "2")


def test_what_answers_at_once_is_what_is_stored_now(filled: Storage) -> None:
    filled.read(ONE)
    assert filled.answers_at_once is filled.serialises_writers  # a directory is asked each time
    if filled.url.startswith("memory:"):
        with filled.writing():
            assert in_another_thread(lambda: _require(not filled.answers_at_once)) == []
    elif filled.serialises_writers:
        commit(open_storage(filled.url), modify(ONE, Modification("add", "a", ["3"])))
        assert not filled.answers_at_once
        found = filled.read(ONE)
        assert found is not None
        assert found.get("a") == ("1", "2", "3")
        assert filled.answers_at_once


def _require(found: bool) -> None:
    assert found


def test_a_snapshot_has_every_entry_as_it_was_then(filled: Storage) -> None:
    first = filled.snapshot()
    if first is None:
        assert not filled.serialises_writers  # each entry would have to be asked for
        return
    before = everything(filled)
    commit(filled, modify(ONE, Modification("add", "b", ["x"])), add(SERVERS.child("cn", "two")))
    commit(filled, DeleteEntry(SERVERS.child("cn", "two")), add(SERVERS.child("cn", "three")))
    second = filled.snapshot()
    assert second is not None
    assert {str(found.dn): found for found in first.values()} == before
    assert {str(found.dn): found for found in second.values()} == everything(filled)
    assert {key for key in first if second[key] is not first[key]} >= {ONE.normal}
    assert first.keys() < second.keys()


def test_searching(filled: Storage) -> None:
    two, deep = SERVERS.child("cn", "two"), ONE.child("cn", "deep")
    commit(filled, add(two, "Server"), add(deep, "server"))

    def names(base: DN, *how: str) -> list[str]:
        return sorted(str(found.dn).partition(",")[0] for found in filled.search(base, *how))  # type: ignore[arg-type]

    assert names(SERVERS) == ["cn=one", "cn=two"]
    assert names(SERVERS, "one", "SERVER") == ["cn=one", "cn=two"]
    assert names(SERVERS, "one", "branch") == []
    assert names(CONFIG, "sub", "server") == ["cn=deep", "cn=one", "cn=two"]
    assert names(SERVERS, "sub") == ["cn=Mail Servers", "cn=deep", "cn=one", "cn=two"]
    assert names(deep) == []
    assert names(DN.parse("cn=other"), "sub") == []
    found = [str(found.dn) for found in filled.search(CONFIG, "sub")]
    assert found.index(str(SERVERS)) < found.index(str(ONE)) < found.index(str(deep))


def test_modifying(filled: Storage) -> None:
    odd = "ÿ" if filled.is_foreign else b"\xff"  # such a server keeps text only
    commit(
        filled,
        modify(ONE, Modification("delete", "A", ["1"]), Modification("add", "a", ["3"])),
        modify(ONE, Modification("replace", "b", ["x"]), Modification("add", "d", [odd, "é", " blank "])),
    )
    assert filled.read(ONE) == entry(ONE, "server", a=("2", "3"), b=("x",), d=(odd, "é", " blank "))
    commit(filled, modify(ONE, Modification("delete", "a"), Modification("replace", "b")))
    assert filled.read(ONE) == entry(ONE, "server", d=(odd, "é", " blank "))


def test_bytes_that_are_text_are_text(filled: Storage) -> None:
    commit(filled, modify(ONE, Modification("add", "b", [b"text"])))
    found = filled.read(ONE)
    assert found is not None
    assert found.get("b") == ("text",)


def test_bytes_of_a_binary_attribute_are_never_text(in_process: Storage) -> None:
    commit(in_process, *FILLED, modify(ONE, Modification("add", "d;binary", [b"text"])))
    found = in_process.read(ONE)
    assert found is not None
    assert found.get("d;binary") == (b"text",)


def test_deleting(filled: Storage) -> None:
    commit(filled, DeleteEntry(ONE), DeleteEntry(SERVERS))
    assert filled.read(ONE) is None
    assert list(everything(filled)) == [str(CONFIG)]


def test_renaming_takes_along_what_is_below(filled: Storage) -> None:
    require_renaming(filled)
    deep = ONE.child("cn", "a,b").child("cn", "c")
    commit(filled, add(deep.parent), add(deep, x=("1",)))
    uno = SERVERS.child("cn", "uno")
    commit(filled, RenameEntry(ONE, uno))
    assert filled.read(ONE) is None
    assert filled.read(uno) == entry(uno, "server", a=("1", "2"))
    moved = uno.child("cn", "a,b").child("cn", "c")
    assert filled.read(moved) == entry(moved, x=("1",))
    assert [found.dn for found in filled.search(uno.child("cn", "a,b"))] == [moved]
    assert filled.read(deep) is None


def test_renaming_may_change_the_spelling_alone(filled: Storage) -> None:
    require_renaming(filled)
    commit(filled, RenameEntry(ONE, SERVERS.child("cn", "ONE")))
    found = filled.read(ONE)
    assert found is not None
    assert (str(found.dn), found.get("cn")) == ("cn=ONE,cn=Mail Servers,cn=config,dc=example,dc=com", ("ONE",))


def test_moving_below_another_parent(filled: Storage) -> None:
    require_renaming(filled)
    other = CONFIG.child("cn", "other")
    commit(filled, add(other), RenameEntry(ONE, other.child("cn", "one")))
    assert [found.dn for found in filled.search(other)] == [other.child("cn", "one")]
    assert list(filled.search(SERVERS)) == []


MISTAKES: list[tuple[str, Change, type[ConfobjectsError], str]] = [
    ("there already", add(ONE), errors.ObjectExistsError, f'the entry "{ONE}" already exists'),
    (
        "no parent",
        add(SERVERS.child("cn", "x").child("cn", "y")),
        errors.NoSuchObjectError,
        'the parent of "cn=y,cn=x,cn=Mail Servers,cn=config,dc=example,dc=com" does not exist: "cn=x,cn=Mail Servers,',
    ),
    (
        "outside",
        add(DN.parse("cn=other")),
        errors.NoSuchObjectError,
        'the entry "cn=other" would lie outside the base "cn=config,dc=example,dc=com"',
    ),
    (
        "no naming value",
        AddEntry(Entry(SERVERS.child("cn", "x"), {"objectClass": ("top",)})),
        errors.ConstraintError,
        'the attribute cn of the entry "cn=x,cn=Mail Servers,cn=config,dc=example,dc=com" must contain the value in the name',
    ),
    ("modify nothing", modify(SERVERS.child("cn", "x")), errors.NoSuchObjectError, "there is no entry"),
    (
        "lose the name",
        modify(ONE, Modification("replace", "cn", ["other"])),
        errors.ConstraintError,
        "to change the name, rename the entry",
    ),
    (
        "add twice",
        modify(ONE, Modification("add", "a", ["2"])),
        errors.ChangedMeanwhileError,
        "by someone else meanwhile",
    ),
    (
        "stale",
        modify(ONE, Modification("delete", "a", ["9"])),
        errors.ChangedMeanwhileError,
        "by someone else meanwhile",
    ),
    ("delete nothing", DeleteEntry(SERVERS.child("cn", "x")), errors.NoSuchObjectError, "there is no entry"),
    ("delete what has changed", DeleteEntry(ONE, "7"), errors.ChangedMeanwhileError, "changed"),
    (
        "delete a parent",
        DeleteEntry(SERVERS),
        errors.ObjectInUseError,
        f'the entry "{SERVERS}" cannot be deleted: it has the entry "{ONE}" below it',
    ),
    ("rename nothing", RenameEntry(SERVERS.child("cn", "x"), ONE), errors.NoSuchObjectError, "there is no entry"),
    ("rename onto another", RenameEntry(ONE, SERVERS), errors.ObjectExistsError, "already"),
    ("below itself", RenameEntry(SERVERS, ONE.child("cn", "x")), errors.ConstraintError, "below itself"),
    ("rename to nowhere", RenameEntry(ONE, DN.parse("cn=a,cn=b")), errors.NoSuchObjectError, "outside"),
]


@pytest.mark.parametrize(
    ("change", "error", "message"), [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES]
)
def test_a_mistake_is_told_and_undoes_the_whole_commit(
    filled: Storage, change: Change, error: type[ConfobjectsError], message: str
) -> None:
    before = everything(filled)
    new, newer = SERVERS.child("cn", "new"), SERVERS.child("cn", "newer")
    others: Sequence[Change] = [
        modify(SERVERS, Modification("add", "x", ["1"])),
        add(new),
        *([] if filled.is_foreign else [RenameEntry(new, newer)]),
        DeleteEntry(new if filled.is_foreign else newer),
    ]
    if isinstance(change, RenameEntry):
        require_renaming(filled)
    with pytest.raises(ConfobjectsError) as caught:
        commit(filled, *others, change)
    assert type(caught.value) is error
    assert message in str(caught.value)
    assert everything(filled) == before
    commit(filled, *others)
    assert everything(filled) == {**before, str(SERVERS): entry(SERVERS, x=("1",))}


def test_nothing_to_change_is_no_mistake(filled: Storage) -> None:
    before = everything(filled)
    commit(filled)
    assert everything(filled) == before


def test_writing_does_not_nest(filled: Storage) -> None:
    with filled.writing(), pytest.raises(errors.UsageError, match="cannot be nested"), filled.writing():
        pass
    commit(filled, DeleteEntry(ONE))


def test_commit_belongs_inside_writing(filled: Storage) -> None:
    with pytest.raises(errors.UsageError, match=r"call commit\(\) only inside writing\(\)"):
        filled.commit([DeleteEntry(ONE)])
    assert filled.read(ONE) is not None


def test_several_commits_in_one_writing(filled: Storage) -> None:
    with filled.writing():
        filled.commit([modify(ONE, Modification("replace", "a", ["3"]))])
        found = filled.read(ONE)
        assert found is not None
        assert found.get("a") == ("3",)
        filled.commit([DeleteEntry(ONE)])
        assert filled.read(ONE) is None
    assert filled.read(ONE) is None


def test_an_error_inside_writing_ends_it(filled: Storage) -> None:
    with pytest.raises(RuntimeError), filled.writing():
        raise RuntimeError
    commit(filled, DeleteEntry(ONE))


def in_another_thread(action: Callable[[], object]) -> list[BaseException]:
    caught: list[BaseException] = []

    def run() -> None:
        try:
            action()
        except BaseException as error:  # noqa: BLE001 - handed to the test
            caught.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return caught


def test_another_thread_waits_its_turn_and_not_for_ever(filled: Storage) -> None:
    with filled.writing():
        (error,) = in_another_thread(lambda: commit(filled, DeleteEntry(ONE)))
        assert isinstance(error, errors.StorageError)
        (error,) = in_another_thread(lambda: filled.commit([DeleteEntry(ONE)]))
        assert isinstance(error, errors.UsageError)
        assert in_another_thread(lambda: filled.read(ONE)) == []
    assert in_another_thread(lambda: commit(filled, DeleteEntry(ONE))) == []
    assert filled.read(ONE) is None


def test_who_reads_undisturbed_locks_writers_out_where_they_take_turns(filled: Storage) -> None:
    with filled.undisturbed():
        caught = in_another_thread(lambda: commit(filled, DeleteEntry(ONE)))
        assert caught or not filled.serialises_writers
        if caught:  # of a server's own configuration, those with the same state are locked out
            assert [isinstance(error, errors.StorageError) for error in caught] == [True]
            assert filled.read(ONE) is not None
    if caught:
        assert in_another_thread(lambda: commit(filled, DeleteEntry(ONE))) == []
    assert filled.read(ONE) is None


def test_closing_twice_is_no_mistake(filled: Storage) -> None:
    filled.close()
    filled.close()


def test_a_storage_has_a_url_without_options(storage: Storage) -> None:
    assert open_storage(storage.url).url == storage.url


NAMES = st.sampled_from(["one", "two", "Three, four", "é"])
SOME: st.SearchStrategy[Value] = st.sampled_from(["1", "2", " ", "é", "\n", b"\xff"])
VALUES: st.SearchStrategy[tuple[Value, ...]] = st.lists(SOME, unique=True, max_size=3).map(tuple)


@st.composite
def scripts(draw: st.DrawFn, names: Sequence[str] = ("a", "A", "b;binary"), most: int = 2) -> list[list[Change]]:
    """Changes as a caller makes them; many will be refused, and by all storages."""
    dns = st.sampled_from([CONFIG, SERVERS]).flatmap(lambda base: NAMES.map(lambda name: base.child("cn", name)))
    deep = st.tuples(dns, NAMES).map(lambda pair: pair[0].child("cn", pair[1]))
    anywhere = st.one_of(dns, deep)
    attributes = st.dictionaries(st.sampled_from(names), VALUES, max_size=most)
    made = st.tuples(anywhere, attributes).map(lambda pair: entry(pair[0], "branch", **pair[1]))
    states = attributes.map(lambda found: AddEntry(Entry(ROOT, found)).entry)
    steps = st.tuples(states, states).map(lambda pair: diff(pair[0], pair[1]))
    change = st.one_of(
        made.map(AddEntry),
        st.tuples(anywhere, steps).map(lambda pair: ModifyEntry(*pair)),
        anywhere.map(DeleteEntry),
        st.tuples(anywhere, anywhere).map(lambda pair: RenameEntry(*pair)),
    )
    return draw(st.lists(st.lists(change, min_size=1, max_size=3), min_size=3, max_size=12))


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(script=scripts())
def test_law_one_script_leaves_equal_entries_in_every_storage(
    make_every_storage: Callable[[], list[Storage]], script: list[list[Change]]
) -> None:
    storages = make_every_storage()
    in_step(storages, script, lambda error: (error.code, str(error)))
    for storage in storages:
        if storage.url != "memory:":
            assert everything(open_storage(storage.url)) == everything(storages[0])


@settings(
    max_examples=6,
    phases=[Phase.explicit, Phase.generate],  # to shrink a script takes minutes on a directory
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(script=scripts(("d", "D"), most=1))
def test_law_one_script_leaves_equal_entries_in_every_directory(
    make_every_storage: Callable[[], list[Storage]],
    make_every_directory: Callable[[], list[Storage]],
    script: list[list[Change]],
) -> None:
    """The attribute takes any bytes: what a directory makes of texts is a matter of its schema."""
    storages = [*make_every_storage(), *make_every_directory()]
    try:
        in_step(storages, script, attrgetter("code"))
    finally:
        for storage in storages:
            storage.close()


def in_step(
    storages: Sequence[Storage], script: Sequence[Sequence[Change]], told: Callable[[ConfobjectsError], object]
) -> None:
    """Make the same changes in all storages, and hold each step to the same outcome."""
    start = [add(base.child("cn", name), a=("1",)) for base in (CONFIG, SERVERS) for name in ("one", "é")]
    steps: list[Sequence[Change]] = [BRANCHES, start, *script]
    for changes in steps:
        outcomes = [outcome(storage, changes, told) for storage in storages]
        assert all(other == outcomes[0] for other in outcomes[1:]), changes
        first, *rest = [everything(storage) for storage in storages]
        assert all(other == first for other in rest), changes


def outcome(storage: Storage, changes: Sequence[Change], told: Callable[[ConfobjectsError], object]) -> object:
    try:
        commit(storage, *changes)
    except ConfobjectsError as error:
        return told(error)
    return None
