"""A real 389 Directory Server for the tests: made and run as the user ``dirsrv``, below a directory of its own.

Debian lets only that user read ``/etc/dirsrv``, so everything runs as it, and nothing outside the directory is
written. The server has no TLS here; it listens on loopback, and on a socket where root is the Directory Manager.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from tests.servers import processes
from tests.servers.packages import require

SUFFIX = "dc=example,dc=com"
BASE = f"ou=config,{SUFFIX}"
ROOT_DN = "cn=Directory Manager"
PASSWORD = "ds389 canary 8T"
READER_DN = f"uid=reader,{SUFFIX}"
READER_PASSWORD = "reader canary 5M"
USER = "dirsrv"

TEST_SCHEMA = """\
dn: cn=schema
attributeTypes: ( 2.25.1.1 NAME 'a' EQUALITY caseExactMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
attributeTypes: ( 2.25.1.2 NAME 'b' EQUALITY caseExactMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
attributeTypes: ( 2.25.1.3 NAME 'd' EQUALITY octetStringMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 )
attributeTypes: ( 2.25.1.4 NAME 'x' EQUALITY caseExactMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
objectClasses: ( 2.25.1.5 NAME 'branch' SUP top STRUCTURAL MAY ( cn $ ou $ a $ b $ d $ x ) )
objectClasses: ( 2.25.1.6 NAME 'server' SUP top STRUCTURAL MAY ( cn $ ou $ a $ b $ d $ x ) )
"""
"""The same as for slapd, as a schema file of this server."""

HISTORY_INDEXES = {"ds-cfg-history-number": "integerOrderingMatch", "ds-cfg-history-state": ""}
"""The attributes that the guide has indexes for, each with a matching rule or none."""

_CACHE = 1_000_000
"""Bytes of each cache of entries and of their names."""
_TASKS = count()

_INF = """\
[general]
config_version = 2
full_machine_name = localhost
start = False
systemd = False
selinux = False
strict_host_checking = False

[slapd]
instance_name = test
port = {port}
secure_port = {secure_port}
root_password = {password}
self_sign_cert = False
db_lib = {database}
user = {user}
group = {user}

[backend-userroot]
suffix = {suffix}
create_suffix_entry = True
"""


@dataclass
class Ds389:
    """One running 389 Directory Server; a context manager. ``schema`` are schema files (entries ``cn=schema``).

    ``database`` is "bdb" or "mdb", where the server has both.
    """

    schema: Sequence[str] = (TEST_SCHEMA,)
    database: str = "bdb"
    port: int = field(default_factory=processes.free_port)

    def __enter__(self) -> Self:
        self.programs = require("389-ds")
        self.clients = require("slapd")
        self.root = processes.memory_directory("389ds")
        try:
            shutil.chown(self.root, USER, USER)
            self._create()
            self.start()
            self.add_reader()
        except BaseException:
            processes.remove(self.root)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        processes.stop(self.process)
        processes.remove(self.root)

    def _as_user(self, *command: str) -> list[str]:
        return [
            self.programs["setpriv"],
            f"--reuid={USER}",
            f"--regid={USER}",
            "--clear-groups",
            "--pdeathsig",
            "TERM",
            *command,
        ]

    def _run(self, *command: str) -> None:
        environment = {
            **os.environ,
            "HOME": str(self.root),
            "PATH": f"{self.root / 'bin'}:/usr/sbin:/usr/bin:/sbin:/bin",
        }
        environment.pop("PYTHONPATH", None)
        done = subprocess.run(
            self._as_user(*command), cwd=self.root, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stdout}{done.stderr}")

    def _write(self, path: Path, text: str) -> None:
        path.write_text(text, encoding="utf-8")
        shutil.chown(path, USER, USER)

    def _create(self) -> None:
        tree, programs = self.root / "ds", self.root / "bin"
        for made in (tree, programs):
            made.mkdir()
            shutil.chown(made, USER, USER)
        self._run(self.programs["dscreate"], "ds-root", str(tree), str(programs))
        plugins = Path(self.programs["plugins"])
        defaults = tree / "share/dirsrv/inf/defaults.inf"
        settings = {"lib_dir": str(plugins.parent.parent), "plugin_dir": str(plugins)}
        lines = [_with_setting(line, settings) for line in defaults.read_text(encoding="utf-8").splitlines()]
        self._write(defaults, "\n".join([*lines, ""]))
        template = tree / "share/dirsrv/data/template-dse.ldif"
        lines = template.read_text(encoding="utf-8").splitlines()
        at = next(number for number, line in enumerate(lines) if line.startswith("nsslapd-port:"))
        # Anybody is shown any number of entries: all tests share the suffix, and some look through the whole of it.
        lines[at + 1 : at + 1] = ["nsslapd-listenhost: 127.0.0.1", "nsslapd-sizelimit: -1"]
        self._write(template, "\n".join([*lines, ""]))
        answers = self.root / "answers.inf"
        facts = {"port": self.port, "secure_port": processes.free_port(), "suffix": SUFFIX, "database": self.database}
        self._write(answers, _INF.format(password=PASSWORD, user=USER, **facts))
        self._run(str(programs / "dscreate"), "from-file", str(answers))
        self.config = tree / "etc/dirsrv/slapd-test"
        self._limit_caches(self.config / "dse.ldif")
        for number, text in enumerate(self.schema):
            self._write(self.config / "schema" / f"6{number}tests.ldif", text)

    def _limit_caches(self, file: Path) -> None:
        """Give the server small caches. By itself it sizes them by the memory of the machine, and whenever it refuses a write it goes
        through all of their places, which takes 12 ms with 24 GB.
        """
        text = re.sub(r"(?m)^(nsslapd-(?:dn)?cachememsize): .*", rf"\1: {_CACHE}", file.read_text(encoding="utf-8"))
        self._write(file, re.sub(r"(?m)^(nsslapd-cache-autosize): .*", r"\1: 0", text))

    def start(self) -> None:
        """Start the server, also again after it was killed."""
        log = self.root / "server.log"
        pid = str(self.root / "pid")
        command = self._as_user(self.programs["ns-slapd"], "-D", str(self.config), "-i", pid, "-d", "0")
        self.process = processes.start(command, log)
        processes.wait_until(lambda: processes.accepts(self.port), self.process, log)

    def add_reader(self) -> None:
        """Add a user who reads everything and writes nothing."""
        self.ldapmodify(
            f"dn: {READER_DN}\nchangetype: add\nobjectClass: account\nobjectClass: simpleSecurityObject\n"
            f"uid: reader\nuserPassword: {READER_PASSWORD}\n\n"
            f'dn: {SUFFIX}\nchangetype: modify\nadd: aci\naci: (targetattr="*")(version 3.0; acl "reader"; '
            f'allow (read, search, compare) userdn="ldap:///{READER_DN}";)\n'
        )

    def ldapmodify(self, text: str, *, user: str = ROOT_DN, password: str = PASSWORD) -> str:
        """Change entries with OpenLDAP's client."""
        command = [self.clients["ldapmodify"], "-x", "-H", self.url, "-D", user, "-w", password]
        return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout

    change_configuration = ldapmodify
    """The configuration of this server are entries like others."""

    def ldapsearch(self, *arguments: str, anonymous: bool = False) -> str:
        """Read entries with OpenLDAP's client, as LDIF without comments or folding."""
        return self.ldapsearch_as("" if anonymous else ROOT_DN, *arguments)

    def ldapsearch_as(self, user: str, *arguments: str) -> str:
        """Read entries as a user, whose password is the one of the administrator; nobody if it is empty."""
        who = ["-D", user, "-w", PASSWORD] if user else []
        command = [self.clients["ldapsearch"], "-x", "-LLL", "-o", "ldif-wrap=no", "-H", self.url, *who, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def installed_schema(self) -> str:
        """Return the schema as the server tells it."""
        return self.ldapsearch("-b", "cn=schema", "-s", "base", "attributeTypes", "objectClasses")

    def index_history(self, *names: str) -> None:
        """Add :data:`HISTORY_INDEXES`, or some of them, as ``dsconf backend index add`` and ``reindex`` do. The schema must have the history.

        The server uses a new index only after a task has filled it, even if there is nothing to fill it with.
        """
        names = names or tuple(HISTORY_INDEXES)
        for name in names:
            rule = HISTORY_INDEXES[name]
            more = f"nsMatchingRule: {rule}\n" if rule else ""
            self.change_configuration(
                f"dn: cn={name},cn=index,cn=userRoot,cn=ldbm database,cn=plugins,cn=config\nchangetype: add\n"
                f"objectClass: top\nobjectClass: nsIndex\nnsSystemIndex: false\nnsIndexType: eq\n{more}"
            )
        task = f"cn=history {next(_TASKS)},cn=index,cn=tasks,cn=config"
        wanted = "".join(f"nsIndexAttribute: {name}\n" for name in names)
        self.change_configuration(
            f"dn: {task}\nchangetype: add\nobjectClass: top\nobjectClass: extensibleObject\nnsInstance: userRoot\n{wanted}"
        )
        done = partial(self.ldapsearch, "-b", task, "-s", "base", "nsTaskExitCode")
        processes.wait_until(lambda: "nsTaskExitCode: 0" in done(), self.process, self.root / "server.log")

    def limit(self, entries: int) -> None:
        """Limit how many entries anybody but the administrator is shown."""
        names = ("nsslapd-sizelimit", "nsslapd-pagedsizelimit")
        steps = "-\n".join(f"replace: {name}\n{name}: {entries}\n" for name in names)
        self.change_configuration(f"dn: cn=config\nchangetype: modify\n{steps}")

    def access_log(self) -> str:
        """Return the log of all requests. The server buffers it unless ``nsslapd-accesslog-logbuffering`` is off."""
        return (self.root / "ds/var/log/dirsrv/slapd-test/access").read_text(encoding="utf-8")

    @property
    def database_directory(self) -> Path:
        """The files of the database. They may be copied while the server is stopped."""
        return self.root / "ds/var/lib/dirsrv/slapd-test/db"

    @property
    def url(self) -> str:
        return f"ldap://127.0.0.1:{self.port}/"

    @property
    def socket_url(self) -> str:
        settings = (self.config / "dse.ldif").read_text(encoding="utf-8").replace("\n ", "")
        path = next(
            line.partition(": ")[2] for line in settings.splitlines() if line.startswith("nsslapd-ldapifilepath")
        )
        return f"ldapi://{quote(path, safe='')}/"


def _with_setting(line: str, settings: dict[str, str]) -> str:
    name = line.partition("=")[0].strip()
    return f"{name} = {settings[name]}" if name in settings else line
