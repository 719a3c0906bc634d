"""The command line knows the objects whose definitions the configuration holds, before it builds a command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from confobjects import startup
from confobjects.cli.commands import SPECIAL
from confobjects.cli.words.splitting import global_values, take_apart
from confobjects.definitions.reserved import RESERVED_NAMES
from tests.cli.sessions import INSTALLABLE, fresh, run

ROOT = Path(__file__).resolve().parents[2]
SERVICE = INSTALLABLE / "service.json"
NOWHERE = "ldap://127.0.0.1:1/dc=example,dc=com"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A directory with a configuration that holds the definition of a service."""
    with fresh(tmp_path):
        assert run("definitions", "install", str(SERVICE)).status == 0
        yield tmp_path


def damage(place: Path) -> None:
    """Change a definition with an editor."""
    file = place / "config.ldif"
    text = file.read_text("utf-8")
    digest = next(line for line in text.splitlines() if line.startswith("ds-cfg-definition-digest"))
    file.write_text(text.replace(digest, f"ds-cfg-definition-digest: {'0' * 64}"), "utf-8")


def test_a_command_opens_the_configuration_once(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    read = startup.read_configuration

    def count(url: str, *arguments: Any, **options: Any) -> startup.OpenConfiguration:
        opened.append(url)
        return read(url, *arguments, **options)

    monkeypatch.setattr(startup, "read_configuration", count)
    create = ["create-service", "--service-name", "a", "--set", "host:h", "--set", "pin:&{x|y}"]
    for words in (create, ["list-services"], ["check"], ["history"], ["undo", "2"], ["definitions", "list"]):
        opened.clear()
        assert run(*words).status == 0
        assert len(opened) == 1, words
    assert place.exists()


@pytest.mark.parametrize(
    "words", [["describe", "mail-server"], ["list-properties"], ["--help"], ["json-schema", "mail-server"]]
)
def test_what_only_shows_definitions_opens_no_file_without_any(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(startup, "read_configuration", lambda url, *_, **__: opened.append(url))
    with fresh(tmp_path):
        (tmp_path / "config.ldif").write_text("dn: cn=config\nobjectClass: ds-cfg-branch\ncn: config\n", "utf-8")
        assert run(*words).status == 0
    assert opened == []


def test_what_only_shows_definitions_waits_for_no_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for device in (tmp_path / "pipe", "/dev/zero"):
        assert run("describe", "mail-server", "--url", f"ldif:{device}").status == 0


def test_a_check_of_definitions_counts_its_warnings(place: Path) -> None:
    forgets = run("definitions", "check", str(INSTALLABLE / "forgets.json"), "--force")
    assert forgets.out == "1 definition: 0 errors, 2 warnings\n"
    assert forgets.err.count("warning: ") == 2
    assert place.exists()


def test_an_export_replaces_nothing_that_is_no_file_of_it(place: Path) -> None:
    there = place / "exported" / "service.json"
    there.mkdir(parents=True)
    outcome = run("definitions", "export", str(there.parent))
    assert (outcome.status, "there is another file already" in outcome.err) == (13, True)
    forced = run("definitions", "export", str(there.parent), "--force")
    assert (forced.status, "internal" in forced.err) == (31, False)
    assert there.is_dir()


def test_the_objects_are_known_wherever_definitions_are_shown(place: Path) -> None:
    assert " service" in run("--help").out
    assert "create-service" in run("--help-all").out
    assert "list-services" in run("completion", "bash", "--at", "1", "--", "confobjects", "list-s").out
    assert "A service that listens." in run("describe", "service").out
    assert run("json-schema", "service").status == 0
    assert "ds-cfg-service" in run("ldap-schema").out
    assert "--service-name" in run("create-service", "--help").out
    assert place.exists()


def test_a_command_that_shows_definitions_goes_on_without_the_directory(place: Path) -> None:
    outcome = run("describe", "mail-server", "--url", NOWHERE)
    assert outcome.status == 0
    assert "the definitions in the configuration are not known" in outcome.err
    assert run("create-mail-server", "--help", "--url", NOWHERE).status == 0
    assert run("create-service", "--url", NOWHERE).status == 20
    assert run("list-mail-servers", "--url", NOWHERE).status == 20
    assert place.exists()


def test_a_server_that_only_the_environment_names_may_not_be_there_yet(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONFOBJECTS_URL", NOWHERE)
    outcome = run("ldap-schema")
    assert (outcome.status, outcome.err) == (0, "")
    outcome = run("describe", "service")
    assert outcome.status == 2
    assert (
        "the definitions in the configuration are not known: ldap://127.0.0.1:1 refused the connection" in outcome.err
    )
    assert place.exists()


def test_a_secret_of_an_installed_kind_is_masked_in_mistakes_and_in_the_history(place: Path) -> None:
    secret = "Kanarienvogel-7!x"
    for words in (
        ["create-service", "--service-name", "a", "--set", f"pin:{secret}", "--set", "host:h"],
        ["create-service", "--service-name", "b", "--set", f"pin={secret}", "--set", "host:h"],
        ["create-service", "--service-nam", "b", "--set", f"pin:{secret}"],
        ["create-servic", "--set", f"pin:{secret}"],
        ["set-service-prop", "--service-name", "a", "--set", f"pin:{secret}", "--set", "nonsense:x"],
    ):
        outcome = run(*words)
        assert secret not in outcome.out + outcome.err
    for words in (
        ["get-service-prop", "--service-name", "a"],
        ["history", "show", "2"],
        ["export"],
        ["list-services", "-v"],
    ):
        outcome = run(*words)
        assert outcome.status == 0
        assert secret not in outcome.out + outcome.err
    assert secret in (place / "config.ldif").read_text("utf-8")


def test_a_directory_of_definitions_wins_also_from_the_environment(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = json.loads(SERVICE.read_text("utf-8")) | {"version": 7, "synopsis": "The one being written."}
    own = place / "own"
    own.mkdir()
    (own / "service.json").write_text(json.dumps(newer), "utf-8")
    assert "The one being written." in run("describe", "service", "--definitions", str(own)).out
    monkeypatch.setenv("CONFOBJECTS_DEFINITIONS", str(own))
    assert "The one being written." in run("describe", "service").out
    rows = json.loads(run("definitions", "list", "--output", "json").out)["definitions"]
    assert [(row["source"], row["version"], row["state"]) for row in rows] == [
        ("directory", "7", "used"),
        ("installed", "", "replaced"),
    ]
    assert str(own) in run("list-services", "-v").err


def test_a_damaged_definition_is_told_and_the_rest_goes_on(place: Path) -> None:
    assert run("create-service", "--service-name", "a", "--set", "host:h", "--set", "pin:&{x|y}").status == 0
    damage(place)
    outcome = run("list-mail-servers")
    assert outcome.status == 0
    assert "its digest does not fit" in outcome.err
    assert (
        run("create-mail-server", "--server-name", "m", "--set", "enabled:true", "--set", "smtp-server:h").status == 0
    )
    outcome = run("check")
    assert outcome.status == 31
    assert "its digest does not fit" in outcome.err
    assert "not usable: broken" in run("definitions", "list").out
    outcome = run("list-services")
    assert outcome.status == 2
    assert "its digest does not fit" in outcome.err  # the command would be one of its objects
    for line in (("describe", "service"), ("json-schema", "service"), ("list-properties",)):
        assert "its digest does not fit" in run(*line).err
    outcome = run("definitions", "remove", "service")
    assert (outcome.status, '"cn=a,cn=Services,cn=config" is an object of it' in outcome.err) == (14, True)
    assert run("definitions", "install", str(SERVICE)).status == 0
    assert run("list-services", "-s").out == "a\n"


def test_a_mistake_in_one_file_is_not_told_of_the_files_that_build_on_it(place: Path) -> None:
    relation = {"parent": "root", "kind": "instantiable", "branch": "cn=Bells"}
    bell = {"name": "bell", "version": 1, "synopsis": "Rings.", "relation": relation}
    below = relation | {"parent": "bell", "branch": "cn=Ropes"}
    rope = {"name": "rope", "version": 1, "synopsis": "Is pulled.", "relation": below}
    files = [place / "bell.json", place / "rope.json", place / "torn.json"]
    for file, data in zip(files, (bell | {"version": "one"}, rope, rope | {"name": "torn"}), strict=True):
        file.write_text(json.dumps(data), "utf-8")
    outcome = run("definitions", "install", str(files[0]), str(files[1]))
    assert (outcome.status, outcome.err.count("remedy:") + outcome.err.count("bell.json:1:")) == (31, 1)
    assert "rope.json" not in outcome.err
    files[2].write_text("{", "utf-8")
    outcome = run("definitions", "check", *map(str, files))
    assert (outcome.status, "bell.json:1:" in outcome.err, "torn.json:1:" in outcome.err) == (31, True, True)


CLAIMED = """
dn: cn=odd,cn=ABOVE,cn=config
objectClass: top
CLASSES
cn: odd
ds-cfg-enabled: true
ds-cfg-smtp-server: h
ds-cfg-loudness: 11
"""
BRANCH = """
dn: cn=Unheard Ofs,cn=config
objectClass: top
objectClass: ds-cfg-branch
cn: Unheard Ofs
"""
CLAIMS = {
    "in a branch of its own": ("Unheard Ofs", ["ds-cfg-unheard-of"], "cn=odd,"),
    "in the branch of another kind": ("Mail Servers", ["ds-cfg-unheard-of"], "cn=odd,"),
    "as a type of another kind": ("Mail Servers", ["ds-cfg-mail-server", "ds-cfg-unheard-of"], "/mail-server/odd"),
}


@pytest.mark.parametrize("claim", CLAIMS)
def test_an_entry_that_claims_a_definition_nobody_has_is_told_and_kept(claim: str, place: Path) -> None:
    above, classes, named = CLAIMS[claim]
    assert (
        run("create-mail-server", "--server-name", "m", "--set", "enabled:true", "--set", "smtp-server:h").status == 0
    )
    file, document = place / "config.ldif", place / "all.json"
    claimed = CLAIMED.replace("ABOVE", above).replace("CLASSES", "\n".join(f"objectClass: {one}" for one in classes))
    branch = BRANCH if above == "Unheard Ofs" else ""
    file.write_text(file.read_text("utf-8") + branch + claimed, "utf-8")
    checked = run("check")
    assert (checked.status, named in checked.err) == (0, True)
    count = checked.err.count("warning: ")
    assert checked.out.endswith(f": 0 errors, {count} warning{'' if count == 1 else 's'}\n")
    assert run("list-unheard-ofs").status == 2
    assert run("export", "--output-file", str(document)).status == 0
    assert run("set-mail-server-prop", "--server-name", "m", "--set", "smtp-server:other").status == 0
    assert run("apply", str(document), "--prune").status == 0
    assert run("definitions", "remove", "service").status == 0
    assert claimed in file.read_text("utf-8")


def test_code_that_is_not_allowed_is_refused_when_the_configuration_is_opened(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONFOBJECTS_ALLOW_CODE", "module:subprocess")
    assert run("definitions", "install", str(INSTALLABLE / "code.json"), "--force").status == 0
    assert run("list-services").status == 0
    monkeypatch.delenv("CONFOBJECTS_ALLOW_CODE")
    for words in (["list-mail-servers"], ["check"], ["export"]):
        outcome = run(*words)
        assert outcome.status == 31
        assert "subprocess:getoutput" in outcome.err
    assert run("definitions", "show", "service").status == 0
    assert run("definitions", "remove", "service").status == 0
    assert run("list-mail-servers").status == 0
    assert place.exists()


def test_an_export_as_commands_names_the_definitions_that_it_needs(place: Path) -> None:
    assert run("create-service", "--service-name", "a", "--set", "host:h", "--set", "pin:&{x|y}").status == 0
    lines = run("export", "--format", "commands").out.splitlines()
    assert lines[1] == "# install its definition first (definitions export, definitions install): service"
    assert not any("installed-definition" in line for line in lines)
    assert place.exists()


def test_export_replaces_no_other_file(place: Path) -> None:
    out = place / "out"
    assert run("definitions", "export", str(out)).status == 0
    assert (out / "service.json").read_bytes() == SERVICE.read_bytes()
    (out / "service.json").write_text("mine", "utf-8")
    assert run("definitions", "export", str(out)).status == 13
    assert run("definitions", "export", str(out), "--force").status == 0
    assert (out / "service.json").read_bytes() == SERVICE.read_bytes()


def test_a_new_definition_can_be_installed_as_it_is(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    assert run("new-definition", "web-probe").status == 0
    written = (place / "web-probe.json").read_text("utf-8")
    assert "$comment" in written
    assert run("new-definition", "web-probe", "--output-file", "-").out == written
    assert run("new-definition", "web-probe").status == 13
    assert run("definitions", "check", "web-probe.json").status == 0
    assert run("definitions", "install", "web-probe.json").status == 0
    assert run("create-web-probe", "--probe-name", "a", "--set", "address:h").status == 0
    assert run("check").status == 0
    jsonschema.Draft202012Validator(json.loads(run("json-schema", "--meta-schema").out)).validate(json.loads(written))


@pytest.mark.parametrize("name", ["history", "service", "mail-server", "Foo", "a_b", "../x", ""])
def test_a_new_definition_needs_a_name_that_is_free(name: str, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    before = sorted(place.iterdir())
    outcome = run("new-definition", name)
    if name == "service":  # which only the configuration knows; installing it tells
        assert outcome.status == 0
        return
    assert outcome.status == 2
    assert sorted(place.iterdir()) == before


PROGRAM = """
import confobjects
from confobjects.syntaxes import HostPort

config = confobjects.load("ldif:x")
right: HostPort = config["service", "one"]["host"]
server: HostPort = config["mail-server", "one"]["smtp-server"]
wrong: int = config["service", "one"]["host"]
"""


def test_a_type_checker_knows_installed_objects_from_the_stubs(place: Path) -> None:
    environment = place / "environment"
    venv.create(environment)
    (packages,) = environment.glob("lib/python*/site-packages")
    (packages / "confobjects.pth").write_text(str(ROOT), "utf-8")
    assert run("definitions", "stubs", str(packages)).status == 0
    program = place / "program.py"
    program.write_text(PROGRAM, "utf-8")
    python = ["--python-executable", str(environment / "bin" / "python")]
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(place / "cache"), *python, str(program)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=place, check=False)
    assert [line for line in done.stdout.splitlines() if ": error:" in line] == [
        'program.py:8: error: Incompatible types in assignment (expression has type "HostPort", variable has type "int")'
        "  [assignment]"
    ]


def test_no_kind_takes_the_name_of_a_command() -> None:
    assert set(SPECIAL) <= RESERVED_NAMES


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (["list-x", "--url", "ldif:a", "-sn"], {"url": "ldif:a", "script_friendly": True, "no_prompt": True}),
        (["set-x", "--set", "a:b", "-D", "cn=x", "-wy"], {"binddn": "cn=x", "bindpassword": "y"}),
        (["set-x", "--set=a:b", "--HOSTNAME=h", "-p389"], {"hostname": "h", "port": "389"}),
        (["x", "--unknown", "--url", "ldif:a"], {"url": "ldif:a"}),
        (["x", "--define", "a=b", "--define=c=d"], {"define": ("a=b", "c=d")}),
        (["x", "--", "--url", "ldif:a"], {}),
        (["x", "--url"], {}),
        (["x", "-Zqh", "host"], {"usessl": True, "usestarttls": True, "hostname": "host"}),
    ],
)
def test_global_options_are_found_before_the_command_is_known(line: list[str], expected: dict[str, Any]) -> None:
    found = {name: value for name, value in global_values(take_apart(line)).items() if value not in {None, False, ()}}
    assert found == expected
