"""A real OpenDJ for the tests: the distribution from Maven, set up on free ports of loopback, stopped by its process id.

Only ``make interop`` and ``make interop-opendj`` start it: the archive has 84 MB, set-up and start take 15 seconds, and
the running server 250 MB of memory. Its own files are in memory; the jars are those of the cached distribution.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

from tests.servers import distributions, processes
from tests.servers.certificates import Authority
from tests.servers.packages import require

VERSION: Final = "5.0.3"
ARTIFACT: Final = f"org.openidentityplatform.opendj:opendj-server-legacy:{VERSION}:zip"
SUFFIX: Final = "dc=example,dc=com"
ROOT_DN: Final = "cn=Directory Manager"
PASSWORD: Final = "opendj canary 2R"
_PIN: Final = "key store canary 7W"
JAVA_OPTIONS: Final = "-Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1"
_PATIENCE: Final = 120.0
"""Seconds that a start may take on a loaded machine; 5 are usual."""


def fetch() -> Path:
    """Return the directory of the distribution, whose folder ``lib`` has the jars."""
    return distributions.fetch(ARTIFACT, f"opendj-{VERSION}")


class OpenDj:
    """A running OpenDJ with one suffix; a context manager that sets it up, starts and stops it.

    Its configuration is at ``cn=config`` of every port. Behind ``url`` (which offers StartTLS) and ``tls_url`` is a
    certificate of ``authority`` for localhost and 127.0.0.1; behind ``admin_url`` the one that its own set-up makes:
    self-signed, for the common name localhost, without a subject alternative name.
    """

    def __init__(self) -> None:
        self.clients = require("slapd")
        self.java = require("java")["java"]
        self.authority = Authority("OpenDJ Test Authority")
        self.port, self.tls_port, self.admin_port = (processes.free_port() for _ in range(3))

    def __enter__(self) -> Self:
        self.root = processes.memory_directory("opendj")
        try:
            self.home = _copy(fetch(), self.root / "opendj")
            self._set_up()
            self.start()
        except BaseException:
            processes.remove(self.root)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        processes.stop(self.process)
        processes.remove(self.root)

    def _set_up(self) -> None:
        self.password_file = self._write("password", f"{PASSWORD}\n".encode())
        self.authority_file = self._write("authority.pem", self.authority.pem)
        certificate = self.authority.issue("localhost", "127.0.0.1")
        keys = self._write("own.p12", certificate.key_store(_PIN))
        ports = {"ldapPort": self.port, "ldapsPort": self.tls_port, "adminConnectorPort": self.admin_port}
        self._run(
            self.home / "setup",
            *("--cli", "--no-prompt", "--acceptLicense", "--noPropertiesFile", "--doNotStart"),
            *("--hostname", "localhost", "--baseDN", SUFFIX, "--addBaseEntry"),
            *(word for name, port in ports.items() for word in (f"--{name}", str(port))),
            *("--rootUserDN", ROOT_DN, "--rootUserPasswordFile", str(self.password_file)),
            *("--enableStartTLS", "--usePkcs12keyStore", str(keys), "--certNickname", "own"),
            *("--keyStorePasswordFile", str(self._write("pin", f"{_PIN}\n".encode()))),
        )

    def _write(self, name: str, content: bytes) -> Path:
        path = self.root / name
        path.write_bytes(content)
        path.chmod(0o600)
        return path

    def start(self) -> None:
        """Start the server and wait until it answers; also again after it was stopped or killed."""
        log = self.root / "start.log"
        command = [str(self.home / "bin" / "start-ds"), "--nodetach", "--quiet"]
        self.process = processes.start(["env", *_environment(), *command], log)
        processes.wait_until(self._answers, self.process, log, patience=_PATIENCE)

    def stop(self) -> None:
        """Stop the server as its own command does, by SIGTERM."""
        processes.stop(self.process)

    def kill(self) -> None:
        """End the server without a word to it, as a crash does."""
        self.process.kill()
        self.process.wait()

    @property
    def url(self) -> str:
        return f"ldap://localhost:{self.port}/"

    @property
    def tls_url(self) -> str:
        return f"ldaps://localhost:{self.tls_port}/"

    @property
    def admin_url(self) -> str:
        return f"ldaps://localhost:{self.admin_port}/"

    @property
    def admin_trust_store(self) -> Path:
        """The trust store (JKS) that its own tools use for the administration port."""
        return self.home / "config" / "admin-truststore"

    def dsconfig(self, *arguments: str, status: int = 0) -> str:
        """Run its own command and return what it prints. Raises :class:`RuntimeError` at another exit status."""
        login = ("-h", "localhost", "-p", str(self.admin_port), "-D", ROOT_DN, "-j", str(self.password_file))
        options = ("--trustAll", "--no-prompt", "--noPropertiesFile")
        return self._run(self.home / "bin" / "dsconfig", *arguments, *login, *options, status=status)

    def ldapsearch(self, *arguments: str) -> str:
        """Read entries with OpenLDAP's client as the administrator, as LDIF without comments or folding."""
        return self._run(*self._client("ldapsearch"), "-LLL", "-o", "ldif-wrap=no", *arguments)

    def ldapmodify(self, text: str) -> str:
        """Change entries with OpenLDAP's client as the administrator."""
        return self._run(*self._client("ldapmodify"), stdin=text)

    def _client(self, name: str) -> Sequence[str]:
        return (self.clients[name], "-x", "-H", f"ldap://127.0.0.1:{self.port}/", "-D", ROOT_DN, "-w", PASSWORD)

    def _answers(self) -> bool:
        if not processes.accepts(self.port):
            return False
        command = [*self._client("ldapsearch"), "-LLL", "-b", "cn=config", "-s", "base", "1.1"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def _run(self, program: Path | str, *arguments: str, status: int = 0, stdin: str = "") -> str:
        done = subprocess.run(
            ["env", *_environment(), str(program), *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            cwd=self.root,
        )
        if done.returncode != status:
            raise RuntimeError(f"{program} {' '.join(arguments)}: exit {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout


def _environment() -> Sequence[str]:
    """Return the settings for env(1): no tool of theirs reads the home directory of whoever runs the tests."""
    return (f"OPENDJ_JAVA_ARGS={JAVA_OPTIONS}", "LC_ALL=C.UTF-8")


def _copy(distribution: Path, home: Path) -> Path:
    """Copy what a server writes to, and link its jars. It listens on loopback only."""
    home.mkdir()
    for part in distribution.iterdir():
        if part.name == "lib":
            (home / part.name).symlink_to(part)
        elif part.is_dir():
            shutil.copytree(part, home / part.name)
        else:
            shutil.copy2(part, home / part.name)
    template = home / "template" / "config" / "config.ldif"
    everywhere, loopback = (f"ds-cfg-listen-address: {address}\n" for address in ("0.0.0.0", "127.0.0.1"))
    template.write_text(template.read_text(encoding="utf-8").replace(everywhere, loopback), encoding="utf-8")
    return home
