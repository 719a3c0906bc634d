"""``apply`` and ``diff`` of LDIF texts: whole configurations from any base; what says nothing deletes nothing."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.documents import CANARY, exported, provider, server, small, write
from tests.cli.sessions import FAMILY, fresh, run

HEAD = "version: 1\n# confobjects-format: 1\n"
SAYS_NOTHING = "this document has no entry: it describes no configuration"


@pytest.fixture(autouse=True)
def _own_file(tmp_path: Path) -> Iterator[None]:
    with fresh(tmp_path):
        yield


def as_ldif() -> str:
    outcome = run("export", "--format", "ldif")
    assert outcome.status == 0
    return outcome.out


@pytest.mark.parametrize("options", [(), ("--prune",), ("--prune", "--dry-run")])
@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n", HEAD, f"\ufeff{HEAD}"])
def test_a_text_that_says_nothing_deletes_nothing(text: str, options: tuple[str, ...], tmp_path: Path) -> None:
    small()
    before = (tmp_path / "config.ldif").read_bytes()
    file = write(tmp_path / "nothing.ldif", text)
    outcome = run("apply", file, *options)
    assert (outcome.status, outcome.out) == (31, "")
    assert outcome.err.startswith(f"error: {file}:1: {SAYS_NOTHING}\n  remedy: ")
    assert (tmp_path / "config.ldif").read_bytes() == before
    assert run("diff", file).status == 31


def test_a_part_of_a_configuration_is_none(tmp_path: Path) -> None:
    small()
    before = (tmp_path / "config.ldif").read_bytes()
    entries = as_ldif().split("\n\n")
    for number in range(2, len(entries)):
        file = write(tmp_path / "part.ldif", "\n\n".join(entries[number:]))
        for options in ((), ("--prune",)):
            outcome = run("apply", file, *options)
            assert (outcome.status, outcome.out) == (31, "")
            assert 'the base "cn=config"' in outcome.err
            assert outcome.err.startswith(f"error: {file}:1:5: ")
    assert (tmp_path / "config.ldif").read_bytes() == before


def test_an_empty_configuration_is_one_if_it_says_so(tmp_path: Path) -> None:
    empty = {".ldif": as_ldif(), ".json": json.dumps(exported())}
    for ending, text in empty.items():
        file = write(tmp_path / f"empty{ending}", text)
        provider("p")
        assert run("apply", file).status == 0
        assert "/trust-manager-provider/p" in exported()["objects"]
        assert run("apply", file, "--prune").status == 0
        assert exported()["objects"] == {}


@pytest.mark.parametrize("base", ["cn=config,dc=example,dc=com", "o=a b\\2Cc", "cn=Mail Servers,cn=config"])
def test_an_export_from_another_base_is_applied_to_this_one(base: str, tmp_path: Path) -> None:
    small()
    wanted = exported()
    text = as_ldif().replace("cn=config", base)
    kind, _, value = base.partition(",")[0].replace("\\2C", ",").partition("=")
    file = write(tmp_path / "elsewhere.ldif", text.replace("cn: config", f"{kind}: {value}"))
    assert run("apply", file, "--prune", "--dry-run") == (0, "", "")
    for name in ("one", "two"):
        assert run("delete-mail-server", "--server-name", name).status == 0
    server("three")
    for name in ("one", "two"):
        server(name, f"auth-password:{CANARY}", "auth-username:x")
    assert run("apply", file, "--prune").status == 0
    found = exported()
    assert found == wanted
    assert "other" not in (tmp_path / "config.ldif").read_text()


def test_the_order_of_the_entries_is_of_no_matter(tmp_path: Path) -> None:
    small()
    head, *entries = as_ldif().rstrip("\n").split("\n\n")
    file = write(tmp_path / "reversed.ldif", "\n\n".join([head, *reversed(entries)]) + "\n")
    assert run("diff", file).status == 0
    assert run("apply", file, "--prune", "--dry-run").status == 0


def test_secrets_that_an_export_leaves_out_stay(tmp_path: Path) -> None:
    small()
    file = write(tmp_path / "export.ldif", as_ldif())
    assert CANARY not in Path(file).read_text()
    assert run("diff", file).status == 0
    assert run("apply", file, "--prune", "--dry-run") == (0, "", "")
    stored = f"ldif:{file}"
    assert run("diff", stored, "-s").out == "/mail-server/one\tauth-password\t-\t********\n"


def test_a_single_object_that_is_the_base_is_exported_beside_others(tmp_path: Path) -> None:
    family = ("--definitions", str(FAMILY))
    made = ["--store-name", "s", "--set", "enabled:true", "--set", "location:/s"]
    assert run("set-depot-settings-prop", "--set", "batch-size:7", *family).status == 0
    assert run("create-store", *made, *family).status == 0
    assert run("create-depot-codec", "--codec-type", "plain", *family).status == 0
    wanted = exported(*family)
    file = write(tmp_path / "export.ldif", run("export", "--format", "ldif", *family).out)
    with fresh(tmp_path / "elsewhere"):
        assert run("apply", file, *family).status == 0
        assert exported(*family) == wanted


def test_what_a_directory_keeps_besides_is_passed_over(tmp_path: Path) -> None:
    small()
    history = "dn: cn=History,cn=config\nobjectClass: ds-cfg-history\ncn: History\n"
    record = "dn: cn=1,cn=History,cn=config\nobjectClass: ds-cfg-history-record\ncn: 1\n"
    text = as_ldif().replace("cn: one\n", "cn: one\nentryUUID: 1-2-3\n")
    file = write(tmp_path / "dump.ldif", f"{text}\n{history}\n{record}")
    assert run("apply", file, "--prune", "--dry-run") == (0, "", "")


def test_what_is_no_object_is_told_and_compared_all_the_same(tmp_path: Path) -> None:
    small()
    text = as_ldif() + "\ndn: cn=note,cn=config\nobjectClass: device\ncn: note\n"
    file = write(tmp_path / "note.ldif", text)
    line = text[: text.index("dn: cn=note")].count("\n") + 1
    expected = f"{file}:{line}:5: this entry is neither an object nor a branch of objects\n"
    outcome = run("apply", file)
    assert (outcome.status, outcome.out) == (31, "")
    assert outcome.err.startswith(f"error: {expected}")
    compared = run("diff", file)
    assert compared.status == 0
    assert compared.err.startswith(f"warning: {expected}")


def test_an_archived_version_may_have_held_anything(tmp_path: Path) -> None:
    (tmp_path / "config.ldif").write_text(f"{HEAD}\ndn: cn=config\nobjectClass: device\ncn: config\n")
    provider("p")
    assert run("diff", "archive:1", "-s").status == 1
    assert run("apply", "archive:1", "--prune").status == 0
    assert exported()["objects"] == {}


def test_standard_input_may_be_ldif(monkeypatch: pytest.MonkeyPatch) -> None:
    small()
    text = as_ldif().replace("ds-cfg-enabled: true", "ds-cfg-enabled: maybe", 1)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    outcome = run("apply", "-")
    assert outcome.status == 10
    assert outcome.err.startswith("error: standard input:")
    assert "\n  ds-cfg-enabled: maybe\n                  ^^^^^\n" in outcome.err


def test_another_storage_that_cannot_be_read_whole_is_not_applied(tmp_path: Path) -> None:
    small()
    other = tmp_path / "other.ldif"
    text = (tmp_path / "config.ldif").read_text()
    points = "ds-cfg-trust-manager-provider: cn=blind,cn="
    assert points in text
    other.write_text(text.replace(points, f"{points}Elsewhere "))
    before = (tmp_path / "config.ldif").read_bytes()
    for place in (f"ldif:{other}", str(other)):
        outcome = run("apply", place)
        assert (outcome.status, outcome.out) == (31, "")
        assert "trust-manager-provider: the reference" in outcome.err
        assert (tmp_path / "config.ldif").read_bytes() == before


def test_a_storage_that_holds_no_configuration_deletes_nothing(tmp_path: Path) -> None:
    small()
    before = (tmp_path / "config.ldif").read_bytes()
    head, base, *rest = as_ldif().split("\n\n")
    head, base = f"{head}\n\n", f"{base}\n"
    for text in ("", HEAD, "\n\n".join(rest), "\n\n".join(rest[1:]), base.replace("ds-cfg-branch", "device")):
        place = f"ldif:{write(tmp_path / 'part.ldif', text)}"
        outcome = run("apply", place, "--prune")
        assert (outcome.status, outcome.out) == (31, "")
        assert outcome.err.startswith(f"error: {place}: there is no configuration: ")
        assert run("diff", place, "-s").status == 1
    assert (tmp_path / "config.ldif").read_bytes() == before
    place = f"ldif:{write(tmp_path / 'empty.ldif', f'{head}{base}')}"
    assert run("apply", place, "--prune").status == 0
    assert exported()["objects"] == {}
