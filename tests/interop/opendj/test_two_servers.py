"""Two real OpenDJ servers: compared, made alike in one command, and put back; and the page of the guide on them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from tests.cli.sessions import Outcome, run
from tests.docs import pages
from tests.docs.pages import ROOT
from tests.servers.opendj import ROOT_DN, OpenDj
from tests.servers.processes import free_port

OWN = ("--leave", "listen-port", "--leave", "replication-port", "--leave", "key-store-file")
"""What each server has for itself: its ports, and the path of the key store that its set-up was given."""

EAST: Sequence[Sequence[str]] = (
    (
        *("create-trust-manager-provider", "--provider-name", "Partners", "--type", "file-based"),
        *("--set", "enabled:true", "--set", "trust-store-file:config/truststore", "--set", "trust-store-pin:canary 5T"),
    ),
    (
        *("create-connection-handler", "--handler-name", "Partner Port", "--type", "ldap", "--set", "enabled:false"),
        *("--set", "listen-port:3390", "--set", "trust-manager-provider:Partners"),
    ),
    (
        *("create-password-validator", "--validator-name", "Nine", "--type", "length-based"),
        *("--set", "enabled:true", "--set", "min-password-length:9"),
    ),
    (
        *("create-password-policy", "--policy-name", "A Policy", "--type", "password-policy"),
        *("--set", "password-attribute:userPassword", "--set", "default-password-storage-scheme:Salted SHA-512"),
        *("--set", "password-validator:Nine"),
    ),
    (
        *("create-backend-index", "--backend-name", "userRoot", "--index-name", "description"),
        *("--set", "index-type:equality"),
    ),
    ("set-global-configuration-prop", "--set", "lookthrough-limit:9000", "--set", "smtp-server:one:25"),
    (
        *("set-plugin-prop", "--plugin-name", "Referential Integrity"),
        *("--set", "enabled:true", "--set", "attribute-type:member"),
    ),
    ("delete-virtual-attribute", "--name", "Password Expiration Time"),
    ("delete-log-publisher", "--publisher-name", "Replication Repair Logger"),
)
"""What makes the one server differ: objects that refer to others and have parents, values, secrets, deletions."""


@pytest.fixture(scope="module")
def west() -> Iterator[OpenDj]:
    with OpenDj() as running:
        yield running


@pytest.fixture(scope="module", autouse=True)
def _data(tmp_path_factory: pytest.TempPathFactory, opendj: OpenDj) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        assert run("family", "add", "opendj", str(opendj.home)).status == 0
        yield


def write_properties(server: OpenDj, path: Path) -> str:
    path.write_text(
        f"url={server.tls_url}\nbindDN={ROOT_DN}\nbindPasswordFile={server.password_file}\n"
        f"trustStorePath={server.authority_file}\n"
    )
    return str(path)


def read_entries(server: OpenDj) -> Mapping[str, Sequence[str]]:
    """Return every entry of the configuration as its DN and its sorted lines."""
    found = server.ldapsearch("-b", "cn=config", "(objectClass=*)", "*").strip().split("\n\n")
    return {lines[0].lower(): sorted(lines[1:]) for lines in map(str.splitlines, found)}


def test_one_server_becomes_like_another_and_itself_again(opendj: OpenDj, west: OpenDj, tmp_path: Path) -> None:
    here, there = (write_properties(one, tmp_path / f"{one.port}.properties") for one in (opendj, west))

    def ask(file: str, *words: str) -> Outcome:
        return run(*words, "--propertiesFilePath", file, "-n")

    kind = ("create-replication-server", "--provider-name", "Multimaster Synchronization")
    for words in EAST:
        assert ask(here, *words).status == 0, words
    for file, own in ((here, "1"), (there, "2")):
        port = f"replication-port:{free_port()}"
        assert ask(file, *kind, "--set", f"replication-server-id:{own}", "--set", port).status == 0
    shown = run("diff", f"properties:{there}", f"properties:{here}", *OWN, "-s")
    assert shown.status == 1
    assert "/trust-manager-provider/Partners\ttrust-store-pin\t-\t********" in shown.out
    assert "canary 5T" not in shown.out
    before, other = read_entries(west), read_entries(opendj)
    assert ask(there, "apply", f"properties:{here}", "--prune", *OWN, "--dry-run").status == 1
    assert read_entries(west) == before
    applied = ask(there, "apply", f"properties:{here}", "--prune", *OWN, "--verbose")
    assert (applied.status, applied.out) == (0, "5 objects created, 2 changed, 2 deleted.\n")
    assert "replication-server-id is read-only: it stays as it is (2)" in applied.err
    after = read_entries(west)
    assert after.keys() == other.keys()
    different = {line for dn in after for line in set(after[dn]) ^ set(other[dn])}
    own_names = ("listen-port", "replication-port", "key-store-file", "replication-server-id")
    own_lines = ("userPassword:", *(f"ds-cfg-{name}:" for name in own_names))
    assert {line for line in different if not line.startswith(own_lines)} == set()
    left = ask(there, "diff", f"properties:{here}", *OWN, "-s")
    place = "/synchronization-provider/Multimaster Synchronization/replication-server"
    assert (left.status, left.out) == (0, f"{place}\treplication-server-id\t1\t2\tread-only\n")
    assert ask(there, "apply", f"properties:{here}", "--prune", *OWN, "--verbose").out == "Nothing changed.\n"
    assert ask(there, "undo", "2").status == 0
    assert read_entries(west) == before
    for file in (here, there):
        assert ask(file, "undo", "--to", "0").status == 0


def test_an_export_of_one_is_applied_to_the_other(opendj: OpenDj, west: OpenDj, tmp_path: Path) -> None:
    here, there = (write_properties(one, tmp_path / f"{one.port}.properties") for one in (opendj, west))
    document, before = str(tmp_path / "east.json"), read_entries(west)
    assert run("export", "--output-file", document, "--propertiesFilePath", here).status == 0
    assert "null" not in Path(document).read_text()
    applied = run("apply", document, "--prune", *OWN, "--verbose", "--propertiesFilePath", there)
    assert (applied.status, applied.out) == (0, "Nothing changed.\n")
    assert read_entries(west) == before


def test_the_page_on_opendj(opendj: OpenDj, west: OpenDj, tmp_path: Path) -> None:
    variables = {"OPENDJ": str(opendj.home)}
    for name, server in (("EAST", opendj), ("WEST", west)):
        files = {"CA": server.authority_file, "PASSWORD": server.password_file}
        variables |= {name: server.tls_url, **{f"{name}_{what}": str(file) for what, file in files.items()}}
    before = read_entries(west)
    try:
        assert "\n".join(pages.differences(ROOT / "docs" / "guide" / "opendj.md", tmp_path, variables)) == ""
        assert read_entries(west) == before
    finally:
        (tmp_path / "back").mkdir()
        env = pages.environment(tmp_path, variables)
        pages.session(["confobjects undo --to 0 --no-prompt"], tmp_path, env)
