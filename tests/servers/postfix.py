"""A real Postfix for the tests: unprivileged ports on loopback, its own directory, started and stopped by them.

It discards what it accepts, except mail to :data:`MAILBOX`, which it delivers. Listeners: ``plain`` (offers STARTTLS; login only inside TLS), ``submission`` (nothing
before STARTTLS), ``smtps`` (TLS from the first byte), one ``smtps`` listener more for each certificate that is
handed in by name, and one for each set of options in ``further``.
"""

from __future__ import annotations

import contextlib
import ctypes
import mailbox
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.servers.certificates import Certificate
from tests.servers.packages import require

USER = "alice"
PASSWORD = "correct horse canary 7Q"
REALM = "mx.test"
MAILBOX = "mailbox.test"
"""The domain whose mail is kept: every address below it has a mailbox."""

_MAIN = """\
compatibility_level = 3.6
queue_directory = {root}/spool
data_directory = {root}/lib
command_directory = {command_directory}
daemon_directory = {daemon_directory}
mail_owner = postfix
setgid_group = postdrop
myhostname = mx.test
mydestination =
mynetworks =
alias_maps =
alias_database =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
maillog_file = {root}/log/mail.log
maillog_file_prefixes = {root}, /var, /dev/stdout
default_transport = discard:
virtual_mailbox_domains = {mailbox}
virtual_mailbox_base = {root}/mail
virtual_mailbox_maps = static:all/
virtual_uid_maps = static:{user.pw_uid}
virtual_gid_maps = static:{user.pw_gid}
virtual_minimum_uid = 1
smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {key}
smtpd_tls_security_level = may
smtpd_tls_auth_only = yes
smtpd_tls_session_cache_database =
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = {sasl_type}
smtpd_sasl_path = {sasl_path}
smtpd_sasl_local_domain = {realm}
smtpd_sasl_security_options = noanonymous
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
smtpd_recipient_restrictions = check_recipient_access inline:{{{{nobody@refused.test=550 5.1.1 no such user}}, \
{{later@refused.test=450 4.2.0 greylisted, come back later}}}}
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_error_sleep_time = 0
message_size_limit = 102400
header_checks =
"""

_SERVICES = """\
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
discard unix - - n - - discard
error unix - - n - - error
retry unix - - n - - error
smtp unix - - n - - smtp
relay unix - - n - - smtp
local unix - n n - - local
virtual unix - n n - - virtual
showq unix n - n - - showq
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""

_SASL = """\
pwcheck_method: auxprop
auxprop_plugin: sasldb
mech_list: PLAIN LOGIN CRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-256
sasldb_path: {database}
"""


_PR_SET_PDEATHSIG = 1


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def free_ports(count: int) -> list[int]:
    """Return ports of loopback that are free now, all different."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


@dataclass
class Postfix:
    """One running Postfix below a directory; a context manager that starts and stops it."""

    root: Path
    certificate: Certificate
    others: Mapping[str, Certificate] = field(default_factory=dict)
    further: Mapping[str, str] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    dovecot: Path | None = None
    """The socket of a Dovecot that checks the logins; without one, there is the user of this module."""

    def __enter__(self) -> Self:
        programs = require("postfix")
        self._postfix = programs["postfix"]
        self._lay_out(programs)
        self._make_user(programs)
        self._run(self._postfix, "-c", str(self.etc), "check")  # makes the directories of the queue
        master = self._run(programs["postconf"], "-c", str(self.etc), "-h", "daemon_directory").strip() + "/master"
        for _ in range(5):  # a port that was free may be taken by the time it is bound
            self._choose_ports()
            self._start(master)
            if self._is_up():
                return self
            self._master.wait(30)
        raise AssertionError(self.log)

    def _start(self, master: str) -> None:
        # In the foreground and bound to this process: a test run that is killed leaves no server behind.
        with (self.root / "log" / "master.err").open("ab") as complaints:
            self._master = subprocess.Popen(
                [master, "-c", str(self.etc), "-d"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=complaints,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - it does nothing but one system call
            )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._master.terminate()
        self._master.wait(30)

    @property
    def etc(self) -> Path:
        return self.root / "etc"

    @property
    def log(self) -> str:
        """Everything Postfix has logged, and what it complained about before it could log."""
        files = (self.root / "log" / name for name in ("mail.log", "master.err"))
        return "".join(file.read_text(encoding="utf-8", errors="replace") for file in files if file.exists())

    def open_mailbox(self, address: str) -> list[mailbox.MaildirMessage]:
        """Return the mails that an address of :data:`MAILBOX` has got, the oldest first."""
        if not (self.root / "mail" / "all").exists():
            return []
        kept = mailbox.Maildir(self.root / "mail" / "all", create=False)
        mine = [one for one in kept if one["Delivered-To"] == address]
        return sorted(mine, key=lambda one: one.get_date())

    def wait_for_mail(self, address: str, number: int = 1) -> mailbox.MaildirMessage:
        """Wait until an address of :data:`MAILBOX` has got so many mails, and return the last one."""
        end = time.monotonic() + 60
        while len(found := self.open_mailbox(address)) < number:
            assert time.monotonic() < end, self.log
            time.sleep(0.02)
        return found[number - 1]

    def _lay_out(self, programs: Mapping[str, str]) -> None:
        for name in ("etc/sasl", "spool", "lib", "log", "mail"):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        for above in (self.root, *self.root.parents):  # the daemons run as another user and have to pass through
            if above.stat().st_mode & 0o001 == 0:
                above.chmod(above.stat().st_mode | 0o011)
        for name in ("lib", "mail"):
            shutil.chown(self.root / name, "postfix")
        certificate, key = self.certificate.write(self.etc, "server")
        defaults = {
            name: self._run(programs["postconf"], "-dh", name).strip()
            for name in ("command_directory", "daemon_directory")
        }
        sasl_type, sasl_path = ("cyrus", "smtpd") if self.dovecot is None else ("dovecot", str(self.dovecot))
        facts = {"root": self.root, "certificate": certificate, "key": key, "realm": REALM}
        facts |= {"sasl_type": sasl_type, "sasl_path": sasl_path}
        facts |= {"mailbox": MAILBOX, "user": pwd.getpwnam("postfix")}
        (self.etc / "main.cf").write_text(_MAIN.format(**facts, **defaults), encoding="utf-8")
        self._options = {
            "plain": "",
            "submission": "-o smtpd_tls_security_level=encrypt",
            "smtps": "-o smtpd_tls_wrappermode=yes",
        }
        for name, other in self.others.items():
            path, key = other.write(self.etc, name)
            self._options[name] = (
                f"-o smtpd_tls_wrappermode=yes -o smtpd_tls_cert_file={path} -o smtpd_tls_key_file={key}"
            )
        self._options.update(self.further)
        (self.etc / "master.cf").write_text(_SERVICES, encoding="utf-8")

    def _choose_ports(self) -> None:
        self.ports.update(zip(self._options, free_ports(len(self._options)), strict=True))
        lines = [f"127.0.0.1:{self.ports[name]} inet n - n - - smtpd {rest}\n" for name, rest in self._options.items()]
        (self.etc / "master.cf").write_text("".join(lines) + _SERVICES, encoding="utf-8")

    def _make_user(self, programs: Mapping[str, str]) -> None:
        # Debian's build looks for smtpd.conf here, whatever cyrus_sasl_config_path says.
        database = self.etc / "sasl" / "sasldb2"
        (self.etc / "sasl" / "smtpd.conf").write_text(_SASL.format(database=database), encoding="utf-8")
        make = [programs["saslpasswd2"], "-p", "-c", "-f", str(database), "-u", REALM, USER]
        subprocess.run(make, input=PASSWORD, text=True, check=True, capture_output=True)
        shutil.chown(database, "postfix")

    def _run(self, *command: str) -> str:
        done = subprocess.run(command, check=False, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def _is_up(self) -> bool:
        """Wait until every listener accepts, or Postfix has given up."""
        end = time.monotonic() + 30
        waiting = list(self.ports.values())
        while waiting and self._master.poll() is None and time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", waiting[-1]), timeout=5).close()
                waiting.pop()
            except ConnectionRefusedError:
                time.sleep(0.02)
        return not waiting
