"""A real OpenLDAP slapd for the tests: loopback ports and a socket, its own directory in memory, no durable writes.

One server offers plain LDAP with StartTLS, LDAPS and ldapi, where the user who runs the tests is the administrator by
SASL EXTERNAL. Two with each other's ports as ``peers`` replicate by delta-syncrepl.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from types import TracebackType
from typing import Self
from urllib.parse import quote

from tests.servers import processes
from tests.servers.certificates import Authority, Certificate
from tests.servers.packages import require

SUFFIX = "dc=example,dc=com"
BASE = f"ou=config,{SUFFIX}"
ROOT_DN = f"cn=admin,{SUFFIX}"
PASSWORD = "slapd canary 4K"
READER_DN = f"cn=reader,{SUFFIX}"
READER_PASSWORD = "reader canary 9B"
CLIENT = "configuration client"
"""The common name of the client certificate that the administrator shows."""

TEST_SCHEMA = """\
dn: cn=contract,cn=schema,cn=config
objectClass: olcSchemaConfig
cn: contract
olcAttributeTypes: ( 2.25.1.1 NAME 'a' EQUALITY caseExactMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
olcAttributeTypes: ( 2.25.1.2 NAME 'b' EQUALITY caseExactMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
olcAttributeTypes: ( 2.25.1.3 NAME 'd' EQUALITY octetStringMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 )
olcAttributeTypes: ( 2.25.1.4 NAME 'x' EQUALITY caseExactMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
olcObjectClasses: ( 2.25.1.5 NAME 'branch' SUP top STRUCTURAL MAY ( cn $ ou $ a $ b $ d $ x ) )
olcObjectClasses: ( 2.25.1.6 NAME 'server' SUP top STRUCTURAL MAY ( cn $ ou $ a $ b $ d $ x ) )
"""
"""What the contract of storages needs: attributes of text and of bytes, and two object classes that take them."""

_CONFIG = """\
dn: cn=config
objectClass: olcGlobal
cn: config
olcPidFile: {root}/run/pid
olcArgsFile: {root}/run/args
olcLogLevel: none
olcAuthzRegexp: gidNumber={gid}\\+uidNumber={uid},cn=peercred,cn=external,cn=auth {root_dn}
olcAuthzRegexp: "^cn={client}$" {root_dn}
{server_id}{tls}
dn: cn=module{{0}},cn=config
objectClass: olcModuleList
cn: module{{0}}
olcModulePath: {modules}
olcModuleLoad: back_mdb
olcModuleLoad: syncprov
olcModuleLoad: accesslog

dn: cn=schema,cn=config
objectClass: olcSchemaConfig
cn: schema

include: file://{schema}/core.ldif
include: file://{schema}/cosine.ldif
include: file://{schema}/inetorgperson.ldif

{more_schema}
dn: olcDatabase={{-1}}frontend,cn=config
objectClass: olcDatabaseConfig
objectClass: olcFrontendConfig
olcDatabase: {{-1}}frontend
olcSizeLimit: {size_limit}
olcAccess: {{0}}to dn.base="" by * read
olcAccess: {{1}}to dn.base="cn=Subschema" by * read
{frontend_access}
dn: olcDatabase={{0}}config,cn=config
objectClass: olcDatabaseConfig
olcDatabase: {{0}}config
olcRootDN: cn=admin,cn=config
olcRootPW: {password}
olcAccess: {{0}}to * by dn.exact="{root_dn}" manage by * none

{databases}"""

_LOG = """\
dn: olcDatabase={{1}}mdb,cn=config
objectClass: olcDatabaseConfig
objectClass: olcMdbConfig
olcDatabase: {{1}}mdb
olcDbDirectory: {root}/log
{sync}olcDbMaxSize: 1073741824
olcSuffix: cn=accesslog
olcRootDN: {root_dn}
olcLimits: {{0}}dn.exact="{root_dn}" size=unlimited time=unlimited
olcDbIndex: reqStart,reqEnd,reqResult,entryCSN,objectClass eq

dn: olcOverlay=syncprov,olcDatabase={{1}}mdb,cn=config
objectClass: olcOverlayConfig
objectClass: olcSyncProvConfig
olcOverlay: syncprov
olcSpNoPresent: TRUE
olcSpReloadHint: TRUE

"""

_DATA = """\
dn: olcDatabase={{{number}}}mdb,cn=config
objectClass: olcDatabaseConfig
objectClass: olcMdbConfig
olcDatabase: {{{number}}}mdb
olcDbDirectory: {root}/db
{sync}olcDbMaxSize: 1073741824
olcSuffix: {suffix}
olcRootDN: {root_dn}
olcRootPW: {password}
olcDbIndex: objectClass,entryUUID,entryCSN,cn eq
olcLimits: {{0}}dn.exact="{root_dn}" size=unlimited time=unlimited
olcSizeLimit: {size_limit}
{access}{replication}
"""

_PROVIDER = """\
dn: olcOverlay=syncprov,olcDatabase={{{number}}}mdb,cn=config
objectClass: olcOverlayConfig
objectClass: olcSyncProvConfig
olcOverlay: syncprov

"""

_LOGGING = """\
dn: olcOverlay=accesslog,olcDatabase={2}mdb,cn=config
objectClass: olcOverlayConfig
objectClass: olcAccessLogConfig
olcOverlay: accesslog
olcAccessLogDB: cn=accesslog
olcAccessLogOps: writes
olcAccessLogSuccess: TRUE

"""

ENTRIES = f"""\
dn: {SUFFIX}
objectClass: dcObject
objectClass: organization
dc: example
o: example

dn: {READER_DN}
objectClass: applicationProcess
objectClass: simpleSecurityObject
cn: reader
userPassword: {READER_PASSWORD}
"""


@dataclass
class Slapd:
    """One running slapd; a context manager that starts and stops it.

    ``schema`` are schema entries in the form of cn=config; ``access`` the lines of olcAccess, in order (a stock
    server's own rules when there are none); ``peers`` ports this one replicates from, ``number`` its server id.
    ``read_only`` is a database that refuses writes, ``update_ref`` the URL that a replica refers to for them,
    ``size_limit`` how many entries anybody but the administrator is shown; one that is ``durable`` keeps its data on
    a disk and waits for it; ``listens_at`` is the address for plain LDAP; only one that ``tells_changes`` has the overlay syncprov. Whoever shows a certificate of the
    authority for :data:`CLIENT` is the administrator.
    """

    schema: Sequence[str] = (TEST_SCHEMA,)
    access: Sequence[str] = ()
    certificate: Certificate | None = None
    authority: Authority | None = None
    read_only: bool = False
    update_ref: str = ""
    size_limit: str = "unlimited"
    durable: bool = False
    tells_changes: bool = True
    number: int = 0
    listens_at: str = "127.0.0.1"
    port: int = field(default_factory=processes.free_port)
    tls_port: int = field(default_factory=processes.free_port)
    peers: Sequence[int] = ()
    entries: str = ENTRIES

    def __enter__(self) -> Self:
        self.programs = require("slapd")
        self.root = Path(mkdtemp()) if self.durable else processes.memory_directory("slapd")
        try:
            for name in ("slapd.d", "db", "log", "run"):
                (self.root / name).mkdir()
            self._configure()
            self.start()
        except BaseException:
            processes.remove(self.root)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()  # nothing is kept, and a replica would first wait for its provider
        self.process.wait()
        processes.remove(self.root)

    def _configure(self) -> None:
        config = self.root / "config.ldif"
        config.write_text(self._config(), encoding="utf-8")
        self._slapadd("-n", "0", "-l", str(config))
        if self.entries:
            data = self.root / "data.ldif"
            data.write_text(self.entries, encoding="utf-8")
            self._slapadd("-b", SUFFIX, "-l", str(data))

    def _slapadd(self, *arguments: str) -> None:
        command = [self.programs["slapadd"], "-F", str(self.root / "slapd.d"), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"slapadd: {done.stderr}")

    def _config(self) -> str:
        facts = {
            "root": self.root,
            "suffix": SUFFIX,
            "root_dn": ROOT_DN,
            "client": CLIENT,
            "password": PASSWORD,
            "size_limit": self.size_limit,
            "sync": "olcDbEnvFlags: nosync\n",
            "number": 2 if self.peers else 1,
        }
        access = "".join(f"olcAccess: {{{number}}}{rule}\n" for number, rule in enumerate(self.access))
        if self.durable:
            facts["sync"] = ""
        data = _DATA.format(access=access, replication=self._replication(), **facts)
        if self.tells_changes:
            data += _PROVIDER.format(**facts)
        databases = _LOG.format(**facts) + data + _LOGGING if self.peers else data
        return _CONFIG.format(
            modules=self.programs["modules"],
            schema=self.programs["schema"],
            more_schema="\n".join(f"{text.rstrip()}\n" for text in self.schema),
            server_id=f"olcServerID: {self.number}\n" if self.number else "",
            tls=self._tls(),
            # Without rules of its own a database is open to readers, as one from a package is.
            frontend_access="" if self.access else "olcAccess: {2}to * by * read\n",
            uid=os.getuid(),
            gid=os.getgid(),
            databases=databases,
            **facts,
        )

    def _tls(self) -> str:
        if self.certificate is None or self.authority is None:
            return ""
        certificate, key = self.certificate.write(self.root, "server")
        authority = self.root / "authority.pem"
        authority.write_bytes(self.authority.pem)
        return (
            f"olcTLSCACertificateFile: {authority}\nolcTLSCertificateFile: {certificate}\n"
            f"olcTLSCertificateKeyFile: {key}\nolcTLSVerifyClient: try\n"
        )

    def _replication(self) -> str:
        lines = ["olcReadOnly: TRUE\n"] if self.read_only else []
        if self.update_ref:
            # A consumer whose provider never answers: it refuses writes and refers to the provider.
            lines.append(f'olcSyncrepl: rid=9 provider={self.update_ref} searchbase="{SUFFIX}" retry="3600 +"\n')
            lines.append(f"olcUpdateRef: {self.update_ref}\n")
        for number, port in enumerate(self.peers, start=1):
            lines.append(
                f'olcSyncrepl: rid={number} provider=ldap://127.0.0.1:{port} searchbase="{SUFFIX}" bindmethod=simple'
                f' binddn="{ROOT_DN}" credentials="{PASSWORD}" type=refreshAndPersist retry="1 +" timeout=3'
                ' logbase="cn=accesslog" logfilter="(&(objectClass=auditWriteObject)(reqResult=0))"'
                " syncdata=accesslog\n"
            )
        if self.peers:
            lines.append("olcMultiProvider: TRUE\n")
        return "".join(lines)

    def start(self) -> None:
        """Start the server, also again after it was killed."""
        urls = f"ldap://{self.listens_at}:{self.port}/ {self.socket_url}"
        if self.certificate is not None:
            urls += f" ldaps://127.0.0.1:{self.tls_port}/"
        command = [self.programs["slapd"], "-d", "0", "-F", str(self.root / "slapd.d"), "-h", urls]
        log = self.root / "slapd.log"
        self.process = processes.start(command, log)
        processes.wait_until(lambda: processes.accepts(self.port), self.process, log)

    @property
    def database_directory(self) -> Path:
        """The files of the database. They may be copied while the server is stopped."""
        return self.root / "db"

    @property
    def url(self) -> str:
        return f"ldap://127.0.0.1:{self.port}/"

    @property
    def tls_url(self) -> str:
        return f"ldaps://127.0.0.1:{self.tls_port}/"

    @property
    def socket_url(self) -> str:
        return f"ldapi://{quote(str(self.root / 'run' / 'ldapi'), safe='')}/"

    def ldapmodify(self, text: str, *, user: str = ROOT_DN, password: str = PASSWORD) -> str:
        """Change entries with the server's own client."""
        command = [self.programs["ldapmodify"], "-x", "-H", self.url, "-D", user, "-w", password]
        return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout

    def change_configuration(self, text: str) -> str:
        """Change the server's own configuration."""
        return self.ldapmodify(text, user="cn=admin,cn=config")

    def installed_schema(self) -> str:
        """Return our schema as the server keeps it."""
        command = [self.programs["ldapsearch"], "-x", "-LLL", "-o", "ldif-wrap=no", "-H", self.url]
        who = ["-D", "cn=admin,cn=config", "-w", PASSWORD]
        what = ["-b", "cn=schema,cn=config", "(cn=*confobjects)"]
        return subprocess.run([*command, *who, *what], capture_output=True, text=True, check=True).stdout

    def ldapsearch(self, *arguments: str, anonymous: bool = False) -> str:
        """Read entries with the server's own client, as LDIF without comments or folding."""
        return self.ldapsearch_as("" if anonymous else ROOT_DN, *arguments)

    def ldapsearch_as(self, user: str, *arguments: str) -> str:
        """Read entries as a user, whose password is the one of the administrator; nobody if it is empty."""
        who = ["-D", user, "-w", PASSWORD] if user else []
        command = [self.programs["ldapsearch"], "-x", "-LLL", "-o", "ldif-wrap=no", "-H", self.url, *who, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout
