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
from confobjects.management import ManagementContext
from confobjects.mapping.entry import AddEntry, Entry
from confobjects.objects.changes import PropertyChanges
from confobjects.paths import ROOT
from confobjects.texts.names import normal_name
from tests.cli.sessions import run
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
    with confobjects.open(url) as context:
        context.create(kind, stored, {"enabled": True}, type="blind")
        with pytest.raises(ObjectExistsError):
            context.create(kind, asked, {"enabled": True}, type="blind")
        assert " ".join(context.get(kind, asked).name.split()) == " ".join(stored.split())
        context.modify(kind, asked, PropertyChanges(set={"enabled": ["false"]}))
        context.create("mail-server", "m", {"enabled": False, "smtp-server": "h", "trust-manager-provider": asked})
        assert not context.storage.warnings
    assert len(confobjects.load(url)) == 2
    with confobjects.open(url) as context:
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
    with confobjects.open(url) as context:
        apart = hold_both(context, one.strip(), other.strip())
    if not apart:
        assert len(confobjects.load(url)) == 1
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
    with confobjects.open(url) as context:
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


def test_a_file_with_two_equal_names_is_refused_with_both_places(tmp_path: Path) -> None:
    path = tmp_path / "config.ldif"
    url = f"ldif:{path}"
    with confobjects.open(url) as context:
        context.create("mail-server", "straße", {"enabled": False, "smtp-server": "first"})
    block = path.read_text().split("\n\n")[-1]
    lines = ["dn: cn=STRASSE,cn=Mail Servers,cn=config", *block.splitlines()[1:]]
    path.write_text(path.read_text() + "\n" + "\n".join(lines) + "\n")
    with pytest.raises(BrokenDataError, match="two entries") as broken:
        confobjects.load(url)
    assert "the first is in line" in broken.value.diagnostics[0].detail
