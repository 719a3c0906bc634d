"""The table of SMTP properties against the JavaMail that its names come from.

The same settings, the same server: what we say to it is what JavaMail says. Where JavaMail lets something fail open, we
refuse, unless ``confobjects.allow-insecure`` names it: then we do as JavaMail does. One Java process serves all cases.
"""

from __future__ import annotations

import re
import ssl
import subprocess
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from confobjects.errors import MailError
from confobjects.mail.diagnosis import DeliveryError
from confobjects.mail.property_table import row_of
from confobjects.transport.mailer import Mailer
from tests.servers import Given, mail_server
from tests.servers.fake_smtp import FakeSmtp, Script, hang, starttls
from tests.servers.packages import require

USER = "ann"
PASSWORD = "correct horse"
BOTH = ("bob@example.com", "bib@example.com")
MESSAGE = b"From: ann@example.com\r\nSubject: oracle\r\n\r\na text of the oracle\r\n"
CLEAR = {"use_start_tls": False}
LOGIN = {"auth_username": USER, "auth_password": PASSWORD}
IN_CLEAR = "confobjects.allow-insecure=login-in-clear"
ANY = ("mail.smtp.ssl.trust=*", "confobjects.allow-insecure=any-certificate")


def ehlo(*extensions: str) -> bytes:
    lines = ["fake", *extensions]
    return "".join(f"250{' ' if line is lines[-1] else '-'}{line}\r\n" for line in lines).encode()


class Java:
    """JavaMail in a process of its own."""

    def __init__(self) -> None:
        programs = {**require("java"), **require("javamail")}
        jars = f"{programs['mail']}:{programs['activation']}"
        options = ["-Xshare:auto", "-XX:TieredStopAtLevel=1", "-Djava.net.preferIPv4Stack=true", "-cp", jars]
        source = Path(__file__).parent / "oracle" / "Oracle.java"
        self.process = subprocess.Popen(
            [programs["java"], *options, str(source)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
        )

    def send(self, properties: Mapping[str, str]) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("".join(f"{name}={value}\n" for name, value in properties.items()) + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def stop(self) -> None:
        self.process.communicate(timeout=30)


@pytest.fixture(scope="module")
def java() -> Iterator[Java]:
    oracle = Java()
    yield oracle
    oracle.stop()


@dataclass(frozen=True)
class Asked:
    """What both are asked for. ``settings`` are those of both, ``ours`` and ``theirs`` make the two mean the same."""

    settings: tuple[str, ...] = ()
    script: Script = field(default_factory=dict)
    ours: tuple[str, ...] = ()
    theirs: tuple[str, ...] = ()
    values: Mapping[str, Any] = field(default_factory=lambda: CLEAR)
    to: tuple[str, ...] = ("bob@example.com",)
    tls: bool = False
    implicit: bool = False

    def server(self, port: int, *more: str, trust: Given | None = None) -> Given:
        values = {**self.values, **({"trust": trust} if trust else {})}
        settings = [one.replace("{port}", str(port)) for one in (*self.settings, *self.ours, *more)]
        return mail_server(port, "mail.smtp.localhost=client.example", *settings, **values)

    def properties(self, port: int) -> dict[str, str]:
        """Return what Java is told: what our object says besides its settings, and the settings."""
        given = {
            "mail.smtp.host": "localhost",
            "mail.smtp.port": str(port),
            "mail.smtp.localhost": "client.example",
            "mail.smtp.from": "ann@example.com",
            "mail.smtp.timeout": "2000",
            "oracle.to": ",".join(self.to),
        }
        if "auth_username" in self.values:
            given |= {"oracle.user": USER, "oracle.password": PASSWORD, "mail.smtp.auth": "true"}
        settings = [one.replace("{port}", str(port)) for one in (*self.settings, *self.theirs)]
        named = dict(one.split("=", 1) for one in settings)
        return given | {name: value for name, value in named.items() if not name.startswith("confobjects.")}


def heard(fake: FakeSmtp) -> list[str]:
    """Return what a server heard, without what differs by chance: sizes, and the secrets of a login."""
    lines = []
    for line in fake.commands:
        verb = line.split(" ")[0]
        if verb.upper() == "AUTH":
            lines.append(" ".join(line.split(" ")[:2]))
        elif verb in {"BDAT", "CONNECT"}:
            lines.append(re.sub(r"\d\d+", "n", line))
        elif not re.fullmatch(r"[A-Za-z0-9+/=]+", line) or line in {"DATA", "RSET", "QUIT", "NOOP", "STARTTLS"}:
            lines.append(line)
    return lines


def outcomes(asked: Asked, java: Java, tls: ssl.SSLContext | None) -> tuple[list[str], list[str], str, str]:
    """Return what the server heard from us and from Java, and how both ended."""
    heard_by: list[list[str]] = []
    ended: list[str] = []
    for ours in (True, False):
        with FakeSmtp(asked.script, tls=tls if asked.tls else None, implicit=asked.implicit) as fake:
            ended.append(ours_ended(asked, fake.port) if ours else java.send(asked.properties(fake.port)))
        heard_by.append(heard(fake))
    return heard_by[0], heard_by[1], ended[0], ended[1]


def ours_ended(asked: Asked, port: int, *more: str) -> str:
    try:
        Mailer(asked.server(port, "mail.smtp.from=ann@example.com", *more)).send(MESSAGE, to=asked.to)
    except DeliveryError as error:
        return error.diagnosis.code
    except MailError as error:
        return error.stage
    return "sent"


AUTH = ehlo("AUTH PLAIN LOGIN CRAM-MD5", "8BITMIME")

CLASSES = re.compile(r"(com/sun/mail/(smtp/|util/(SocketFetcher|MailSSL)|auth/)|javax/mail/).*[.]class")
KEYS = re.compile(rb"(?:mail)?[.][a-z][A-Za-z0-9.-]+")
NO_KEYS = {".auth.", ".disable", ".class"}  # parts that are put together with others


def keys_in(jar: str) -> Iterator[str]:
    """Yield the names of properties among the constants of JavaMail's classes (JVM specification, 4.4.7)."""
    with zipfile.ZipFile(jar) as archive:
        for name in filter(CLASSES.match, archive.namelist()):
            code = archive.read(name)
            for found in re.finditer(rb"\x01(..)", code, re.DOTALL):
                text = code[found.end() : found.end() + int.from_bytes(found[1], "big")]
                if 4 < len(text) < 60 and KEYS.fullmatch(text):
                    yield text.decode()


def test_every_name_that_javamail_reads_has_a_row() -> None:
    keys = set(keys_in(require("javamail")["mail"])) - NO_KEYS
    assert len(keys) > 60
    known = [f"mail.{protocol}{key}" for key in keys if key[0] == "." for protocol in ("smtp", "smtps")]
    unknown = [name for name in (*known, *(key for key in keys if key[0] == "m")) if row_of(name) is None]
    assert sorted(unknown) == []


SAME: dict[str, Asked] = {
    "nothing": Asked(),
    "ehlo": Asked(("mail.smtp.ehlo=false",)),
    "dsn.notify": Asked(("mail.smtp.dsn.notify=SUCCESS,FAILURE",), {"EHLO": ehlo("DSN")}),
    "dsn.notify, not offered": Asked(("mail.smtp.dsn.notify=NEVER",), {"EHLO": ehlo("8BITMIME")}),
    "dsn.ret": Asked(("mail.smtp.dsn.ret=HDRS",), {"EHLO": ehlo("DSN")}),
    "mailextension": Asked(("mail.smtp.mailextension=XWHAT=1 XWHY",), {"EHLO": ehlo("X-WHAT")}),
    "submitter": Asked(("mail.smtp.submitter=a=b+c@example.com",), {"EHLO": AUTH}),
    "submitter, not offered": Asked(("mail.smtp.submitter=a@example.com",), {"EHLO": ehlo("8BITMIME")}),
    "sendpartial": Asked(
        ("mail.smtp.sendpartial=true",),
        {"EHLO": ehlo("8BITMIME"), "RCPT": [b"250 2.1.5 ok\r\n", b"550 5.1.1 no\r\n"]},
        to=BOTH,
    ),
    "without sendpartial": Asked(
        (), {"EHLO": ehlo("8BITMIME"), "RCPT": [b"250 2.1.5 ok\r\n", b"550 5.1.1 no\r\n"]}, to=BOTH
    ),
    "chunksize": Asked(("mail.smtp.chunksize=10000",), {"EHLO": ehlo("CHUNKING")}),
    "chunksize, not offered": Asked(("mail.smtp.chunksize=10000",), {"EHLO": ehlo("8BITMIME")}),
    "quitwait": Asked(("mail.smtp.quitwait=false",)),
    "quitonsessionreject": Asked(("mail.smtp.quitonsessionreject=true",), {"banner": b"554 5.7.1 no\r\n"}),
    "without quitonsessionreject": Asked((), {"banner": b"554 5.7.1 no\r\n"}),
    "auth.mechanisms": Asked(("mail.smtp.auth.mechanisms=LOGIN PLAIN",), {"EHLO": AUTH, "AUTH": b"334 VXNlcjo=\r\n",
                             "auth": [b"334 UGFzczo=\r\n", b"235 2.7.0 ok\r\n"]}, (IN_CLEAR,), values={**CLEAR, **LOGIN}),
    "auth.plain.disable": Asked(("mail.smtp.auth.plain.disable=true",), {"EHLO": ehlo("AUTH PLAIN LOGIN"), "AUTH": b"334 VXNlcjo=\r\n",
                                "auth": [b"334 UGFzczo=\r\n", b"235 2.7.0 ok\r\n"]}, (IN_CLEAR,),
                                ("mail.smtp.auth.login.disable=false",), values={**CLEAR, **LOGIN}),
    "auth.mechanisms, with a token": Asked(
        ("mail.smtp.auth.mechanisms=XOAUTH2",),
        {"EHLO": ehlo("AUTH PLAIN XOAUTH2")},
        (IN_CLEAR,),
        values={**CLEAR, **LOGIN},
    ),
    "a wrong password": Asked(("mail.smtp.auth.mechanisms=PLAIN",), {"EHLO": AUTH, "AUTH": b"535 5.7.8 no\r\n"},
                              (IN_CLEAR,), values={**CLEAR, **LOGIN}),
    "proxy.host": Asked(("mail.smtp.proxy.host=127.0.0.1:{port}",),
                        {"banner": b"", "CONNECT": b"HTTP/1.1 403 Forbidden\r\n\r\n"}),
    "timeout": Asked(("mail.smtp.timeout=300",), {"EHLO": hang}),
    "starttls.required": Asked(("mail.smtp.starttls.required=true", *ANY), {"STARTTLS": starttls}, tls=True),
    "starttls.required, not offered": Asked(("mail.smtp.starttls.required=true",), {"EHLO": ehlo("8BITMIME")}),
    "starttls.required, refused": Asked(("mail.smtp.starttls.required=true",), {"STARTTLS": b"454 4.7.0 later\r\n"}),
    "starttls.enable": Asked(("mail.smtp.starttls.enable=true", *ANY), {"STARTTLS": starttls}, tls=True),
    "ssl.enable": Asked(("mail.smtp.ssl.enable=true", *ANY), tls=True, implicit=True),
    "socketFactory.class": Asked(("mail.smtp.socketFactory.class=javax.net.ssl.SSLSocketFactory",), tls=True,
                                 implicit=True, ours=("mail.smtp.ssl.trust=*", ANY[1]),
                                 theirs=("mail.smtp.socketFactory.class=com.sun.mail.util.MailSSLSocketFactory",
                                         "mail.smtp.ssl.enable=true", "mail.smtp.ssl.trust=*")),
    "ssl.trust, another host": Asked(("mail.smtp.ssl.enable=true", "mail.smtp.ssl.trust=other.example"),
                                     ours=(ANY[1],), tls=True, implicit=True),
}  # fmt: skip
"""Settings with which we do as JavaMail does."""

MEANS_THE_SAME = {
    "sent": "sent",
    "no-such-recipient": "SendFailedException|SMTPSendFailedException",
    "banner-refused": "MessagingException: Got bad greeting",
    "auth-rejected": "AuthenticationFailedException: 535",
    "proxy-refused": "MailConnectException",
    "timeout": "MessagingException: Exception reading response",
    "starttls-not-offered": "MessagingException: STARTTLS is required",
    "starttls-unavailable": "MessagingException: Could not convert socket to TLS|SMTPSendFailedException|454",
    "host-not-in-trust-list": "MessagingException: Could not connect|Server is not trusted",
}
"""How we end -> how JavaMail ends, as a pattern."""


@pytest.mark.parametrize("name", SAME)
def test_a_setting_means_here_what_it_means_there(
    name: str, java: Java, server_context: dict[str, ssl.SSLContext]
) -> None:
    asked = SAME[name]
    ours, theirs, ended, theirs_ended = outcomes(asked, java, server_context["good"])
    assert without_courtesy(ours, ended) == without_courtesy(theirs, ended), theirs_ended
    if "sendpartial=true" not in "".join(asked.settings):  # where JavaMail sends and then complains
        assert re.search(MEANS_THE_SAME[ended], theirs_ended)


def without_courtesy(lines: Sequence[str], ended: str) -> list[str]:
    """Leave out how a failed conversation ends, which JavaMail does differently from case to case.

    JavaMail talks to a host that ssl.trust does not name before it leaves it, and sends a proxy more headers.
    """
    if ended in {"sent", "banner-refused"}:
        return list(lines)
    if ended == "host-not-in-trust-list":
        return []
    return [line for line in lines if line not in {"RSET", "QUIT", ""} and ": " not in line]


@dataclass(frozen=True)
class Open:
    """Where JavaMail fails open: how we end, and the settings that make us do as it does."""

    asked: Asked
    ended: str
    allowed: tuple[str, ...] = ()


FAILS_OPEN: dict[str, Open] = {
    "STARTTLS not offered": Open(
        Asked(("mail.smtp.starttls.enable=true",), {"EHLO": ehlo("8BITMIME")}),
        "starttls-not-offered",
        ("mail.smtp.starttls.required=false", "confobjects.allow-insecure=opportunistic-starttls"),
    ),
    "no login offered": Open(
        Asked((), {"EHLO": ehlo("8BITMIME")}, (), values={**CLEAR, **LOGIN}),
        "auth",
        ("confobjects.allow-insecure=login-in-clear,login-optional",),
    ),
    "login in clear": Open(
        Asked(("mail.smtp.auth.mechanisms=PLAIN",), {"EHLO": AUTH}, values={**CLEAR, **LOGIN}), "auth", (IN_CLEAR,)
    ),
    "TLS fails on a plain port": Open(
        Asked(("mail.smtp.socketFactory.class=javax.net.ssl.SSLSocketFactory",), {"EHLO": ehlo("8BITMIME")}),
        "not-a-tls-port",
        ("mail.smtp.socketFactory.fallback=true", "confobjects.allow-insecure=socket-fallback"),
    ),
    "a misspelt socket factory": Open(Asked(("mail.smtp.socketFactory.class=javax.net.ssl.SSLSoketFactory",)), "plan"),
    "a switch that is no switch": Open(Asked(("mail.smtp.starttls.required=yes",), {"EHLO": ehlo("8BITMIME")}), "plan"),
    "a time that is none": Open(Asked(("mail.smtp.connectiontimeout=abc",)), "plan"),
    "an unknown name": Open(Asked(("mail.smtp.starttls.requierd=true",)), "plan"),
    "a certificate nobody checks": Open(
        Asked(("mail.smtp.ssl.enable=true", "mail.smtp.ssl.trust=*"), tls=True, implicit=True), "plan", (ANY[1],)
    ),
}
"""What JavaMail delivers, and we do not."""


@pytest.mark.parametrize("name", FAILS_OPEN)
def test_what_fails_open_there_is_refused_here(
    name: str, java: Java, server_context: dict[str, ssl.SSLContext]
) -> None:
    case = FAILS_OPEN[name]
    ours, theirs, ended, theirs_ended = outcomes(case.asked, java, server_context["stranger"])
    assert theirs_ended == "sent"
    assert "DATA" in theirs
    assert ended == case.ended
    assert not {"AUTH", "MAIL", "DATA"} & {line.split(" ")[0] for line in ours}


def list_commands(lines: list[str]) -> list[str]:
    """Return the commands of a mail, without the lines that the server made of octets of a TLS handshake."""
    return [line for line in lines if line.split(" ")[0] in {"EHLO", "MAIL", "RCPT", "DATA", ".", "QUIT"}]


@pytest.mark.parametrize("name", [name for name, case in FAILS_OPEN.items() if case.allowed])
def test_what_is_allowed_is_done_as_there(name: str, java: Java, server_context: dict[str, ssl.SSLContext]) -> None:
    case = FAILS_OPEN[name]
    with FakeSmtp(case.asked.script, tls=server_context["stranger"] if case.asked.tls else None,
                  implicit=case.asked.implicit) as fake:  # fmt: skip
        assert ours_ended(case.asked, fake.port, *case.allowed) == "sent"
        ours = heard(fake)
    _, theirs, _, _ = outcomes(case.asked, java, server_context["stranger"])
    assert list_commands(ours) == list_commands(theirs)


def test_an_address_beyond_ascii_becomes_another_one_there_and_is_refused_here(java: Java) -> None:
    asked = Asked((), {"EHLO": ehlo("8BITMIME")}, to=("bjørn@example.com",))
    ours, theirs, ended, theirs_ended = outcomes(asked, java, None)
    assert (ended, theirs_ended) == ("utf8-not-offered", "sent")
    assert "RCPT" not in str(ours)
    assert "RCPT TO:<bjørn@example.com>" not in theirs
