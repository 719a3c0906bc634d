"""A service on one machine and an operator on another share kinds, changes and restarts by a URL alone.

The machines are processes with an empty home, an empty cache and no variable that says anything. What they have in common
is the package, the address of a directory server, and the right to log in there. Where the kernel lets us, each is also in
a network of its own, which leads to the server only, and speaks TLS with it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest

from tests.following.services import LONG
from tests.servers import ds389
from tests.servers import slapd as openldap
from tests.servers.certificates import Authority
from tests.servers.ds389 import Ds389
from tests.servers.fixtures import schema_of_everything
from tests.servers.slapd import Slapd

NUMBERS = count()
BELL: dict[str, Any] = {
    "name": "bell",
    "version": 1,
    "synopsis": "Rings.",
    "relation": {"parent": "root", "kind": "instantiable", "branch": "cn=Bells"},
    "enabled-when": {"contains": ["enabled", "true"]},
    "properties": {
        "enabled": {"synopsis": "Whether it rings.", "syntax": "boolean", "default": {"values": ["true"]}},
        "bell-tone": {"synopsis": "How it sounds.", "syntax": "string", "default": {"values": ["a"]}},
        "bell-rope": {
            "synopsis": "What is pulled.",
            "syntax": "string",
            "mandatory": True,
            "admin-action": {"kind": "component-restart"},
        },
        "bell-tower": {"synopsis": "Where it hangs.", "syntax": "string", "admin-action": {"kind": "server-restart"}},
    },
}
OTHER_DEFINITIONS = "the configuration holds other definitions now: this process uses those that it began with"
SERVICE = """
import json, sys, confobjects

def say(word, **values):
    print(json.dumps({"said": word, **values}), flush=True)

def values_of(bell):
    return {name: bell[name] for name in bell}

class Bell:
    def start(self, bell):
        say("start", **values_of(bell))

    def change(self, event):
        waits = [name for one in event.waiting for name in one.properties]
        say("change", properties=list(event.properties), waits=waits, **values_of(event.after))

    def stop(self):
        say("stop")

url, user, password, *trust = sys.argv[1:]
tls = {"start_tls": True, "trust_store": trust[0]} if trust else {}
with confobjects.live(url, missing_ok=True, bind_dn=user, bind_password=password, **tls) as live:
    if "bell" in live.configuration.registry:
        live.component("bell", Bell)
    say("ready")
    for line in sys.stdin:
        number = int(line)
        live.wait_for(number) if number else live.wait_until(lambda: live.problems)
        say("state", problems=[one.summary for one in live.problems],
            waits=[name for one in live.waiting for name in one.properties])
"""


class Network(NamedTuple):
    """A network of its own: how to start a program in it, and the address that it has for this computer."""

    start: tuple[str, ...] = ()
    address: str = "127.0.0.1"


LOOPBACK = Network()


@contextmanager
def two_networks() -> Iterator[list[Network]]:
    """Make two networks that lead to this computer only; without the right to do so, there is but its loopback."""
    ip = shutil.which("ip", path=f"{os.defpath}:/usr/sbin:/sbin") or "ip"
    names = [f"bells{os.getpid()}{side}" for side in "ab"]
    try:
        found = [_make_network(ip, name, 4 * number) for number, name in enumerate(names)]
    except (OSError, subprocess.CalledProcessError):
        found = [LOOPBACK, LOOPBACK]
    try:
        yield found
    finally:
        for name in names:
            with suppress(OSError):  # there is no such program
                subprocess.run([ip, "netns", "del", name], check=False, capture_output=True)


def _make_network(ip: str, name: str, first: int) -> Network:
    here, there = (f"198.18.{os.getpid() % 256}.{first + end}" for end in (1, 2))
    for step in (
        f"netns add {name}",
        f"link add {name} type veth peer name inside netns {name}",
        f"addr add {here}/30 dev {name}",
        f"link set {name} up",
        f"-n {name} addr add {there}/30 dev inside",
        f"-n {name} link set inside up",
    ):
        subprocess.run([ip, *step.split()], check=True, capture_output=True)
    return Network((ip, "netns", "exec", name), here)


class Machine:
    """A computer on which nothing is installed but the package, with a user who can log in to the directory.

    ``network`` is how to start a program in its network, ``trust`` a file with the authority of the server.
    """

    def __init__(self, home: Path, url: str, login: tuple[str, str], network: Network, trust: Path | None) -> None:
        self.home, self.url = home, url
        self.user, self.password = login
        self.network, self.trust = network, [] if trust is None else [str(trust)]
        home.mkdir()
        (home / "password").write_text(self.password, encoding="utf-8")
        self.environment = {"PATH": os.defpath, "HOME": str(home), "LC_ALL": "C.UTF-8", "CONFOBJECTS_URL": url}

    def start(self, *words: str, **options: Any) -> subprocess.Popen[str]:
        """Start the interpreter, without the directory that it is started in and without variables of its own."""
        command = [*self.network.start, sys.executable, "-I", *words]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command, cwd=self.home, env=self.environment, text=True, stdin=pipe, stdout=pipe, **options
        )

    def run(self, *words: str, status: int = 0) -> str:
        """Run a command to its end, and return all that it prints."""
        login = ["-D", self.user, "-j", "password", "--no-prompt"]
        login += ["-q", "--trustStorePath", *self.trust] if self.trust else []
        with self.start("-m", "confobjects.cli", *words, *login, stderr=subprocess.STDOUT) as process:
            said, _ = process.communicate(timeout=LONG)
        assert process.returncode == status, said
        return said

    def last_change(self) -> int:
        return int(self.run("history", "-s").splitlines()[-1].split("\t")[0])


class Service:
    """The running service; what it says comes in the order in which it says it."""

    def __init__(self, machine: Machine) -> None:
        program = machine.home / "service.py"
        program.write_text(SERVICE, encoding="utf-8")
        self.process = machine.start(str(program), machine.url, machine.user, machine.password, *machine.trust)
        self._said: Queue[dict[str, Any]] = Queue()
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._said.put(json.loads(line))

    def hear(self, word: str) -> dict[str, Any]:
        """Return the next thing that it says, which is this."""
        said = self._said.get(timeout=LONG)
        assert said["said"] == word
        return said

    def ask(self, number: int) -> dict[str, Any]:
        """Return its state after a change, or, with 0, when it has a problem."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{number}\n")
        self.process.stdin.flush()
        return self.hear("state")

    def end(self) -> None:
        """Let it end by itself."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait(LONG) == 0

    def remove(self) -> None:
        """End it in any case, and close what led to it."""
        self.process.kill()
        self.process.wait()
        self._reader.join(LONG)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


class Place:
    """A base on a directory server whose schema does not know bells, an operator, and a machine for the service."""

    def __init__(
        self, server: Slapd | Ds389, tmp_path: Path, networks: Sequence[Network], trust: Path | None = None
    ) -> None:
        self.server, self.room = server, ds389 if isinstance(server, Ds389) else openldap
        base = quote(f"cn=two machines {next(NUMBERS)},{self.room.SUFFIX}")
        urls = [f"ldap://{network.address}:{server.port}/{base}" for network in networks]
        administrator, reader = (
            (self.room.ROOT_DN, self.room.PASSWORD),
            (self.room.READER_DN, self.room.READER_PASSWORD),
        )
        self.operator = Machine(tmp_path / "operator", urls[0], administrator, networks[0], trust)
        self.machine = Machine(tmp_path / "service", urls[1], reader, networks[1], trust)
        self.services: list[Service] = []

    def start(self) -> Service:
        service = Service(self.machine)
        self.services.append(service)
        return service

    def load_schema(self) -> None:
        """Do what the operator is told: give the server what it lacks of the schema."""
        (self.operator.home / "schema.ldif").write_text(self.server.installed_schema(), encoding="utf-8")
        form = "rfc4512" if self.room is ds389 else "openldap"
        lacking = self.operator.run(
            "ldap-schema", "--definitions", "definitions", "--upgrade", "schema.ldif", "--format", form
        )
        self.server.change_configuration(lacking)


@pytest.fixture(params=["389-ds", "slapd", "slapd in another network"])
def place(request: pytest.FixtureRequest, tmp_path: Path, ldap_authority: Authority) -> Iterator[Place]:
    with ExitStack() as stack:
        if request.param == "slapd in another network":
            networks = stack.enter_context(two_networks())
            certificate = ldap_authority.issue(*(network.address for network in networks))
            schema = (schema_of_everything("openldap"),)
            server = Slapd(schema=schema, certificate=certificate, authority=ldap_authority, listens_at="0.0.0.0")
            trust = tmp_path / "authority.pem"
            trust.write_bytes(ldap_authority.pem)
            made = Place(stack.enter_context(server), tmp_path, networks, trust)
        else:
            shared = request.getfixturevalue("slapd" if request.param == "slapd" else "ds389_server")
            made = Place(shared, tmp_path, [LOOPBACK, LOOPBACK])
        yield made
        for service in made.services:
            service.remove()


def introduce(place: Place) -> None:
    """Install a kind that nobody knew: first the server's schema, then the definition."""
    operator = place.operator
    folder = operator.home / "definitions"
    folder.mkdir()
    (folder / "bell.json").write_text(json.dumps(BELL, indent=2), encoding="utf-8")
    refusal = operator.run("definitions", "install", "definitions/bell.json", status=31)
    assert "the server's schema lacks" in refusal
    assert "confobjects ldap-schema --definitions DIR --upgrade SCHEMA" in refusal
    place.load_schema()
    operator.run("definitions", "install", "definitions/bell.json")
    (folder / "bell.json").unlink()
    folder.rmdir()


def test_an_operator_and_a_service_share_kinds_changes_and_restarts(place: Place) -> None:
    operator = place.operator
    operator.run("init")
    early = place.start()
    early.hear("ready")
    introduce(place)
    assert early.ask(0)["problems"] == [OTHER_DEFINITIONS]
    early.end()

    service = place.start()
    service.hear("ready")
    operator.run("create-bell", "--bell-name", "great", "--set", "bell-rope:hemp", "--set", "bell-tower:north")
    assert service.hear("start")["bell-rope"] == "hemp"
    assert "great" in place.machine.run("list-bells")
    change_at_once_and_after_its_action(operator, service)
    service = change_for_the_next_process(place, service)
    take_back(operator, service)
    remove(operator, service)
    service.end()


def change_at_once_and_after_its_action(operator: Machine, service: Service) -> None:
    assert operator.run("set-bell-prop", "--bell-name", "great", "--set", "bell-tone:c") == ""
    heard = service.hear("change")
    assert (heard["bell-tone"], heard["properties"], heard["waits"]) == ("c", ["bell-tone"], [])
    told = operator.run("set-bell-prop", "--bell-name", "great", "--set", "bell-rope:silk")
    assert "must be disabled and re-enabled" in told
    heard = service.hear("change")
    assert (heard["bell-rope"], heard["waits"]) == ("hemp", ["bell-rope"])
    operator.run("set-bell-prop", "--bell-name", "great", "--set", "enabled:false")
    service.hear("stop")
    operator.run("set-bell-prop", "--bell-name", "great", "--set", "enabled:true")
    assert service.hear("start")["bell-rope"] == "silk"


def change_for_the_next_process(place: Place, service: Service) -> Service:
    """Return the service that was started again."""
    told = place.operator.run("set-bell-prop", "--bell-name", "great", "--set", "bell-tower:south")
    assert "server must be restarted" in told
    moved = place.operator.last_change()
    heard = service.hear("change")
    assert (heard["bell-tower"], heard["waits"]) == ("north", ["bell-tower"])
    assert service.ask(moved) == {"said": "state", "problems": [], "waits": ["bell-tower"]}
    service.end()
    service.hear("stop")
    again = place.start()
    assert again.hear("start")["bell-tower"] == "south"
    again.hear("ready")
    return again


def take_back(operator: Machine, service: Service) -> None:
    operator.run("set-bell-prop", "--bell-name", "great", "--set", "bell-tone:d")
    assert service.hear("change")["bell-tone"] == "d"
    operator.run("undo", str(operator.last_change()))
    assert service.hear("change")["bell-tone"] == "c"


def remove(operator: Machine, service: Service) -> None:
    refusal = operator.run("definitions", "remove", "bell", status=14)
    assert "/bell/great is an object of it" in refusal
    operator.run("delete-bell", "--bell-name", "great")
    service.hear("stop")
    operator.run("definitions", "remove", "bell")
    assert 'there is no command "list-bells"' in operator.run("list-bells", status=2)
    assert service.ask(0)["problems"] == [OTHER_DEFINITIONS]
