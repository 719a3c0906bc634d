"""The table of SMTP properties: every documented name, types, refusals, holes."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from confobjects.mail.constraints import port_and_tls, smtp_properties
from confobjects.mail.properties import check_smtp_property, read_settings
from confobjects.mail.property_table import (
    NO_EFFECT,
    REFUSED,
    WEAKNESSES,
    PropertyRow,
    key_of,
    mask_secret_value,
    names,
    row_of,
    rows,
)
from confobjects.syntaxes.hosts import HostPort
from confobjects.syntaxes.text import NameValue

DOCUMENTED = [
    "user",
    "host",
    "port",
    "connectiontimeout",
    "timeout",
    "writetimeout",
    "executor.writetimeout",
    "from",
    "localhost",
    "localaddress",
    "localport",
    "ehlo",
    "auth",
    "auth.mechanisms",
    "auth.login.disable",
    "auth.plain.disable",
    "auth.digest-md5.disable",
    "auth.ntlm.disable",
    "auth.ntlm.domain",
    "auth.ntlm.flags",
    "auth.xoauth2.disable",
    "submitter",
    "dsn.notify",
    "dsn.ret",
    "allow8bitmime",
    "sendpartial",
    "sasl.enable",
    "sasl.mechanisms",
    "sasl.authorizationid",
    "sasl.realm",
    "sasl.usecanonicalhostname",
    "quitwait",
    "quitonsessionreject",
    "reportsuccess",
    "socketFactory",
    "socketFactory.class",
    "socketFactory.fallback",
    "socketFactory.port",
    "ssl.enable",
    "ssl.checkserveridentity",
    "ssl.hostnameverifier",
    "ssl.hostnameverifier.class",
    "ssl.trust",
    "ssl.socketFactory",
    "ssl.socketFactory.class",
    "ssl.socketFactory.port",
    "ssl.protocols",
    "ssl.ciphersuites",
    "starttls.enable",
    "starttls.required",
    "proxy.host",
    "proxy.port",
    "proxy.user",
    "proxy.password",
    "socks.host",
    "socks.port",
    "mailextension",
    "userset",
    "noop.strict",
    "chunksize",
    "auth.ntlm.v2",
    "auth.ntlm.unicode",
    "auth.ntlm.lmcompat",
    "saslrealm",
    "usesocketchannels",
]
"""The names in the SMTP provider's documentation, and those that only its code reads, without their prefix."""

GENERIC = [
    "mail.debug",
    "mail.debug.auth",
    "mail.debug.auth.username",
    "mail.debug.auth.password",
    "mail.debug.quote",
    "mail.socket.debug",
    "mail.from",
    "mail.host",
    "mail.user",
    "mail.transport.protocol",
    "mail.transport.protocol.rfc822",
    "mail.smtp.class",
    "mail.smtps.class",
    "mail.store.protocol",
    "mail.event.scope",
    "mail.event.executor",
    "mail.mime.address.strict",
    "mail.mime.allowutf8",
    "mail.alternates",
    "mail.replyallcc",
    "mail.mime.charset",
    "mail.mime.encodefilename",
    "mail.mime.encodeparameters",
    "mail.mime.foldtext",
    "mail.mime.setdefaulttextcharset",
    "mail.mime.setcontenttypefilename",
    "mail.mime.encodeeol.strict",
    "mail.mime.decodetext.strict",
    "mail.mime.decodefilename",
    "mail.mime.decodeparameters",
    "mail.mime.parameters.strict",
    "mail.mime.multipart.ignoremissingendboundary",
    "mail.mime.multipart.ignoremissingboundaryparameter",
    "mail.mime.multipart.ignoreexistingboundaryparameter",
    "mail.mime.multipart.allowempty",
    "mail.mime.base64.ignoreerrors",
    "mail.mime.uudecode.ignoreerrors",
    "mail.mime.uudecode.ignoremissingbeginend",
    "mail.mime.ignoreunknownencoding",
    "mail.mime.ignorewhitespacelines",
    "mail.mime.ignoremultipartencoding",
    "mail.mime.allowencodedmessages",
    "mail.mime.applefilenames",
    "mail.mime.windowsfilenames",
    "mail.mime.contenttypehandler",
    "mail.mime.address.usecanonicalhostname",
]

GOOD = [
    ("mail.smtp.port", "2525", 2525),
    ("mail.smtps.port", "0x1FF", 511),
    ("mail.smtp.timeout", "5000", 5000),
    ("mail.smtp.starttls.required", "TRUE", True),
    ("mail.smtp.from", "bounce@example.com", "bounce@example.com"),
    ("mail.smtp.from", "<>", ""),
    ("mail.smtp.localhost", "[192.0.2.1]", "[192.0.2.1]"),
    ("mail.smtp.localhost", "[IPv6:2001:db8::1]", "[IPv6:2001:db8::1]"),
    ("mail.smtp.host", "[2001:db8::1]", "2001:db8::1"),
    ("mail.smtp.localaddress", "127.0.0.1", "127.0.0.1"),
    ("mail.smtp.auth.mechanisms", "plain, LOGIN ntlm", ("PLAIN", "LOGIN")),
    ("mail.smtp.dsn.notify", "success,failure", "SUCCESS,FAILURE"),
    ("mail.smtp.dsn.ret", "hdrs", "HDRS"),
    ("mail.smtp.ssl.protocols", "TLSv1.3 TLSv1.2", ("TLSv1.3", "TLSv1.2")),
    ("mail.smtp.ssl.trust", "a.example b.example", ("a.example", "b.example")),
    ("mail.smtp.socketFactory.class", "javax.net.ssl.SSLSocketFactory", "tls"),
    ("mail.smtp.chunksize", "-1", -1),
    ("confobjects.allow-insecure", "no-tls, any-name", ("no-tls", "any-name")),
    ("confobjects.total-timeout", "1000", 1000),
]

BAD = [
    ("mail.smtp.starttls.required", "yes"),
    ("mail.smtp.port", "0"),
    ("mail.smtp.port", "smtp"),
    ("mail.smtp.timeout", "-1"),
    ("mail.smtp.from", "nobody"),
    ("mail.smtp.localhost", "192.0.2.1"),
    ("mail.smtp.localhost", "a b"),
    ("mail.smtp.host", "a..b"),
    ("mail.smtp.localaddress", "localhost"),
    ("mail.smtp.dsn.notify", "NEVER,DELAY"),
    ("mail.smtp.dsn.notify", ""),
    ("mail.smtp.dsn.ret", "ALL"),
    ("mail.smtp.auth.mechanisms", "PLIAN"),
    ("mail.smtp.auth.mechanisms", "NTLM"),
    ("mail.smtp.ssl.protocols", "TLSv1.1 TLSv1.2"),
    ("mail.smtp.ssl.protocols", "TLSv1"),
    ("mail.smtp.ssl.protocols", ""),
    ("mail.smtp.ssl.ciphersuites", "A:B"),
    ("mail.smtp.ssl.trust", ""),
    ("mail.smtp.socketFactory.class", "com.example.Factory"),
    ("mail.smtp.mailextension", ""),
    ("confobjects.allow-insecure", "all"),
    ("confobjects.allow-insecure", ""),
    ("confobjects.pool.max-connections", "0"),
    ("mail.smtp.socketFactory", "x"),
    ("mail.smtp.submitter", "a\r\nRCPT TO:<b>"),
    ("mail.smtp.submitter", "a\0"),
]


@pytest.mark.parametrize("prefix", ["mail.smtp.", "mail.smtps."])
@pytest.mark.parametrize("key", DOCUMENTED)
def test_every_documented_name_has_a_row_under_both_prefixes(prefix: str, key: str) -> None:
    row = row_of(prefix + key)
    assert row is not None
    assert row.meaning


@pytest.mark.parametrize("name", GENERIC)
def test_every_generic_name_has_a_row(name: str) -> None:
    assert row_of(name) is not None


def test_a_generic_name_takes_no_prefix() -> None:
    assert row_of("mail.smtp.mail.host") is None
    assert row_of("confobjects.port") is None


@pytest.mark.parametrize("row", list(rows()), ids=lambda row: row.name)
def test_every_row_says_what_it_does_or_why_not(row: PropertyRow) -> None:
    assert len(row.meaning) > 10
    assert row.meaning.endswith(".") == (row.state == "honoured")


@pytest.mark.parametrize(("name", "text", "value"), GOOD)
def test_a_good_value_is_typed(name: str, text: str, value: object) -> None:
    settings, _ = read_settings([(name, text)])
    assert settings.value_of(key_of(name) or "") == value


@pytest.mark.parametrize(("name", "text"), BAD)
def test_a_bad_value_is_refused(name: str, text: str) -> None:
    """In which words, says ``tests/bad/mail``."""
    [problem] = check_smtp_property(name, text)
    assert problem.severity == "error"
    assert name in problem.summary
    settings, _ = read_settings([(name, text)])
    assert list(settings) == []


@pytest.mark.parametrize("row", [row for row in rows() if row.state == REFUSED], ids=lambda row: row.name)
def test_a_refused_row_refuses_with_its_reason(row: PropertyRow) -> None:
    [problem] = check_smtp_property(row.name, "anything")
    assert row.meaning in problem.summary


@pytest.mark.parametrize("row", [row for row in rows() if row.state == NO_EFFECT], ids=lambda row: row.name)
def test_a_row_without_effect_warns_with_its_reason(row: PropertyRow) -> None:
    sample = {"boolean": "true", "integer": "1", "text": "x"}.get(row.type, row.type.split("|")[0])
    [problem] = check_smtp_property(row.name, sample)
    assert problem.severity == "warning"
    assert row.meaning in problem.summary


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("mail.smtp.prot", 'did you mean "mail.smtp.port"?'),
        ("mail.smtps.prot", 'did you mean "mail.smtps.port"?'),
        ("mail.smtp.starttls.require", 'did you mean "mail.smtp.starttls.required"?'),
        ("mail.form", 'did you mean "mail.from"?'),
        ("confobjects.allow-insecur", 'did you mean "confobjects.allow-insecure"?'),
        ("mail.smtp.password", "The password belongs in auth-password."),
        ("qqqqqq", "The names are those of JavaMail's SMTP provider (mail.smtp.…)."),
    ],
)
def test_an_unknown_name_is_an_error_with_the_nearest_one(name: str, remedy: str) -> None:
    [problem] = check_smtp_property(name, "1")
    assert problem.summary == f"there is no SMTP property {name}"
    assert problem.remedy == remedy


def test_both_prefixes_may_agree_and_may_not_differ() -> None:
    assert read_settings([("mail.smtp.port", "26"), ("mail.smtps.port", "26")])[1] == []
    _, [problem] = read_settings([("mail.smtp.port", "26"), ("mail.smtps.port", "27")])
    assert problem.summary == "mail.smtp.port and mail.smtps.port are two names of one setting, but their values differ"


@pytest.mark.parametrize(
    ("name", "value", "weakness"),
    [
        ("mail.smtp.ssl.trust", "*", "any-certificate"),
        ("mail.smtp.ssl.checkserveridentity", "false", "any-name"),
        ("mail.smtp.starttls.required", "false", "opportunistic-starttls"),
        ("mail.smtp.socketFactory.fallback", "true", "socket-fallback"),
    ],
)
def test_a_hole_needs_its_own_permission(name: str, value: str, weakness: str) -> None:
    _, [refused] = read_settings([(name, value)])
    assert refused.severity == "error"
    assert f"confobjects.allow-insecure={weakness}" in refused.remedy
    other = next(word for word in WEAKNESSES if word != weakness)
    assert [
        p for p in read_settings([(name, value), ("confobjects.allow-insecure", other)])[1] if p.severity == "error"
    ]
    _, [warning] = read_settings([(name, value), ("confobjects.allow-insecure", weakness)])
    assert warning.severity == "warning"
    assert WEAKNESSES[weakness] in warning.summary


def test_a_secret_row_is_never_shown() -> None:
    assert mask_secret_value("mail.smtp.proxy.password", "canary") == "********"
    problems = check_smtp_property("mail.smtp.proxy.password", "canary\n") + check_smtp_property(
        "mail.smtp.proxy.password", ""
    )
    assert len(problems) == 2
    assert "canary" not in "".join(p.render() + str(p.as_json()) for p in problems)


def test_names_and_rows_agree() -> None:
    keys = {key_of(name) for name in names()}
    assert None not in keys
    assert keys == {key_of(row.name) for row in rows()}
    assert all(re.fullmatch(r"(mail|confobjects)\.[\w.-]+", name) for name in names())


def test_the_rules_let_pass_what_is_not_known_yet() -> None:
    assert list(smtp_properties(lambda _: None)) == []
    assert list(port_and_tls(lambda _: None)) == []


def test_the_rules_judge_typed_values() -> None:
    values = {
        "smtp-property": (NameValue("mail.smtp.prot", "1"), NameValue("mail.smtp.timeout", "x")),
        "smtp-server": (HostPort("h", 465),),
        "use-ssl": (False,),
        "use-start-tls": (True,),
    }
    assert [p.property for p in smtp_properties(values.get)] == ["smtp-property", "smtp-property"]
    [warning] = port_and_tls(values.get)
    assert (warning.severity, warning.remedy) == (
        "warning",
        "Set use-start-tls:false and use-ssl:true, or use port 587 if the server listens there.",
    )
    values.update({"smtp-server": (HostPort("h", 587),), "use-ssl": (True,), "use-start-tls": (False,)})
    [warning] = port_and_tls(values.get)
    assert warning.summary == "use-ssl is true, but 587 is the port for STARTTLS"


def test_a_command_that_only_sets_loads_nothing_heavy() -> None:
    code = (
        "import sys; import confobjects.mail.constraints as c;"
        "list(c.smtp_properties(lambda n: (('mail.smtp.port', '25'), ('mail.smtp.auth', 'true'))));"
        "print(*sys.modules)"
    )
    loaded = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    assert not loaded & {"ssl", "socket", "email", "asyncio", "logging", "difflib", "dataclasses"} - set(
        subprocess.run(
            [sys.executable, "-c", "import sys; print(*sys.modules)"], capture_output=True, text=True, check=True
        ).stdout.split()
    )
