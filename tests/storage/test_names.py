"""Two names are equal everywhere or nowhere, whatever the directory holds equal itself."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

import confobjects
from confobjects.dn import DN
from confobjects.errors import BrokenDataError, ConfobjectsError, ObjectExistsError
from confobjects.management import ManagementContext, Site
from confobjects.management.documents.comparing import States, find_differences, take_snapshot
from confobjects.mapping.documents import ObjectState
from confobjects.mapping.entry import AddEntry, DeleteEntry, Entry
from confobjects.mapping.ldif import parse
from confobjects.mapping.ldif.writing import edit_document, format_entry
from confobjects.mapping.protocol import Storage
from confobjects.objects.changes import PropertyChanges
from confobjects.objects.evaluating import evaluate_defaults
from confobjects.paths import ROOT
from confobjects.storage.memory import BASE
from confobjects.storage.tree import Tree
from confobjects.texts.names import normal_name
from tests.cli.sessions import run
from tests.definitions.documents import depot
from tests.opening import open_any
from tests.servers import ds389
from tests.servers import slapd as openldap

NUMBERS = count()
EQUAL = [
    ("straße", "STRASSE"),
    ("caf\u00e9", "cafe\u0301"),
    ("\ufb01le", "File"),
    ("\uff4dail", "mail"),
    ("\u03c3\u03c2", "\u03a3\u03a3"),
    ("one  two", " One two "),
    ("one", "  ONE"),
]
"""Pairs of spellings of one name; some directories keep some of them apart."""
KINDS = ("389-ds", "ldif", "slapd")


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A place with nothing in it."""
    number = next(NUMBERS)
    if request.param == "ldif":
        return f"ldif:{tmp_path / 'config.ldif'}"
    if request.param == "slapd":
        return str(request.getfixturevalue("slapd").socket_url + quote(f"cn=names {number},{openldap.SUFFIX}"))
    return str(request.getfixturevalue("ds389_server").socket_url + quote(f"cn=names {number},{ds389.SUFFIX}"))


@given(st.text(max_size=6), st.text(max_size=6))
def test_paths_and_dns_hold_the_same_names_equal(one: str, other: str) -> None:
    for first, second in [(one, other), (one, f"  {one.upper()} "), *EQUAL]:
        paths = ROOT.child("mail-server", first) == ROOT.child("mail-server", second)
        assert paths == (DN.of(("cn", first)) == DN.of(("cn", second))) == (normal_name(first) == normal_name(second))


@pytest.mark.parametrize(("stored", "asked"), [*EQUAL, *((b, a) for a, b in EQUAL)])
def test_a_name_is_found_by_every_spelling(url: str, stored: str, asked: str) -> None:
    kind = "trust-manager-provider"
    with open_any(url) as context:
        context.create(kind, stored, {"enabled": True}, type="blind")
        with pytest.raises(ObjectExistsError):
            context.create(kind, asked, {"enabled": True}, type="blind")
        assert " ".join(context.get(kind, asked).name.split()) == " ".join(stored.split())
        context.modify(kind, asked, PropertyChanges(set={"enabled": ["false"]}))
        context.create("mail-server", "m", {"enabled": False, "smtp-server": "h", "trust-manager-provider": asked})
        assert not context.storage.warnings
    assert len(confobjects.load(url)) == 3  # with the mail service
    with open_any(url) as context:
        with pytest.raises(ConfobjectsError, match="cannot be deleted"):
            context.delete(kind, asked)
        context.delete("mail-server", "M")
        last = context.history()[-1].number
        context.undo(last)
        context.delete("mail-server", "m")
        context.rename(kind, asked, asked)
        assert " ".join(context.get(kind, stored).name.split()) == " ".join(asked.split())
        context.delete(kind, stored)
        assert not context.list(kind)


def hold_both(context: ManagementContext, one: str, other: str) -> bool:
    """Let the storage hold two objects of an equal name, if it keeps them apart."""
    context.create("mail-server", one, {"enabled": False, "smtp-server": "first"})
    with context.storage.writing():
        made = context.world().find(ROOT.child("mail-server", one))
        assert made is not None
        entry = context.site.mapper.encode(made.replace(values={"enabled": ("false",), "smtp-server": ("second",)}))
        dn = entry.dn.parent.child("cn", other)
        try:
            context.storage.commit([AddEntry(Entry(dn, {**entry.attributes, "cn": (other,)}))])
        except ObjectExistsError:
            return False
    return True


def change_after_reading_all(context: ManagementContext, name: str) -> None:
    """Change one of two objects of an equal name in a transaction that has read both."""
    with context.change() as tx:
        list(context.site.all_objects(tx.below))
        tx.set("mail-server", name, {"smtp-server": "third"})


@pytest.mark.parametrize(("one", "other"), EQUAL)
def test_two_entries_kept_apart_are_both_told_and_exported(url: str, one: str, other: str) -> None:
    with open_any(url) as context:
        apart = hold_both(context, one.strip(), other.strip())
    if not apart:
        assert len(confobjects.load(url).of("mail-server")) == 1
        return
    with pytest.raises(BrokenDataError) as broken:
        confobjects.load(url)
    told = [problem.path for problem in broken.value.diagnostics if "are equal here" in problem.summary]
    assert sorted(told) == sorted([f"/mail-server/{one.strip()}", f"/mail-server/{other.strip()}"])
    for form in ("json", "ldif", "commands"):
        result = run("--url", url, "export", "--format", form)
        assert result.status == 31
        assert "first" in result.out
        assert "second" in result.out
    assert run("--url", url, "copy", url, "ldif:/nowhere/x", "--dry-run").status == 31
    with open_any(url) as context:
        assert {obj.values["smtp-server"] for obj in context.list("mail-server")} == {("first",), ("second",)}
        world = context.world()
        assert [context.get("mail-server", name, world).name for name in (one.strip(), other.strip())] == [
            one.strip(),
            other.strip(),
        ]
        context.list("mail-server", world=world)
        assert context.get("mail-server", other.strip(), world).values["smtp-server"] == ("second",)
        with pytest.raises(BrokenDataError, match="are equal here"):
            change_after_reading_all(context, other.strip())
        with context.change() as tx:
            list(context.site.all_objects(tx.below))
            tx.delete("mail-server", other.strip())
    assert [server["smtp-server"].host for server in confobjects.load(url).of("mail-server")] == ["first"]


def write_both(path: Path, one: str, other: str) -> str:
    """Write a file with two objects of an equal name, as somebody may by hand, and return its URL."""
    url = f"ldif:{path}"
    with open_any(url) as context:
        context.create("mail-server", one, {"enabled": False, "smtp-server": "first"})
    entries = parse(path.read_text("utf-8")).entries.values()
    *_, made = entries
    dn = made.dn.parent.child("cn", other)
    second = Entry(dn, {**made.attributes, "cn": (other,), "ds-cfg-smtp-server": ("second",)})
    path.write_text(path.read_text("utf-8") + "\n" + format_entry(second), "utf-8")
    return url


@pytest.mark.parametrize(("one", "other"), [*EQUAL, ("One", "one")])
def test_two_entries_in_a_file_are_both_told_exported_and_kept_from_change(
    tmp_path: Path, one: str, other: str
) -> None:
    url = write_both(tmp_path / "config.ldif", one.strip(), other.strip())
    names = {"first": one.strip(), "second": other.strip()}
    with pytest.raises(BrokenDataError) as broken:
        confobjects.load(url)
    told = [problem.path for problem in broken.value.diagnostics if "are equal here" in problem.summary]
    assert sorted(told) == sorted(f"/mail-server/{name}" for name in names.values())
    for form in ("json", "ldif", "commands"):
        result = run("--url", url, "export", "--format", form)
        assert result.status == 31
        assert "first" in result.out
        assert "second" in result.out
    before = (tmp_path / "config.ldif").read_bytes()
    for text, name in names.items():
        with open_any(url) as context:
            assert context.get("mail-server", name).values["smtp-server"] == (text,)
            with pytest.raises(BrokenDataError, match="are equal here") as broken:
                context.modify("mail-server", name, PropertyChanges(set={"smtp-server": ["third"]}))
            assert {problem.path for problem in broken.value.diagnostics} == {f"/mail-server/{name}"}
            with pytest.raises(ObjectExistsError):
                context.create("mail-server", one.upper(), {"enabled": False, "smtp-server": "third"})
    assert (tmp_path / "config.ldif").read_bytes() == before


@pytest.mark.parametrize(("one", "other"), [*EQUAL, ("One", "one")])
@pytest.mark.parametrize("gone", ["first", "second"])
def test_deleting_or_renaming_one_of_two_mends_a_file(tmp_path: Path, one: str, other: str, gone: str) -> None:
    name = one.strip() if gone == "first" else other.strip()
    kept = "second" if gone == "first" else "first"
    url = write_both(tmp_path / "config.ldif", one.strip(), other.strip())
    with open_any(url) as context:
        context.delete("mail-server", name)
    assert [server["smtp-server"].host for server in confobjects.load(url).of("mail-server")] == [kept]
    (tmp_path / "config.ldif").unlink()
    write_both(tmp_path / "config.ldif", one.strip(), other.strip())
    with open_any(url) as context:
        context.rename("mail-server", name, "another")
    found = {server.name: server["smtp-server"].host for server in confobjects.load(url).of("mail-server")}
    assert found.pop("another") == gone
    assert list(found.values()) == [kept]


def test_one_entry_twice_in_a_file_is_refused_with_both_places(tmp_path: Path) -> None:
    path = tmp_path / "config.ldif"
    url = write_both(path, "straße", "strasse")
    blocks = path.read_text("utf-8").split("\n\n")
    for block in blocks[-2:]:
        path.write_text("\n\n".join(blocks) + "\n" + block.rstrip("\n") + "\n", "utf-8")
        with pytest.raises(BrokenDataError, match="two entries") as broken:
            confobjects.load(url)
        (problem,) = broken.value.diagnostics
        lines = path.read_text("utf-8").splitlines()
        first = lines.index(block.splitlines()[0])
        assert problem.detail == f"the first is in line {first + 1}"
        assert problem.line == lines.index(block.splitlines()[0], first + 1) + 1


values = st.sampled_from(["a", "A", "ß", "ss", "SS", "é", "e\u0301", "b,c", "B\\2cC", "x;y", "d  e", "d e"])
trees = st.lists(st.lists(values, min_size=1, max_size=3), min_size=1, max_size=12, unique_by=tuple)


def entries_of(paths: list[list[str]]) -> list[Entry]:
    """Entries with these names below the base, each with those above it."""
    whole = dict.fromkeys(tuple(path[:length]) for path in paths for length in range(len(path) + 1))
    made: list[Entry] = []
    for names in whole:
        dn = BASE
        for name in names:
            dn = dn.child("cn", name)
        made.append(Entry(dn, {"cn": (names[-1] if names else "config",), "place": (str(len(made)),)}))
    return made


@given(trees, st.data())
def test_every_entry_of_a_document_keeps_a_place_of_its_own(paths: list[list[str]], data: st.DataObject) -> None:
    entries = entries_of(paths)
    document = parse("\n".join(map(format_entry, entries)))
    tree = Tree(document.entries, BASE, holds_alike=document.holds_alike)
    places = {str(entry.dn): entry.get("place") for entry in entries}
    assert {text: tree.read(DN.parse(text)).get("place") for text in places} == places  # type: ignore[union-attr]
    for entry in entries:
        below = {str(one.dn) for one in tree.search(entry.dn, "sub", None)}
        assert below == {text for text in places if text == str(entry.dn) or text.endswith(f",{entry.dn}")}
    leaf = data.draw(st.sampled_from([one for one in entries if len(tree.search(one.dn, "sub", None)) == 1]))
    changed = edit_document(document, tree.copy().apply([DeleteEntry(leaf.dn)]))
    again = parse(changed.serialise())
    assert {str(one.dn): one.get("place") for one in again.entries.values()} == {
        text: place for text, place in places.items() if text != str(leaf.dn)
    }
    assert again.entries == changed.entries
    assert again.holds_alike == changed.holds_alike


def add_second(path: Path, dn: str, other: str) -> None:
    """Add a second entry of a name, with an object below it that nobody else sees."""
    entries = parse(path.read_text("utf-8")).entries
    first = entries[DN.parse(dn).normal]
    second = first.dn.parent.child("cn", other)
    below = Entry(second.child("cn", "hidden"), {"objectClass": ("device",), "cn": ("hidden",)})
    more = [Entry(second, {**first.attributes, "cn": (other,)}), below]
    path.write_text("\n".join([path.read_text("utf-8"), *map(format_entry, more)]), "utf-8")


@pytest.mark.parametrize(
    ("dn", "other"),
    [
        ("cn=Stores,cn=Depot,cn=config", "stores"),
        ("cn=Depot,cn=config", "\uff24epot"),
        ("cn=Watchman,cn=config", "WATCHMAN"),
    ],
)
def test_a_branch_and_a_single_object_have_no_second_entry(tmp_path: Path, dn: str, other: str) -> None:
    path = tmp_path / "config.ldif"
    url = f"ldif:{path}"
    registry = depot()
    with open_any(url, definitions=registry) as context:
        context.create("store", "one", {"enabled": True, "location": "/var/jobs"})
        context.modify("watchman", (), PropertyChanges(set={"enabled": ["true"]}), type="lenient")
    add_second(path, dn, other)
    with pytest.raises(BrokenDataError, match="are equal here"):
        confobjects.load(url, definitions=registry)
    with open_any(url, definitions=registry) as context:
        before = take_snapshot(context.site).objects
        with pytest.raises(BrokenDataError, match="are equal here"):
            context.apply(before, prune=True)
        assert len(before) == 2


def test_a_second_entry_of_the_base_is_told(tmp_path: Path) -> None:
    path = tmp_path / "config.ldif"
    with open_any(f"ldif:{path}") as context:
        context.create("mail-server", "m", {"enabled": False, "smtp-server": "h"})
    add_second(path, "cn=config", "Config")
    (warning,) = confobjects.load(f"ldif:{path}").warnings
    assert 'the entry "cn=Config" is outside the base "cn=config", and so are 1 more' in warning.summary


LAMPS = {
    "mx.example.com:25": ("mx.example.com:25", "MX.Example.com:25", "mx.example.com:0025", "  mx.example.com:025 "),
    "[2001:db8::1]:7": ("[2001:db8::1]:7", "[2001:DB8::1]:007"),
}
"""Names as creation stores them, each with spellings that mean it."""


def watched(storage: Storage) -> ManagementContext:
    ctx = ManagementContext(Site.of(depot(), storage, evaluate_defaults))
    with ctx.change() as tx:
        tx.modify("watchman", (), PropertyChanges(set={"enabled": ["true"]}), type="strict")
        tx.create("lookout", "gate", {}, bare=True)
    return ctx


def lamps(*names: str) -> States:
    lantern = depot().definition("lantern")
    paths = [depot().path_of("lantern", ("gate", name)) for name in names]
    return {path: ObjectState(path, lantern, {"colour": ("red",)}) for path in paths}


@pytest.mark.parametrize("spelling", range(4))
def test_a_document_spells_a_name_in_any_way(storage: Storage, spelling: int) -> None:
    ctx = watched(storage)
    wanted = lamps(*(several[spelling % len(several)] for several in LAMPS.values()))
    assert ctx.apply(wanted).changed
    assert {obj.name.lower() for obj in ctx.list("lantern", "gate")} == set(LAMPS)
    assert not ctx.apply(wanted).changed
    there = take_snapshot(ctx.site).objects
    whole = {**{path: state for path, state in there.items() if path.relation != "lantern"}, **wanted}
    assert not ctx.apply(whole, prune=True).changed
    assert list(find_differences(there, whole, depot())) == list(find_differences(whole, there, depot())) == []


def test_a_name_that_somebody_else_has_stored_otherwise_is_kept(storage: Storage) -> None:
    ctx = watched(storage)
    ctx.create("lantern", ("gate", "mx.example.com:25"), {"colour": "red"})
    [stored] = [entry for entry in storage.search(storage.base, "sub") if entry.has_object_class("ds-cfg-lantern")]
    rdn = stored.dn.naming_attribute
    odd = stored.dn.parent.child(rdn, "MX.example.com:0025")
    with storage.writing():
        storage.commit([DeleteEntry(stored.dn), AddEntry(Entry(odd, {**stored.attributes, rdn: (odd.name,)}))])
    exported = take_snapshot(ctx.site).objects
    assert [path.name for path in exported if path.relation == "lantern"] == ["MX.example.com:0025"]
    assert not ctx.apply(exported, prune=True).changed
    assert list(find_differences(exported, take_snapshot(ctx.site).objects, depot())) == []


def test_two_spellings_of_one_name_in_a_document_are_refused(storage: Storage) -> None:
    ctx = watched(storage)
    with pytest.raises(ObjectExistsError):
        ctx.apply(lamps("mx.example.com:25", "mx.example.com:025"))
    assert list(ctx.list("lantern", "gate")) == []
