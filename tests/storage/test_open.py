"""The URL of a storage: what it may be, and what is said when it is not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from confobjects.dn import DN
from confobjects.errors import StorageError, UsageError
from confobjects.mapping.protocol import is_remote
from confobjects.storage import SCHEMES, open_storage
from tests.storage.conftest import MAKERS, ON_SERVERS

KNOWN = "known kinds: ldap:, ldapi:, ldaps:, ldif:, memory:"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", f"the storage must be a URL that starts with its kind and a colon\n  remedy: {KNOWN}"),
        (
            "/etc/config.ldif",
            "the storage must be a URL that starts with its kind and a colon\n"
            f'  remedy: did you mean "ldif:/etc/config.ldif"? {KNOWN}',
        ),
        (
            "ldfi:/etc/x",
            f'URLs that start with "ldfi:" are not supported\n  remedy: did you mean "ldif:/etc/x"? {KNOWN}',
        ),
        ("redis://h", f'URLs that start with "redis:" are not supported\n  remedy: {KNOWN}'),
        (
            "./a:b",
            "the storage must be a URL that starts with its kind and a colon\n"
            f'  remedy: did you mean "ldif:./a:b"? {KNOWN}',
        ),
        ("ldif:", '"ldif:" does not name a file\n  remedy: write "ldif:" and the path of the file'),
        ("ldif:a\0b", '"ldif:a\\x00b" does not name a file\n  remedy: write "ldif:" and the path of the file'),
        (
            "ldif://etc/x",
            "the URL of an LDIF file cannot contain a host\n"
            '  remedy: write "ldif:etc/x" for a path that starts here, "ldif:/etc/x" for one that starts at /',
        ),
        ("memory:name", 'a storage in memory has no name\n  remedy: write "memory:"'),
    ],
)
def test_refused(url: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_storage(url)
    assert str(caught.value) == message


def test_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert open_storage("ldif:a.ldif").url == f"ldif:{tmp_path}/a.ldif"
    assert open_storage("LDIF:///etc/a.ldif").url == "ldif:/etc/a.ldif"
    assert open_storage("ldif:~/a.ldif").url == f"ldif:{tmp_path}/home/a.ldif"


def test_a_missing_file_is_empty_with_a_warning_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "none" / "config.ldif"
    storage = open_storage(f"ldif:{path}")
    assert [warning.render() for warning in storage.warnings] == [
        f"{path}: there is no such file: the configuration is empty\n"
        "  remedy: the first change creates it; if it should be there, correct the path"
    ]
    strict = open_storage(f"ldif:{path}", missing_ok=False)
    for use in (lambda: strict.base, lambda: strict.read(DN.parse("cn=config")), lambda: strict.writing().__enter__()):
        with pytest.raises(StorageError) as caught:
            use()
        assert str(caught.value) == f"{path}: there is no such file\n  remedy: correct the path"
    assert not path.parent.exists()


def test_the_base_is_given_or_the_first_entry(tmp_path: Path) -> None:
    path = tmp_path / "x.ldif"
    path.write_text("dn: o=house\no: house\n\ndn: cn=config\ncn: config\n")
    assert str(open_storage(f"ldif:{path}").base) == "o=house"
    assert str(open_storage(f"ldif:{path}", base=DN.parse("cn=config")).base) == "cn=config"
    path.write_text("# nothing yet\n")
    assert str(open_storage(f"ldif:{path}").base) == "cn=config"


def test_every_scheme_names_something_that_can_be_opened() -> None:
    assert all(scheme == scheme.lower() and ":" in target for scheme, target in SCHEMES.items())


def test_of_every_kind_of_storage_it_is_known_who_can_write_it() -> None:
    """Where only users of this machine can, values may name code."""
    found = {scheme: is_remote(f"{scheme}:x") for scheme in [*SCHEMES, "nonsense"]}
    assert found == dict.fromkeys(("ldap", "ldapi", "ldaps", "nonsense"), True) | {"ldif": False, "memory": False}


def test_the_contract_is_asked_of_every_kind_of_storage(tmp_path: Path) -> None:
    """A scheme without a maker is a storage that nothing holds to the contract."""
    asked = {*MAKERS, *ON_SERVERS.values()}
    assert asked <= set(SCHEMES)
    assert {SCHEMES[scheme] for scheme in asked} == set(SCHEMES.values())
    for scheme, make in MAKERS.items():
        made = make(tmp_path)
        assert type(made).__module__ == SCHEMES[scheme].partition(":")[0]
        made.close()


def test_reading_imports_nothing_that_only_writing_needs(tmp_path: Path) -> None:
    path = tmp_path / "x.ldif"
    path.write_text("dn: cn=config\ncn: config\n")
    heavy = {"fcntl", "tempfile", "gzip", "zlib", "hashlib", "pathlib", "threading", "logging", "dataclasses", "json"}
    program = (
        "import sys; before = set(sys.modules)\n"
        "from confobjects.dn import DN\n"
        "from confobjects.storage import open_storage\n"
        f"assert open_storage('ldif:{path}').read(DN.parse('cn=config'))\n"
        f"print(sorted({heavy!r} & (set(sys.modules) - before)))"
    )
    root = Path(__file__).parents[2]
    # -S: no site-packages, whose .pth files may import anything
    found = subprocess.run([sys.executable, "-S", "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


@pytest.mark.parametrize("url", ["memory:", "ldif:x.ldif", "ldap://localhost/dc=x"])
@pytest.mark.parametrize(("name", "remedy"), [("dead_line", 'did you mean "deadline"?'), ("nonsense", "known: ")])
def test_an_option_that_the_storage_does_not_have_is_refused_by_name(url: str, name: str, remedy: str) -> None:
    options: dict[str, Any] = {"deadline": 1.0, name: 1}
    with pytest.raises(UsageError) as caught:
        open_storage(url, **options)
    (problem,) = caught.value.diagnostics
    assert problem.summary == f'a storage of the kind "{url.partition(":")[0]}:" has no option "{name}"'
    assert remedy in str(problem.remedy)
    assert problem.argument == name
