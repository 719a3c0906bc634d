"""The table of SMTP properties: every documented name, types, refusals, holes."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confobjects.diagnostics import find_misspelt
from confobjects.mail.constraints import password_needs_username, smtp_properties, username_without_password
from confobjects.mail.properties import read_setting, read_settings
from confobjects.mail.property_table import (
    KEYS,
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
    ("mail.smtp.port", " 2525 ", 2525),
    ("mail.smtp.from", " bounce@example.com", "bounce@example.com"),
    ("mail.smtp.proxy.host", " p.example ", ("p.example", None)),
    ("mail.smtp.proxy.host", "p.example:8080", ("p.example", 8080)),
    ("mail.smtp.socks.host", "[2001:db8::1]:1081", ("2001:db8::1", 1081)),
    ("mail.smtp.socks.host", "2001:db8::1", ("2001:db8::1", None)),
    (
        "mail.smtp.ssl.ciphersuites",
        "TLS_AES_256_GCM_SHA384 TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        ("TLS_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
    ),
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
    ("mail.smtp.user", " bob"),
    ("mail.smtp.user", "bob\t"),
    ("mail.user", "\u00a0bob"),
    ("mail.smtp.user", " "),
    ("mail.smtp.submitter", "bob "),
    ("mail.smtp.sasl.authorizationid", " bob"),
    ("mail.smtp.proxy.user", " bob"),
    ("mail.smtp.proxy.host", "http://p.example"),
    ("mail.smtp.proxy.host", "p.example:0"),
    ("mail.smtp.proxy.host", "p.example:99999"),
    ("mail.smtp.socks.host", "a b"),
    ("mail.smtp.ssl.ciphersuites", "TLS_AES_256_GCM_SHA384"),
    ("mail.smtp.ssl.ciphersuites", "TLS_RSA_WITH_NONSENSE"),
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
    _, [problem] = read_setting(name, text)
    assert problem.severity == "error"
    assert name in problem.summary
    settings, _ = read_settings([(name, text)])
    assert list(settings) == []


@pytest.mark.parametrize("row", [row for row in rows() if row.state == REFUSED], ids=lambda row: row.name)
def test_a_refused_row_refuses_with_its_reason(row: PropertyRow) -> None:
    _, [problem] = read_setting(row.name, "anything")
    assert row.meaning in problem.summary


@pytest.mark.parametrize("row", [row for row in rows() if row.state == NO_EFFECT], ids=lambda row: row.name)
def test_a_row_without_effect_warns_with_its_reason(row: PropertyRow) -> None:
    sample = {"boolean": "true", "integer": "1", "text": "x"}.get(row.type, row.type.split("|")[0])
    _, [problem] = read_setting(row.name, sample)
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
    _, [problem] = read_setting(name, "1")
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
    assert f"confobjects.allow-insecure={weakness}" in refused.render()
    other = next(word for word in WEAKNESSES if word != weakness)
    assert [
        p for p in read_settings([(name, value), ("confobjects.allow-insecure", other)])[1] if p.severity == "error"
    ]
    _, [warning] = read_settings([(name, value), ("confobjects.allow-insecure", weakness)])
    assert warning.severity == "warning"
    assert WEAKNESSES[weakness] in warning.summary


def test_a_secret_row_is_never_shown() -> None:
    assert mask_secret_value("mail.smtp.proxy.password", "canary") == "********"
    name = "mail.smtp.proxy.password"
    problems = [problem for text in ("canary\n", "") for problem in read_setting(name, text)[1]]
    assert len(problems) == 2
    assert "canary" not in "".join(p.render() + str(p.as_json()) for p in problems)


def test_names_and_rows_agree() -> None:
    keys = {key_of(name) for name in names()}
    assert None not in keys
    assert keys == {key_of(row.name) for row in rows()}
    assert all(re.fullmatch(r"(mail|confobjects)\.[\w.-]+", name) for name in names())


SERVER: dict[str, tuple[Any, ...]] = {
    "auth-username": (),
    "auth-password": (),
    "smtp-property": (),
    "smtp-server": (HostPort("mx.example", 25),),
    "use-ssl": (False,),
    "use-start-tls": (True,),
}
SSL = {"use-ssl": (True,), "use-start-tls": (False,)}
CLEAR = {"use-start-tls": (False,)}
LOGIN = {"auth-username": ("ann",), "auth-password": ("x",)}
NAMES = "mail.smtp.ssl.trust"
WEAK = "confobjects.allow-insecure"


class View(dict[str, Any]):
    """What a rule sees of an object; a property whose value is None holds expressions beside ``rows``."""

    types: tuple[str, ...] = ("mail-server",)
    open: tuple[str, ...] = ()
    rows: tuple[Any, ...] = ()

    def __call__(self, name: str) -> Any:
        return self[name]

    def has_default(self, name: str) -> bool:
        return not self[name]

    def known(self, name: str) -> tuple[Any, ...]:
        return self.rows

    def open_texts(self, name: str) -> tuple[str, ...]:
        return self.open


def told(*rows: str, **values: Any) -> list[tuple[str, str, str]]:
    """Return what the rules say about a server: severity, property, summary."""
    pairs = tuple(NameValue(*row.split("=", 1)) for row in rows)
    state = {**SERVER, "smtp-property": pairs, **values}
    rules = (smtp_properties, password_needs_username, username_without_password)
    return [(one.severity, one.property, one.summary) for rule in rules for one in rule(View(state))]


def test_the_rules_let_pass_what_is_not_known_yet() -> None:
    for rule in (smtp_properties, password_needs_username, username_without_password):
        assert list(rule(View(dict.fromkeys(SERVER)))) == []
        for name in SERVER:
            unknown: dict[str, Any] = {**SERVER, name: None}
            assert list(rule(View(unknown))) == []


@pytest.mark.parametrize(
    ("values", "rows", "words"),
    [
        ({}, ["mail.smtp.starttls.enable=false"], "mail.smtp.starttls.enable=false while use-start-tls is true"),
        ({}, ["mail.smtps.starttls.enable=FALSE"], "mail.smtps.starttls.enable=FALSE while use-start-tls is true"),
        (SSL, ["mail.smtp.ssl.enable=false"], "mail.smtp.ssl.enable=false while use-ssl is true"),
        (
            CLEAR,
            ["mail.smtp.starttls.required=true", "mail.smtp.starttls.enable=false"],
            "mail.smtp.starttls.enable=false while mail.smtp.starttls.required=true",
        ),
        (
            {},
            ["mail.transport.protocol=smtps", "mail.smtp.ssl.enable=false"],
            "mail.smtp.ssl.enable=false while mail.transport.protocol=smtps",
        ),
    ],
)
def test_a_row_that_switches_tls_off_is_refused_when_it_is_set(
    values: dict[str, Any], rows: list[str], words: str
) -> None:
    [(severity, property_, summary)] = told(*rows, **values)
    assert (severity, property_) == ("error", "smtp-property")
    assert summary.startswith(f"{words} is refused: ")
    assert [one[0] for one in told(*rows, f"{WEAK}=no-tls", **values)] == ["warning"]


@pytest.mark.parametrize(
    ("values", "rows"),
    [
        (SSL, ["mail.smtp.starttls.enable=false"]),
        ({}, ["mail.smtp.ssl.enable=false"]),
        (CLEAR, ["mail.smtp.starttls.enable=false", "mail.smtp.ssl.enable=false"]),
        ({"auth-password": ("x",)}, ["mail.smtp.user=bob"]),
        ({"auth-password": ("x",)}, ["mail.user=bob"]),
        ({**CLEAR, **LOGIN}, ["mail.smtp.ssl.enable=true"]),
        (LOGIN, ["mail.smtp.auth=true"]),
        ({"smtp-server": (HostPort("mx.example", 465),)}, ["mail.smtp.ssl.enable=true"]),
        ({"smtp-server": (HostPort("mx.example", 465),)}, ["mail.smtp.port=587"]),
        (SSL, ["mail.smtp.socketFactory.class=javax.net.ssl.SSLSocketFactory", "mail.smtp.socketFactory.port=465"]),
    ],
)
def test_what_goes_together_is_not_told(values: dict[str, Any], rows: list[str]) -> None:
    assert told(*rows, **values) == []


def test_rows_beside_an_expression_are_judged() -> None:
    def errors(open_text: str, *rows: str) -> list[str]:
        view = View({**SERVER, "smtp-property": None})
        view.open, view.rows = (open_text,), tuple(NameValue(*row.split("=", 1)) for row in rows)
        return [problem.summary for problem in smtp_properties(view) if problem.severity == "error"]

    secret, other = "mail.smtp.proxy.password=&{proxy.pw}", "&{more.settings}"
    for text in (secret, other):
        assert errors(text, "mail.smtp.prot=1") == ["there is no SMTP property mail.smtp.prot"]
    [problem] = errors(secret, "mail.smtp.starttls.enable=false")
    assert problem.startswith("mail.smtp.starttls.enable=false while use-start-tls is true is refused")
    assert errors(other, "mail.smtp.starttls.enable=false") == [], "the expression may allow it"


@pytest.mark.parametrize(
    ("values", "rows", "property_", "words"),
    [
        ({"smtp-server": (HostPort("h", 465),)}, [], "smtp-server", "use-start-tls is true, but 465 is the port for"),
        ({"smtp-server": (HostPort("h", 587),), **SSL}, [], "smtp-server", "use-ssl is true, but 587 is the port for"),
        ({}, ["mail.smtp.port=465"], "smtp-property", "use-start-tls is true, but 465 is the port for TLS from"),
        (
            {"smtp-server": (HostPort("h", 587),)},
            ["mail.smtp.ssl.enable=true"],
            "smtp-server",
            "mail.smtp.ssl.enable=true, but 587 is the port for STARTTLS",
        ),
        ({**CLEAR, **LOGIN}, [], "auth-username", "a login is configured, but neither use-ssl nor use-start-tls is"),
        (
            {**CLEAR, "auth-password": ("x",)},
            ["mail.smtp.user=bob"],
            "smtp-property",
            "a login is configured, but neither use-ssl nor use-start-tls is true: login without TLS will be refused",
        ),
        ({}, ["mail.smtp.user=bob"], "auth-password", "the user name in smtp-property is set without auth-password"),
        ({"auth-username": ("ann",)}, [], "auth-password", "auth-username is set without auth-password: nothing"),
        ({}, ["mail.smtp.auth=true"], "smtp-property", "mail.smtp.auth requires a login, but there is no"),
        ({}, ["mail.smtp.ehlo=false"], "smtp-property", "mail.smtp.ehlo=false leaves no STARTTLS, but use-start-tls"),
        ({**SSL, **LOGIN}, ["mail.smtp.ehlo=false"], "smtp-property", "mail.smtp.ehlo=false leaves no login, but one"),
        ({}, ["mail.smtp.proxy.port=1"], "smtp-property", "mail.smtp.proxy.port has no effect without mail.smtp.proxy"),
        ({}, ["mail.smtp.socketFactory.port=1"], "smtp-property", "mail.smtp.socketFactory.port has no effect without"),
        (
            {},
            ["mail.smtp.proxy.host=p.example", "mail.smtp.socks.host=s.example"],
            "smtp-property",
            "mail.smtp.socks.host has no effect beside mail.smtp.proxy.host",
        ),
        (
            {},
            ["mail.smtp.proxy.host=127.0.0.1", "mail.smtp.proxy.user=u", "mail.smtp.proxy.password= canary"],
            "smtp-property",
            "the value of mail.smtp.proxy.password begins or ends with a blank",
        ),
    ],
)
def test_what_fails_later_or_has_no_effect_is_told_when_it_is_set(
    values: dict[str, Any], rows: list[str], property_: str, words: str
) -> None:
    [(severity, blamed, summary)] = told(*rows, **values)
    assert (severity, blamed) == ("warning", property_)
    assert summary.startswith(words)
    assert "canary" not in summary


def test_a_host_that_the_list_of_hosts_does_not_name_is_told() -> None:
    def warnings(names: str, *more: str) -> list[str]:
        return [words for _, _, words in told(f"{NAMES}={names}", f"{WEAK}=any-certificate", *more) if NAMES in words]

    assert warnings("other.example") == [
        f"{NAMES} does not name mx.example, so that each connection to it will be refused"
    ]
    assert warnings("other.example MX.Example") == warnings("*") == []
    assert warnings("mx.example", "mail.smtp.host=y.example") != []


def test_a_password_needs_a_user_name() -> None:
    [(severity, blamed, summary)] = told(**{"auth-password": ("x",)})
    assert (severity, blamed) == ("error", "auth-username")
    assert summary == "auth-password is set, but there is no auth-username to log in with"


HARMFUL = [
    "tls",
    "ssl.verify",
    "pass",
    "secure",
    "auth.plain.enable",
    "auth.plain",
    "login",
    "helo",
    "cert",
    "smtp.tls",
]


@pytest.mark.parametrize("key", HARMFUL)
def test_a_merely_similar_name_is_no_hint(key: str) -> None:
    _, [problem] = read_setting(f"mail.smtp.{key}", "true")
    assert "did you mean" not in str(problem.remedy)


@pytest.mark.parametrize("word", ["SCRAM-SHA-512", "SCRAM-SHA-224", "DIGEST"])
def test_another_mechanism_is_no_hint(word: str) -> None:
    _, [problem] = read_setting("mail.smtp.auth.mechanisms", word)
    assert "did you mean" not in problem.summary


@pytest.mark.parametrize("word", ["tls", "name", "login", "certificate", "any"])
def test_a_weakness_is_not_suggested_for_a_word_that_only_resembles_it(word: str) -> None:
    _, [problem] = read_setting(WEAK, word)
    assert "did you mean" not in problem.summary


@given(st.sampled_from(sorted(names())), st.data())
def test_one_slip_finds_the_name(name: str, data: st.DataObject) -> None:
    at = data.draw(st.sampled_from([place for place, one in enumerate(name[:-1]) if not one.isdigit()]))
    before, one, two, after = name[:at], name[at], name[at + 1], name[at + 2 :]
    slips = (
        before + two + after,
        before + "q" + one + two + after,
        before + two + one + after,
        before + "q" + two + after,
    )
    for slip in slips:
        if not two.isdigit():
            assert find_misspelt(slip, [name]) == name


def test_no_name_is_a_slip_of_its_opposite() -> None:
    for name in names():
        for word, opposite in (("enable", "disable"), ("disable", "enable"), ("1", "2"), ("256", "512")):
            if word in name:
                assert find_misspelt(name.replace(word, opposite), [name]) is None


def test_a_command_that_only_sets_loads_nothing_heavy() -> None:
    code = (
        "import sys; import confobjects.mail.constraints as c;"
        "rows = (('mail.smtp.port', '25'), ('mail.smtp.auth', 'true'));"
        "view = type('View', (), {'types': ('mail-server',), '__call__': lambda _, name: rows if name == 'smtp-property' else ()})"
        "();"
        "list(c.smtp_properties(view));"
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


@pytest.mark.parametrize(
    "name", ["mail.smtp.auth.mechanisms", "mail.smtps.auth.mechanisms", "mail.smtp.sasl.mechanisms"]
)
@pytest.mark.parametrize("value", ["EXTERNAL", "external", "PLAIN EXTERNAL", "EXTERNAL,LOGIN"])
def test_external_is_refused_without_a_certificate(name: str, value: str) -> None:
    _, problems = read_settings([(name, value)])
    assert [(one.severity, one.property, one.value) for one in problems] == [("error", "smtp-property", value)]
    assert "EXTERNAL" in problems[0].summary
    assert read_settings([(name, "PLAIN LOGIN")])[1] == []
    assert read_settings([(name, value), (KEYS, "My keys")])[1] == []
