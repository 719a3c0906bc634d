"""``--compat dsconfig`` beside dsconfig itself, on one server: what both print, character for character, and how both end.

What differs, and why, is in ``DIFFERENT``. All commands of dsconfig run in batches, because each start of it takes seconds.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from itertools import cycle
from pathlib import Path

import pytest

from confobjects.cli.words.names import option_of, verbs_of
from confobjects.definitions import Registry, Relation
from confobjects.definitions_loading import load_registry
from confobjects.families import find_family
from tests.cli.sessions import Outcome, run
from tests.servers.opendj import ROOT_DN, VERSION, OpenDj

GET_OPTIONS = (
    "",
    "-s",
    "--record",
    "--advanced",
    "-s --record",
    "-v",
    "--advanced -s -z kb -m s",
    "--record -z gb -m d",
    "-s -z mb -m h",
    "-z tb -m w",
    "-m ms -z b",
)
LIST_OPTIONS = (
    "--advanced",
    "--advanced -s",
    "-v",
    "-z kb -m m",
    "-z mb -m h --advanced",
    "--advanced --quiet",
    "-s --quiet",
)
MORE = """\
create-backend-vlv-index --backend-name userRoot --index-name Ours --set "base-dn:dc=example,dc=com" --set scope:whole-subtree \
--set "filter:(cn=*)" --set "sort-order:+sn +givenName"
create-access-log-filtering-criteria --publisher-name "File-Based Access Logger" --criteria-name "Only, ours" \
--set log-record-type:bind --set "request-target-dn-equal-to:ou=one,dc=example,dc=com" --set user-dn-equal-to:cn=two
create-log-retention-policy --policy-name "zero, ours" --type file-count --set number-of-files:123456
create-log-rotation-policy --policy-name Ours --type size-limit --set "file-size-limit:1234567 b"
create-log-rotation-policy --policy-name "ours again" --type time-limit --set "rotation-interval:90061 s"
create-password-validator --validator-name Ours --type dictionary --set enabled:false --set dictionary-file:config/none
set-global-configuration-prop --set smtp-server:one.example.com:25 --set smtp-server:two.example.com --set idle-time-limit:61001ms
"""
"""Objects that a fresh server does not have: of rare kinds, with odd names, with amounts that no unit fits."""
DIFFERENT = {
    "client-secret": "a secret is masked",
    "dynamically": "a blank before a full stop in a text of theirs",
}
"""The words of lines that may differ, each with the reason."""


@pytest.fixture(scope="module", autouse=True)
def _places(opendj: OpenDj, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("DATA", "STATE"):
            patch.setenv(f"XDG_{name}_HOME", str(tmp_path_factory.mktemp(name)))
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        assert run("family", "add", "opendj", str(opendj.home)).status == 0
        yield


def login(server: OpenDj) -> Sequence[str]:
    return ("-h", "localhost", "-p", str(server.admin_port), "-D", ROOT_DN, "-j", str(server.password_file), "-X", "-n")


def ours(server: OpenDj, *words: str) -> Outcome:
    """Run a command of ours as dsconfig is run."""
    return run(*words, *login(server), "--compat", "dsconfig")


def theirs(server: OpenDj, lines: Sequence[str]) -> dict[str, str]:
    """Return what dsconfig prints for each line of a batch."""
    program = [str(server.home / "bin" / "dsconfig"), *login(server), "--noPropertiesFile", "--batch"]
    done = subprocess.run(program, input="\n".join(lines), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = {}
    current: list[str] = []
    rest = iter([*lines, None])
    expected = next(rest)
    for line in done.stdout.splitlines():
        if line == expected:
            current = found.setdefault(line, [])
            expected = next(rest)
        else:
            current.append(line)
    assert list(found) == list(lines)
    return {line: "\n".join(told).rstrip("\n") for line, told in found.items()}


@pytest.fixture(scope="module")
def furnished(opendj: OpenDj, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenDj]:
    """The server with further objects, which are gone afterwards."""
    batch = tmp_path_factory.mktemp("batch") / "more"
    batch.write_text(MORE, encoding="utf-8")
    made = ours(opendj, "-F", str(batch))
    assert made.status == 0, made.err
    yield opendj
    assert ours(opendj, "undo", "1").status == 0


def quote(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def name_words(registry: Registry, relation: Relation, names: Sequence[str]) -> list[str]:
    lineage = [step for step in registry.lineage(relation) if step.named]
    return [f"{option_of(step)} {quote(name)}" for step, name in zip(lineage, names, strict=False)]


def list_commands(server: OpenDj) -> list[str]:
    """Return a command for each object of a server, and several for each list, with options in turn."""
    registry = load_registry(family=find_family(f"opendj-{VERSION}", os.environ).name, builtin=False)
    exported = ours(server, "export")
    assert exported.status == 0, exported.err
    options, of_lists = cycle(GET_OPTIONS), cycle(LIST_OPTIONS)
    lists: dict[str, None] = {}
    commands = []
    for text in json.loads(exported.out)["objects"]:
        path = registry.parse_path(text)
        relation = registry.relation(path.relation)
        if relation.hidden:
            continue
        verbs = verbs_of(relation)
        commands.append(" ".join([verbs["get"], *name_words(registry, relation, path.names), next(options)]).strip())
        if "list" in verbs:
            lists[" ".join([verbs["list"], *name_words(registry, relation, path.names[:-1])])] = None
    return commands + [f"{one} {words}".strip() for one in lists for words in ("", "-s", next(of_lists))]


def differences(server: OpenDj, lines: Sequence[str]) -> Iterator[str]:
    """Yield each line that is not as in dsconfig, after the command."""
    for line, told in theirs(server, lines).items():
        done = ours(server, *shlex.split(line))
        if done.status:
            yield f"{line}: {done.err}"
        printed = done.out.removesuffix("\n")
        if printed == told:
            continue
        here, there = printed.split("\n"), told.split("\n")
        if len(here) != len(there):
            yield f"{line}:\n{told}\n{printed}"
        for mine, other in zip(here, there, strict=False):
            if mine != other and not any(word in mine for word in DIFFERENT):
                yield f"{line}:\n{other}\n{mine}"


def test_every_object_and_every_list_is_printed_as_by_dsconfig(furnished: OpenDj) -> None:
    lines = list_commands(furnished)
    assert sum(line.startswith("get-") for line in lines) > 150
    assert sum(line.startswith("list-") for line in lines) > 80
    assert "\n".join(differences(furnished, lines)) == ""


SELECTED = [
    "list-backends --property java-class --property base-dn",
    "list-backends --property no-such --property backend-id -s",
    "get-backend-prop --backend-name userRoot --property java-class",
    "get-backend-prop --backend-name userRoot --property enabled --property base-dn --property backend-id",
    "get-log-publisher-prop --publisher-name file-based\\ access\\ logger --property retention-policy -E",
]


def test_named_properties_are_shown_as_by_dsconfig(furnished: OpenDj) -> None:
    assert "\n".join(differences(furnished, SELECTED)) == ""


BATCH = """\
# remarks and empty lines are skipped

create-trust-manager-provider --provider-name "it's" --type blind \\
# also here
  --set enabled:false
get-trust-manager-provider-prop --provider-name it's --property enabled
set-trust-manager-provider-prop --provider-name "It'S" --set enabled:true -v
   list-trust-manager-providers -s
delete-trust-manager-provider --provider-name it\\'s
delete-trust-manager-provider --provider-name it's --force
"""


@pytest.mark.parametrize("words", [(), ("--quiet",)])
def test_a_batch_prints_what_it_prints_there(words: Sequence[str], opendj: OpenDj, tmp_path: Path) -> None:
    batch = tmp_path / "batch"
    batch.write_text(BATCH.replace(" -v", ""), encoding="utf-8")
    told = opendj.dsconfig("-F", str(batch), *words)
    done = ours(opendj, "-F", str(batch), *words)
    assert (done.status, done.out) == (0, told)


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ((), 2),
        (("list-nothing",), 18),
        (("list-backends", "--nothing"), 18),
        (("get-backend-prop", "--backend-name", "nothing"), 1),
        (("set-backend-prop", "--backend-name", "userRoot", "--set", "enabled:perhaps"), 1),
        (("create-backend", "--backend-name", "more"), 1),
    ],
)
def test_a_failure_ends_with_its_status(words: Sequence[str], status: int, opendj: OpenDj) -> None:
    opendj.dsconfig(*words, status=status)
    done = ours(opendj, *words)
    assert (done.status, done.out) == (status, "")
    assert done.err


def test_a_link_named_dsconfig_needs_no_other_words(opendj: OpenDj, tmp_path: Path) -> None:
    """Neither the scheme of an address nor a base, and what belongs to the file of that tool's options is read."""
    link = tmp_path / "dsconfig"
    link.symlink_to(Path(sys.executable).with_name("confobjects"))
    options = tmp_path / ".opendj" / "tools.properties"
    options.parent.mkdir()
    options.write_text(f"port={opendj.admin_port}\ntrustAll=true\ndsconfig.script-friendly=true\n", encoding="utf-8")
    done = subprocess.run(
        [str(link), "list-backends", "-j", str(opendj.password_file), "-n"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "HOME": str(tmp_path)},
    )
    assert (done.returncode, done.stdout) == (0, opendj.dsconfig("list-backends", "-s"))
