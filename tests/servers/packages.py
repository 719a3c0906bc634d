"""The servers that tests talk to: one table, who installs them, and what a fixture gets.

Laws:

1. A server the tests need is one row of :data:`SERVERS`; nothing else in the project names its packages.
2. Real servers only. A missing one is a skip that says what to type, and under ``CI`` (or with
   ``CONFOBJECTS_REQUIRE_SERVERS=1``) a failure: a skip must never hide a missing server there.
3. Standard library only, and pytest only inside :func:`require`: ``make test`` runs this file before the tests.
   When some of the tests are chosen, nothing is installed before: what they ask for is, in view.
4. Nothing is started here. The packaged daemon is kept from starting while a package is installed; every fixture
   starts its own instance from its own directory.

Run it as ``python -m tests.servers.packages`` to prepare the machine: as root on Debian it installs what is missing,
elsewhere it says what is missing, which tests are skipped, and the line that installs it.
"""

from __future__ import annotations

import contextlib
import fcntl
import glob
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

POLICY = "/usr/sbin/policy-rc.d"
"""The file that Debian's maintainer scripts ask before they start a service (invoke-rc.d(8))."""

POLICY_MARK = "# written by the confobjects test set-up, for the time of one apt-get run\n"
POLICY_TEXT = f"#!/bin/sh\n{POLICY_MARK}exit 101\n"

SYSTEM_PATHS = ("/usr/sbin", "/sbin", "/usr/local/sbin")
"""Daemons live here; an ordinary user's PATH often leaves them out."""


CHOOSING = ("-k", "-m", "--lf", "--last-failed", "--sw", "--stepwise")
"""Options of pytest that choose some of the tests."""

in_view: Callable[[], contextlib.AbstractContextManager[object]] = contextlib.nullcontext
"""What is printed within is seen at once; pytest, which keeps what tests print, puts its own here."""


@dataclass(frozen=True, slots=True)
class Server:
    """One server the tests use.

    ``probes`` maps the name a fixture asks for to where it is: a command looked up on PATH and the system
    directories, or an absolute path that may hold wildcards. The server is there when all of them are.
    ``preseed`` are answers to the package's questions (debconf-set-selections(1)). ``needs_root`` is true when
    the daemon itself can only be started by root. ``heavy`` is true when only ``make interop`` needs it.
    """

    name: str
    packages: tuple[str, ...]
    probes: Mapping[str, str]
    used_by: str
    preseed: tuple[str, ...] = ()
    needs_root: bool = False
    heavy: bool = False

    @property
    def install_line(self) -> str:
        """The line to type on Debian and its family."""
        return f"sudo apt-get install --no-install-recommends {' '.join(self.packages)}"


SERVERS: Mapping[str, Server] = {
    server.name: server
    for server in (
        Server(
            name="postfix",
            packages=("postfix", "sasl2-bin", "libsasl2-modules"),
            probes={
                "postfix": "postfix",
                "postconf": "postconf",
                "saslpasswd2": "saslpasswd2",
                "libplain": "/usr/lib/*/sasl2/libplain.so*",
                "libsasldb": "/usr/lib/*/sasl2/libsasldb.so*",
            },
            used_by="tests/transport and the mail parts of tests/cli",
            preseed=("postfix postfix/main_mailer_type select No configuration",),
            needs_root=True,
        ),
        Server(
            name="dovecot",
            packages=("dovecot-core",),
            probes={"dovecot": "dovecot"},
            used_by="tests/oauth/test_postfix.py",
            needs_root=True,
        ),
        Server(
            name="slapd",
            packages=("slapd", "ldap-utils"),
            probes={
                "slapd": "slapd",
                "slapadd": "slapadd",
                "ldapsearch": "ldapsearch",
                "ldapmodify": "ldapmodify",
                "modules": "/usr/lib/ldap",
                "schema": "/etc/ldap/schema",
            },
            used_by="tests/storage with tests/management and tests/cli, their OpenLDAP part",
            preseed=("slapd slapd/no_configuration boolean true",),
        ),
        Server(
            name="389-ds",
            packages=("389-ds-base", "iproute2"),  # dsconf asks ip for the addresses of this machine
            probes={
                "ns-slapd": "ns-slapd",
                "dscreate": "dscreate",
                "dsconf": "dsconf",
                "ip": "/sbin/ip",
                "setpriv": "setpriv",
                "plugins": "/usr/lib/*/dirsrv/plugins",
            },
            used_by="tests/storage with tests/management and tests/cli, their 389-ds part",
            needs_root=True,
        ),
        Server(
            name="postgresql",
            packages=("postgresql",),
            probes={
                "postgres": "/usr/lib/postgresql/*/bin/postgres",
                "initdb": "/usr/lib/postgresql/*/bin/initdb",
                "setpriv": "setpriv",
            },
            used_by="tests/service on PostgreSQL",
            needs_root=True,
        ),
        Server(
            name="java",
            packages=("default-jdk-headless",),
            probes={"java": "java", "javac": "javac"},
            used_by="tests/transport/test_oracle.py",
        ),
        Server(
            name="maven",
            packages=("maven",),
            probes={"mvn": "mvn"},
            used_by="tests/interop",
            heavy=True,
        ),
        Server(
            name="javamail",
            packages=("libmail-java", "libactivation-java"),
            probes={"mail": "/usr/share/java/javax.mail.jar", "activation": "/usr/share/java/javax.activation.jar"},
            used_by="tests/transport/test_oracle.py",
        ),
        Server(
            name="softhsm2",
            packages=("softhsm2",),
            probes={"softhsm2-util": "softhsm2-util", "module": "/usr/lib/*/softhsm/libsofthsm2.so"},
            used_by="tests/transport/test_token.py",
        ),
        Server(
            name="chromium",
            packages=("chromium",),
            probes={"chromium": "chromium"},
            used_by="tests/web/browser",
        ),
        Server(
            name="systemd-analyze",
            packages=("systemd",),
            probes={"systemd-analyze": "systemd-analyze"},
            used_by="tests/docs/test_systemd.py",
        ),
        Server(
            name="groff",
            packages=("groff-base",),
            probes={"groff": "groff"},
            used_by="tests/cli/test_manual.py",
        ),
        Server(
            name="namespaces",
            packages=("util-linux",),
            probes={"unshare": "unshare", "setpriv": "setpriv"},
            used_by="tests/web/test_container.py",
            needs_root=True,
        ),
        Server(
            name="curl",
            packages=("curl",),
            probes={"curl": "curl"},
            used_by="tests/web/test_rest_page.py",
        ),
    )
}


def locate(server: Server) -> dict[str, str | None]:
    """Where each probe of ``server`` is on this machine; ``None`` for one that is not."""
    return {name: _find(probe) for name, probe in server.probes.items()}


def missing(server: Server) -> tuple[str, ...]:
    """Names of the probes that are not on this machine."""
    return tuple(name for name, path in locate(server).items() if path is None)


def required() -> bool:
    """Whether a missing server is a failure: under CI, or when the environment asks for it."""
    wanted = (os.environ.get("CI", ""), os.environ.get("CONFOBJECTS_REQUIRE_SERVERS", ""))
    return any(text.lower() not in {"", "0", "false", "no"} for text in wanted)


def require(name: str) -> dict[str, str]:
    """Absolute paths of the parts of server ``name``, for a fixture; skips (under CI fails) when it is not here."""
    server = SERVERS[name]
    if missing(server) and os.environ.get("CONFOBJECTS_INSTALL_SERVERS"):
        _install_now(server)
    places = locate(server)
    lacking = [part for part, path in places.items() if path is None]
    if lacking:
        _give_up(f"{name} is not installed ({', '.join(lacking)} not found); install it with: {server.install_line}")
    if server.needs_root and os.geteuid() != 0:
        _give_up(f"{name} can only be started by root; run the tests as root: sudo make test")
    return {part: path for part, path in places.items() if path is not None}


def _find(probe: str) -> str | None:
    if probe.startswith("/"):
        return min(glob.glob(probe), default=None)
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *SYSTEM_PATHS))
    return shutil.which(probe, path=path)


def _give_up(reason: str) -> NoReturn:
    import pytest  # only fixtures come here; the set-up run has no need of pytest

    if required():
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def prepare(servers: Sequence[Server]) -> int:
    """Install what is missing where that can be done; say the rest. Returns an exit status: 1 only where a missing
    server is a failure."""
    lacking = [server for server in servers if missing(server)]
    if lacking and _can_install():
        _install(lacking)
    status = 0
    for server in servers:
        parts = missing(server)
        if not parts:
            print(f"{server.name}: here")
            continue
        status = 1 if required() else status
        verdict = "needed, and" if required() else f"skipped: {server.used_by};"
        print(f"{server.name}: {verdict} {', '.join(parts)} not found. To install it: {server.install_line}")
    return status


def _can_install() -> bool:
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def _install_now(server: Server) -> None:
    """Install one server while tests run, unless another process of theirs has done so meanwhile."""
    if not _can_install():
        return
    with open(os.path.join(tempfile.gettempdir(), "confobjects-install.lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if missing(server):
            with in_view():
                _install([server])


def _install(servers: Sequence[Server]) -> None:
    packages = [package for server in servers for package in server.packages]
    apt_install(packages, [answer for server in servers for answer in server.preseed])


def apt_install(packages: Sequence[str], preseed: Sequence[str] = ()) -> bool:
    """Install Debian packages as root, asking nothing and starting nothing; true when that worked.

    The package lists are fetched only when they do not know a package, or know one that the mirror no longer keeps.
    """
    print(f"installing {' '.join(packages)}", flush=True)
    install = ("install", "-y", "--no-install-recommends", *packages)
    with no_daemons():
        _preseed(preseed)
        if all(_has_candidate(package) for package in packages) and _apt_get(*install):
            return True
        return _apt_get("update") and _apt_get(*install)


def _has_candidate(package: str) -> bool:
    shown = subprocess.run(["apt-cache", "policy", package], capture_output=True, text=True, check=False).stdout
    return "Candidate:" in shown and "Candidate: (none)" not in shown


def _apt_get(*arguments: str) -> bool:
    options = ("-qq", "-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Options::=--force-confold", "-o", "Dpkg::Use-Pty=0")
    command = ["apt-get", *options, *arguments]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "DEBCONF_NONINTERACTIVE_SEEN": "true"}
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        check=False,
        text=True,
    )
    if done.returncode:  # a hundred lines of unpacking are of interest only then
        print(f"{done.stdout}{shlex.join(command)}: exit {done.returncode}", file=sys.stderr, flush=True)
    return done.returncode == 0


def _preseed(answers: Sequence[str]) -> None:
    if answers and shutil.which("debconf-set-selections"):
        subprocess.run(
            ["debconf-set-selections"], input="".join(f"{line}\n" for line in answers), text=True, check=False
        )


@contextlib.contextmanager
def no_daemons() -> Iterator[None]:
    """Keep package scripts from starting a service meanwhile.

    A policy file that is somebody else's stays as it is: whoever wrote it has decided already. Ours goes away at the
    end, on an error, and on the signals that end a run; one that a ``kill -9`` left behind is known by its mark and
    is removed by the next run.
    """
    if not _policy_is_free():
        yield
        return
    with open(POLICY, "w", encoding="utf-8") as stream:
        stream.write(POLICY_TEXT)
    os.chmod(POLICY, 0o755)
    caught = (signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, _leave) for number in caught}
    try:
        yield
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(POLICY)
        for number, handler in before.items():
            signal.signal(number, handler)


def _policy_is_free() -> bool:
    try:
        with open(POLICY, encoding="utf-8", errors="replace") as stream:
            return POLICY_MARK in stream.read()
    except FileNotFoundError:
        return True


def _leave(number: int, _frame: object) -> NoReturn:
    raise SystemExit(128 + number)


def chooses(arguments: Sequence[str]) -> bool:
    """Tell whether arguments of pytest choose some of the tests."""
    paths = [argument.partition("::")[0] for argument in arguments if not argument.startswith("-")]
    some = any(os.path.exists(path) and os.path.normpath(path) not in {".", "tests"} for path in paths)
    return some or any(argument.startswith(CHOOSING) for argument in arguments)


def main(names: Sequence[str]) -> int:
    """Prepare the named servers; when none is named, all but the heavy ones; after ``--for``, those that arguments of pytest
    need from the beginning: none, if they choose some of the tests.
    """
    if names[:1] == ["--for"]:
        if chooses(names[1:]):
            return 0
        names = ()
    unknown = [name for name in names if name not in SERVERS]
    if unknown:
        print(f"unknown server {', '.join(unknown)}; known: {', '.join(SERVERS)}", file=sys.stderr)
        return 2
    return prepare([SERVERS[name] for name in names] or [one for one in SERVERS.values() if not one.heavy])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
