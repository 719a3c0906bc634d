"""Nothing in a storage is ignored in silence: what is no object is told, and never lost unseen."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from urllib.parse import quote

import pytest

import confobjects
from confobjects.dn import DN
from confobjects.errors import BrokenDataError, ObjectInUseError
from confobjects.management import ManagementContext
from confobjects.management.strays import find_strays
from confobjects.mapping.entry import AddEntry, DeleteEntry, Entry
from confobjects.mapping.objects import BRANCH_CLASS
from confobjects.objects.changes import PropertyChanges
from tests.cli.sessions import run
from tests.management.test_from_any_to_any import CONFIGURATIONS
from tests.servers import ds389
from tests.servers import slapd as openldap

NUMBERS = count()
BRANCH = ("top", BRANCH_CLASS)
STRAYS = {
    "in a branch, but no object": [("cn=odd,cn=Mail Servers", ("top", "device"))],
    "an object in the wrong branch": [("cn=odd,cn=Trust Manager Providers", BRANCH)],
    "of a definition that is not loaded": [("cn=Widgets", BRANCH), ("cn=odd,cn=Widgets", ("top", "device"))],
    "below an object": [("cn=odd,cn=one,cn=Mail Servers", ("top", "device"))],
    "below an unknown branch": [("cn=a", BRANCH), ("cn=b,cn=a", BRANCH), ("cn=odd,cn=b,cn=a", BRANCH)],
}


def make_url(request: pytest.FixtureRequest, kind: str, tmp_path: Path) -> str:
    """Return the URL of an empty configuration of a test's own."""
    number = next(NUMBERS)
    if kind == "ldif":
        return f"ldif:{tmp_path / 'config.ldif'}"
    if kind == "slapd":
        return str(request.getfixturevalue("slapd").socket_url + quote(f"cn=strays {number},{openldap.SUFFIX}"))
    return str(request.getfixturevalue("ds389_server").socket_url + quote(f"cn=strays {number},{ds389.SUFFIX}"))


@pytest.fixture(params=["389-ds", "ldif", "slapd"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A configuration with one mail server."""
    made = make_url(request, request.param, tmp_path)
    with confobjects.open(made) as context:
        context.create("mail-server", "one", {"enabled": False, "smtp-server": "h"})
        context.create("trust-manager-provider", "t", {"enabled": False}, type="blind")
    return made


def add(url: str, *entries: tuple[str, tuple[str, ...]]) -> None:
    with confobjects.open(url) as context, context.storage.writing():
        base = context.storage.base
        dns = [DN.parse(f"{above},{base}") for above, _ in entries]
        made = [
            Entry(dn, {"objectClass": classes, "cn": (dn.name,)}) for dn, (_, classes) in zip(dns, entries, strict=True)
        ]
        context.storage.commit([AddEntry(entry) for entry in made])


@pytest.mark.parametrize("kind", STRAYS)
def test_a_stray_is_told_wherever_it_could_be_missed(url: str, kind: str, tmp_path: Path) -> None:
    add(url, *STRAYS[kind])
    document = tmp_path / "document.json"
    warnings = [warning.summary for warning in confobjects.load(url).warnings]
    assert any("cn=odd," in summary for summary in warnings)
    result = run("--url", url, "check")
    assert result.status == 0
    assert "cn=odd," in result.err
    result = run("--url", url, "export", "--output-file", str(document))
    assert "cn=odd," in result.err
    result = run("--url", url, "copy", url, f"ldif:{tmp_path / 'other.ldif'}")
    assert "cn=odd," in result.err
    result = run("--url", url, "apply", "--prune", str(document))
    assert (result.status, "cn=odd," in result.err) == (0, True)
    with confobjects.open(url) as context:
        named = STRAYS[kind][-1][0]
        assert context.storage.read(DN.parse(f"{named},{context.storage.base}")) is not None


@pytest.mark.parametrize("kind", STRAYS)
@pytest.mark.parametrize("command", ["list-mail-servers", "list-trust-manager-providers"])
def test_a_list_tells_once_how_many_strays_there_are(url: str, kind: str, command: str) -> None:
    add(url, *STRAYS[kind])
    result = run("--url", url, command)
    assert result.status == 0
    assert "odd" not in result.out
    told = [warning for warning in confobjects.load(url).warnings if "not part of" in warning.summary]
    number = "the entry" if len(told) == 1 else f"{len(told)} entries are"
    assert result.err.startswith(f"warning: {number} ")
    assert result.err.count("not part of") == 1
    assert "remedy: run check" in result.err


def test_a_list_in_a_batch_tells_it_too(url: str, tmp_path: Path) -> None:
    add(url, *STRAYS["in a branch, but no object"])
    batch = tmp_path / "batch"
    batch.write_text("set-mail-server-prop --server-name one --set smtp-server:other\nlist-mail-servers\n")
    result = run("--url", url, "--batchFilePath", str(batch), "--no-prompt")
    assert (result.status, "cn=odd," in result.err) == (0, True)


def test_an_object_with_strays_below_it_is_not_deleted(url: str) -> None:
    add(url, *STRAYS["below an object"])
    with confobjects.open(url) as context:
        with pytest.raises(ObjectInUseError, match="cn=odd,"):
            context.delete("mail-server", "one")
        with pytest.raises(ObjectInUseError, match="cn=odd,"):
            context.delete("mail-server", "one", dry_run=True)
        with pytest.raises(ObjectInUseError, match="cn=odd,"):
            context.apply({}, prune=True)
        assert context.get("mail-server", "one").name == "one"
        with context.storage.writing():
            odd = DN.parse(f"{STRAYS['below an object'][0][0]},{context.storage.base}")
            context.storage.commit([DeleteEntry(odd)])
        context.delete("mail-server", "one")


def test_only_an_object_of_the_kind_is_deleted(url: str) -> None:
    add(url, *STRAYS["in a branch, but no object"])
    with confobjects.open(url) as context:
        with pytest.raises(BrokenDataError, match="not of type Mail Server"):
            context.delete("mail-server", "odd")
        assert context.storage.read(DN.parse(f"cn=odd,cn=Mail Servers,{context.storage.base}")) is not None


def test_nothing_is_told_of_what_is_ours(url: str) -> None:
    assert [w for w in confobjects.load(url).warnings if "not part of" in w.summary] == []
    assert "not part of" not in run("--url", url, "check").err
    with confobjects.open(url) as context:
        assert context.strays() == []


@pytest.mark.parametrize("number", range(len(CONFIGURATIONS)))
def test_the_entries_alone_tell_what_the_objects_tell(number: int) -> None:
    context = list(CONFIGURATIONS.values())[number]()
    assert find_strays(context.site, context.world()) == []
    assert context.strays() == []
    for above in [entry.dn for entry in context.storage.search(context.storage.base, "sub")]:
        with context.storage.writing():
            odd = Entry(above.child("ou", "odd"), {"objectClass": ("device",), "ou": ("odd",)})
            context.storage.commit([AddEntry(odd)])
        (stray,) = find_strays(context.site, context.world())
        (warning,) = context.strays()
        assert stray.summary.startswith(warning.summary)
        with context.storage.writing():
            context.storage.commit([DeleteEntry(odd.dn)])


FOREIGN = "dn: dc=example,dc=com\nobjectClass: domain\ndc: example\n\n"


def test_the_base_of_a_file_is_found_as_in_a_document(tmp_path: Path) -> None:
    path = tmp_path / "config.ldif"
    base = DN.parse("cn=config,dc=example,dc=com")
    with confobjects.open(f"ldif:{path}", base=base) as context:
        context.create("mail-server", "one", {"enabled": False, "smtp-server": "h"})
    text = path.read_text()
    path.write_text(FOREIGN + text.replace("version: 1\n", ""))
    with confobjects.open(f"ldif:{path}") as context:
        assert context.storage.base == base
        assert [obj.name for obj in context.list("mail-server")] == ["one"]
        context.modify("mail-server", "one", PropertyChanges(set={"smtp-server": ["other"]}))
    assert path.read_text().startswith(FOREIGN)
    path.write_text(text + "\n" + FOREIGN.replace("example,dc=com", "other,dc=net").replace("dc: example", "dc: other"))
    result = run("--url", f"ldif:{path}", "check")
    assert 'the entry "dc=other,dc=net" is outside the base' in result.err


def test_the_base_can_be_given_for_a_file(tmp_path: Path) -> None:
    path = tmp_path / "config.ldif"
    url = f"ldif:{path}"
    for base, host in (("cn=a", "first"), ("cn=b", "second")):
        text = path.read_text() if path.exists() else ""
        path.unlink(missing_ok=True)
        words = ["--url", url, "--baseDN", base, "create-mail-server", "--server-name", "m"]
        result = run(*words, "--set", "enabled:false", "--set", f"smtp-server:{host}")
        assert (result.status, "no effect" in result.err) == (0, False)
        made = path.read_text()
        path.write_text(f"{text}\n{made.removeprefix('version: 1')}" if text else made)
    for base, host in (("cn=a", "first"), ("cn=b", "second")):
        result = run("--url", url, "--baseDN", base, "get-mail-server-prop", "--server-name", "m")
        assert host in result.out
    assert 'the entry "cn=b" is outside the base "cn=a"' in run("--url", url, "check").err


RDNS = {
    "with a second attribute": "cn=two+ds-cfg-auth-username=x",
    "with a second attribute first": "ds-cfg-auth-username=x+cn=two",
    "with two of the naming attribute's spelling": "cn=one+ds-cfg-auth-username=one",
    "with another attribute alone": "ds-cfg-auth-username=two",
    "with a plus in the only value": r"cn=t\+w",
    "with another spelling of the type": "commonName=two",
    "with a comma in the value": r"cn=t\,w",
}


@pytest.fixture(params=["389-ds", "ldif", "memory", "slapd"])
def context(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ManagementContext]:
    """A configuration with one mail server, and a trust manager provider."""
    url = "memory:" if request.param == "memory" else make_url(request, request.param, tmp_path)
    with confobjects.open(url) as opened:
        opened.create("mail-server", "one", {"enabled": False, "smtp-server": "h"})
        yield opened


@pytest.mark.parametrize("rdn", RDNS.values(), ids=RDNS)
def test_an_entry_is_found_by_its_name_or_is_told_as_a_stray(context: ManagementContext, rdn: str) -> None:
    above = context.storage.read(DN.parse(f"cn=one,cn=Mail Servers,{context.storage.base}"))
    assert above is not None
    dn = DN.parse(f"{rdn},{above.dn.parent}")
    naming = {kind: (value,) for kind, value in dn.rdns[0]}
    other = {name: values for name, values in above.attributes.items() if name != "cn" or "commonName" not in naming}
    with context.storage.writing():
        context.storage.commit([AddEntry(Entry(dn, {**other, **naming}))])

    for world in (None, context.world()):
        plain = context.list("mail-server", (), world)
        columns = context.list("mail-server", (), world, properties=["enabled"])
        assert [obj.path for obj in plain] == [obj.path for obj in columns]
        assert all(context.get("mail-server", obj.name).path == obj.path for obj in plain)
        is_shown = len(plain) == 2
        assert is_shown == (dn.name_by("cn") is not None)
    assert [str(dn.parent) in stray.summary for stray in context.strays()] == [True] * (not is_shown)
    strays = find_strays(context.site, context.world())
    assert [(DN.parse(stray.summary.split('"')[1]) == dn) for stray in strays] == [True] * (not is_shown)


def test_load_tells_an_object_that_no_name_leads_to(url: str) -> None:
    with confobjects.open(url) as context, context.storage.writing():
        base = context.storage.base
        entry = context.storage.read(DN.parse(f"cn=one,cn=Mail Servers,{base}"))
        assert entry is not None
        dn = DN.parse(f"cn=two+ds-cfg-auth-username=x,cn=Mail Servers,{base}")
        named = {"cn": ("two",), "ds-cfg-auth-username": ("x",)}
        context.storage.commit([AddEntry(Entry(dn, {**entry.attributes, **named}))])
    warnings = [warning.summary for warning in confobjects.load(url).warnings]
    assert [True for summary in warnings if "ds-cfg-auth-username=x" in summary] == [True]
    for command, told in (
        ("list-mail-servers", "cn=two+ds-cfg-auth-username=x"),
        ("check", "is not named by cn alone"),
    ):
        result = run("--url", url, command)
        assert (result.status, "two" in result.out) == (0, False)
        assert told in result.err
    assert run("--url", url, "get-mail-server-prop", "--server-name", "two").status != 0
