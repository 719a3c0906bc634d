"""The one table of SMTP properties: every name that ``smtp-property`` takes, its type, and what becomes of it.

Names and meanings follow the SMTP provider of JavaMail and Jakarta Mail (package ``org.eclipse.angus.mail.smtp``) and
the generic properties of their API. ``mail.smtp.X`` and ``mail.smtps.X`` mean the same. Names that begin with
``confobjects.`` are ours.

Laws: a row is honoured, accepted without effect (and says so), or refused with the reason; an unknown name is an
error with the nearest known one; a value that is not of its type is an error, never a silent default. This module
is loaded by commands that only set a value: it imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple

from confobjects.diagnostics import MASK, Diagnostic, nearest

PREFIXES: Final = ("mail.smtp.", "mail.smtps.")
OURS: Final = "confobjects."
PROPERTY: Final = "smtp-property"

HONOURED: Final = "honoured"
NO_EFFECT: Final = "without effect"
REFUSED: Final = "refused"

_OBJECT: Final = "its value is a Java object, which no text can name"
_NO_NTLM: Final = "NTLM is never used: it rests on broken cryptography and is not a standard of mail"
_NO_DIGEST: Final = "DIGEST-MD5 is never used: it was withdrawn (RFC 6331)"
_NO_KERBEROS: Final = "GSSAPI is not among the mechanisms"
_RECEIVED: Final = "it concerns the parsing of received mail, and mail is only sent here"
_JVM: Final = "it is a detail of the Java runtime"
_SYSTEM: Final = "Java reads it from its system properties only; messages are written by Python's email package"
_NO_REPLIES: Final = "it concerns the composing of replies"

# name -> (type, state, meaning; or the reason for a state other than honoured)
_TRANSPORT: Final[dict[str, tuple[str, str, str]]] = {
    "user": ("text", HONOURED, "The user name to log in with; it overrides auth-username."),
    "host": ("host", HONOURED, "The host to connect to; it overrides the host of smtp-server."),
    "port": ("port", HONOURED, "The port to connect to; it overrides the port of smtp-server."),
    "connectiontimeout": ("milliseconds", HONOURED, "The limit for connecting to one address."),
    "timeout": ("milliseconds", HONOURED, "The limit for one reply of the server, from first to last byte."),
    "writetimeout": ("milliseconds", HONOURED, "The limit for one write to the server."),
    "executor.writetimeout": ("object", REFUSED, _OBJECT),
    "from": ("sender", HONOURED, "The envelope sender (MAIL FROM), to which bounces go."),
    "localhost": ("local-name", HONOURED, "The name given with EHLO."),
    "localaddress": ("address", HONOURED, "The local address to connect from."),
    "localport": ("port", HONOURED, "The local port to connect from."),
    "ehlo": ("boolean", HONOURED, "false greets with HELO only: no extension can be used then."),
    "auth": ("boolean", HONOURED, "true demands a login, false never logs in."),
    "auth.mechanisms": ("mechanisms", HONOURED, "The login mechanisms that may be used, in order of preference."),
    "auth.login.disable": ("boolean", HONOURED, "true leaves LOGIN out of the mechanisms tried by default."),
    "auth.plain.disable": ("boolean", HONOURED, "true leaves PLAIN out of the mechanisms tried by default."),
    "auth.xoauth2.disable": ("boolean", HONOURED, "true leaves XOAUTH2 out where a token is used to log in."),
    "auth.digest-md5.disable": ("boolean", NO_EFFECT, _NO_DIGEST),
    "auth.ntlm.disable": ("boolean", NO_EFFECT, _NO_NTLM),
    "auth.ntlm.domain": ("text", NO_EFFECT, _NO_NTLM),
    "auth.ntlm.flags": ("integer", NO_EFFECT, _NO_NTLM),
    "auth.ntlm.v2": ("boolean", NO_EFFECT, _NO_NTLM),
    "auth.ntlm.unicode": ("boolean", NO_EFFECT, _NO_NTLM),
    "auth.ntlm.lmcompat": ("integer", NO_EFFECT, _NO_NTLM),
    "submitter": ("text", HONOURED, "The submitter named with MAIL (AUTH=), where the server offers AUTH."),
    "dsn.notify": ("notify", HONOURED, "When to send delivery status notifications, where the server offers DSN."),
    "dsn.ret": ("FULL|HDRS", HONOURED, "What a notification returns of the message, where the server offers DSN."),
    "allow8bitmime": ("boolean", HONOURED, "true leaves 8-bit parts as they are where the server offers 8BITMIME."),
    "sendpartial": ("boolean", HONOURED, "true sends to the good recipients when others are refused."),
    "sasl.enable": ("boolean", NO_EFFECT, "there is one set of login mechanisms, and it is always in use"),
    "sasl.mechanisms": ("mechanisms", HONOURED, "The same as auth.mechanisms, which wins over it."),
    "sasl.authorizationid": ("text", HONOURED, "The identity to act as after the login."),
    "sasl.realm": ("text", NO_EFFECT, _NO_DIGEST),
    "saslrealm": ("text", NO_EFFECT, _NO_DIGEST),
    "sasl.usecanonicalhostname": ("boolean", NO_EFFECT, _NO_KERBEROS),
    "quitwait": ("boolean", HONOURED, "false closes the connection without waiting for the answer to QUIT."),
    "quitonsessionreject": ("boolean", HONOURED, "true says QUIT to a server that refuses in its first line."),
    "reportsuccess": ("boolean", NO_EFFECT, "the report always names every recipient, accepted or refused"),
    "socketFactory": ("object", REFUSED, _OBJECT),
    "socketFactory.class": ("factory", HONOURED, "javax.net.ssl.SSLSocketFactory means TLS from the first byte."),
    "socketFactory.fallback": ("boolean", HONOURED, "true sends in clear when TLS from the first byte fails."),
    "socketFactory.port": ("port", HONOURED, "The port to connect to, where socketFactory.class is set."),
    "ssl.enable": ("boolean", HONOURED, "true means TLS from the first byte, as use-ssl does."),
    "ssl.checkserveridentity": ("boolean", HONOURED, "false skips the comparison of the server's name."),
    "ssl.hostnameverifier": ("object", REFUSED, _OBJECT),
    "ssl.hostnameverifier.class": (
        "any|legacy|MailHostnameVerifier|JdkHostnameChecker",
        NO_EFFECT,
        "names are always compared as RFC 9525 says",
    ),
    "ssl.trust": ("hosts", HONOURED, "Hosts whose certificate is not checked, or * for all; others are refused."),
    "ssl.socketFactory": ("object", REFUSED, _OBJECT),
    "ssl.socketFactory.class": ("factory", HONOURED, "The same as socketFactory.class."),
    "ssl.socketFactory.port": ("port", HONOURED, "The port to connect to, where ssl.socketFactory.class is set."),
    "ssl.protocols": ("protocols", HONOURED, "The TLS versions that may be used."),
    "ssl.ciphersuites": ("suites", HONOURED, "The cipher suites that may be used with TLS 1.2."),
    "starttls.enable": ("boolean", HONOURED, "true uses STARTTLS and demands it, unless starttls.required is false."),
    "starttls.required": ("boolean", HONOURED, "true demands STARTTLS, as use-start-tls does."),
    "proxy.host": ("text", HONOURED, "The HTTP proxy to connect through (CONNECT), optionally with its port."),
    "proxy.port": ("port", HONOURED, "The port of the HTTP proxy, 80 when absent."),
    "proxy.user": ("text", HONOURED, "The user name for the HTTP proxy."),
    "proxy.password": ("text", HONOURED, "The password for the HTTP proxy."),
    "socks.host": ("text", HONOURED, "The SOCKS5 proxy to connect through."),
    "socks.port": ("port", HONOURED, "The port of the SOCKS5 proxy, 1080 when absent."),
    "mailextension": ("text", HONOURED, "Text that is added to the MAIL command."),
    "userset": ("boolean", HONOURED, "true asks a kept connection for life with RSET instead of NOOP."),
    "noop.strict": ("boolean", HONOURED, "false takes any answer to NOOP as a sign of life, not only 250."),
    "chunksize": ("size", HONOURED, "Sends the message in pieces of this many bytes where CHUNKING is offered."),
    "usesocketchannels": ("boolean", NO_EFFECT, _JVM),
    "class": ("text", NO_EFFECT, _JVM),
}

_GENERIC: Final[dict[str, tuple[str, str, str]]] = {
    "mail.host": ("host", HONOURED, "The host to connect to, where mail.smtp.host is not set."),
    "mail.user": ("text", HONOURED, "The user name to log in with, where mail.smtp.user is not set."),
    "mail.from": ("sender", HONOURED, "The envelope sender, where mail.smtp.from is not set."),
    "mail.transport.protocol": ("smtp|smtps", HONOURED, "smtps means TLS from the first byte."),
    "mail.transport.protocol.rfc822": ("smtp|smtps", HONOURED, "The same as mail.transport.protocol, which wins."),
    "mail.store.protocol": ("text", NO_EFFECT, "it concerns the reading of mailboxes"),
    "mail.debug": ("boolean", NO_EFFECT, "every failure carries its transcript; secrets in it are always masked"),
    "mail.debug.auth": ("boolean", NO_EFFECT, "the login is always masked in transcripts"),
    "mail.debug.auth.username": ("boolean", NO_EFFECT, "the login is always masked in transcripts"),
    "mail.debug.auth.password": ("boolean", NO_EFFECT, "the login is always masked in transcripts"),
    "mail.debug.quote": ("boolean", NO_EFFECT, "unprintable bytes are always escaped in transcripts"),
    "mail.socket.debug": ("boolean", NO_EFFECT, _JVM),
    "mail.event.scope": ("text", NO_EFFECT, _JVM),
    "mail.event.executor": ("object", REFUSED, _OBJECT),
    "mail.alternates": ("text", NO_EFFECT, _NO_REPLIES),
    "mail.replyallcc": ("boolean", NO_EFFECT, _NO_REPLIES),
    "mail.mime.address.strict": ("boolean", NO_EFFECT, "addresses are always checked strictly"),
    "mail.mime.allowutf8": ("boolean", HONOURED, "true writes headers in UTF-8 where the server offers SMTPUTF8."),
    "mail.mime.charset": ("text", NO_EFFECT, _SYSTEM),
    "mail.mime.encodefilename": ("boolean", NO_EFFECT, _SYSTEM),
    "mail.mime.encodeparameters": ("boolean", NO_EFFECT, _SYSTEM),
    "mail.mime.foldtext": ("boolean", NO_EFFECT, _SYSTEM),
    "mail.mime.setdefaulttextcharset": ("boolean", NO_EFFECT, _SYSTEM),
    "mail.mime.setcontenttypefilename": ("boolean", NO_EFFECT, _SYSTEM),
    "mail.mime.encodeeol.strict": ("boolean", NO_EFFECT, _SYSTEM),
    "mail.mime.foldencodedwords": ("boolean", NO_EFFECT, _SYSTEM),
    "mail.mime.cachemultipart": ("boolean", NO_EFFECT, _JVM),
    **{
        f"mail.mime.{name}": ("text" if name == "contenttypehandler" else "boolean", NO_EFFECT, _RECEIVED)
        for name in (
            "decodetext.strict",
            "decodefilename",
            "decodeparameters",
            "parameters.strict",
            "contentdisposition.strict",
            "windowsfilenames",
            "applefilenames",
            "multipart.ignoremissingendboundary",
            "multipart.ignoremissingboundaryparameter",
            "multipart.ignoreexistingboundaryparameter",
            "multipart.allowempty",
            "base64.ignoreerrors",
            "uudecode.ignoreerrors",
            "uudecode.ignoremissingbeginend",
            "ignoreunknownencoding",
            "ignorewhitespacelines",
            "ignoremultipartencoding",
            "allowencodedmessages",
            "contenttypehandler",
            "address.usecanonicalhostname",
        )
    },
}

_OWN: Final[dict[str, tuple[str, str, str]]] = {
    "allow-insecure": ("weaknesses", HONOURED, "The weaknesses that are wanted all the same, separated by commas."),
    "total-timeout": ("milliseconds", HONOURED, "The limit for a whole delivery, whatever its steps may take."),
    "pool.max-connections": ("count", HONOURED, "The most connections a pool keeps to this server."),
    "pool.messages-per-connection": ("count", HONOURED, "The messages after which a connection is renewed."),
    "pool.idle-timeout": ("milliseconds", HONOURED, "The time after which an unused connection is closed."),
}

WEAKNESSES: Final = {
    "no-tls": "smtp-property may switch off the TLS that use-ssl or use-start-tls asks for",
    "opportunistic-starttls": "mail goes in clear when the server does not offer STARTTLS",
    "socket-fallback": "mail goes in clear when TLS from the first byte fails",
    "login-in-clear": "the password crosses the network unprotected",
    "login-optional": "mail goes without login when the server offers none",
    "any-certificate": "certificates of the hosts in ssl.trust are not checked: anyone can pose as the server",
    "any-name": "a certificate for another name is accepted: whoever holds one can pose as the server",
}
"""The words of ``confobjects.allow-insecure`` and what each lets happen."""

SECRETS: Final = frozenset({"proxy.password"})
"""Rows whose value is never shown."""

MECHANISMS: Final = ("OAUTHBEARER", "XOAUTH2", "PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "EXTERNAL")
"""The login mechanisms that can be used."""

_NEVER_USED: Final = {"DIGEST-MD5": _NO_DIGEST, "NTLM": _NO_NTLM, "GSSAPI": _NO_KERBEROS}

_MISTAKEN: Final = {
    "debug": "the name is mail.debug, which has no effect: every failure carries its transcript",
    "password": "the password belongs into auth-password",
    "username": "the name is mail.smtp.user, or better auth-username",
    "starttls": "the name is mail.smtp.starttls.required, or better use-start-tls",
    "ssl": "the name is mail.smtp.ssl.enable, or better use-ssl",
    "ssl.enabled": "the name is mail.smtp.ssl.enable, or better use-ssl",
    "starttls.enabled": "the name is mail.smtp.starttls.enable, or better use-start-tls",
}


class Row(NamedTuple):
    """One row of the table: ``state`` is honoured, without effect or refused; ``meaning`` says what, or why not."""

    name: str
    type: str
    state: str
    meaning: str


def key_of(name: str) -> str | None:
    """Return the key both prefixes share (``mail.smtps.port`` -> ``port``), None for an unknown name.

    Generic names and ours are their own keys.
    """
    for prefix in PREFIXES:
        if name.startswith(prefix) and name[len(prefix) :] in _TRANSPORT:
            return name[len(prefix) :]
    if name in _GENERIC or (name.startswith(OURS) and name[len(OURS) :] in _OWN):
        return name
    return None


def row_of(name: str) -> Row | None:
    """Return the row of a name, None when there is none."""
    key = key_of(name)
    if key is None:
        return None
    table = _TRANSPORT if key in _TRANSPORT else _GENERIC if key in _GENERIC else _OWN
    return Row(name, *table[key.removeprefix(OURS) if table is _OWN else key])


def names() -> Iterator[str]:
    """Yield every known name, each of the transport under both prefixes."""
    for prefix in PREFIXES:
        yield from (prefix + key for key in _TRANSPORT)
    yield from _GENERIC
    yield from (OURS + key for key in _OWN)


def rows() -> Iterator[Row]:
    """Yield every row once, those of the transport under ``mail.smtp.``: the table as documentation prints it."""
    yield from (Row(PREFIXES[0] + key, *facts) for key, facts in _TRANSPORT.items())
    yield from (Row(key, *facts) for key, facts in _GENERIC.items())
    yield from (Row(OURS + key, *facts) for key, facts in _OWN.items())


def shown(name: str, value: str) -> str:
    """Return a value as it may be shown: masked when the row is a secret."""
    return MASK if key_of(name) in SECRETS else value


# -- types -------------------------------------------------------------------------------------------------------------


def _boolean(text: str) -> bool:
    folded = text.strip().lower()
    if folded not in ("true", "false"):
        raise ValueError("expected true or false")
    return folded == "true"


def _integer(text: str) -> int:
    digits = text.strip().lower()
    try:
        return int(digits, 16 if digits.removeprefix("-").startswith("0x") else 10)
    except ValueError:
        raise ValueError("expected a whole number, decimal or 0x and hexadecimal") from None


def _between(low: int, high: int, words: str) -> Callable[[str], int]:
    def parse(text: str) -> int:
        number = _integer(text)
        if not low <= number <= high:
            raise ValueError(f"expected {words}")
        return number

    return parse


def _text(text: str) -> str:
    if not text:
        raise ValueError("expected a text")
    return text


def _no_object(_text: str) -> str:
    raise ValueError(_OBJECT)


def _host(text: str) -> str:
    from confobjects.syntaxes.hosts import host_problem, is_ipv6  # noqa: PLC0415 - few settings name a host

    host = text.strip().removeprefix("[").removesuffix("]")
    if not is_ipv6(host) and (problem := host_problem(host)):
        raise ValueError(f"expected a host name or an IP address: {problem}")
    return host


def _address(text: str) -> str:
    from confobjects.syntaxes.hosts import is_ipv4, is_ipv6  # noqa: PLC0415 - as above

    address = text.strip().removeprefix("[").removesuffix("]")
    if not is_ipv4(address) and not is_ipv6(address):
        raise ValueError("expected an IP address")
    return address


def _local_name(text: str) -> str:
    from confobjects.syntaxes.hosts import host_problem, is_ipv4, is_ipv6  # noqa: PLC0415 - as above

    name = text.strip()
    if name.startswith("[") and name.endswith("]"):
        inner = name[1:-1]
        if is_ipv4(inner) or is_ipv6(inner.removeprefix("IPv6:")):
            return name
        raise ValueError("expected a host name or an address literal such as [192.0.2.1]")
    if is_ipv4(name) or is_ipv6(name):
        raise ValueError(f"expected a host name or an address literal: an address stands in brackets, [{name}]")
    if problem := host_problem(name):
        raise ValueError(f"expected a host name or an address literal: {problem}")
    return name


def _sender(text: str) -> str:
    from confobjects.syntaxes.base import ValueSyntaxError  # noqa: PLC0415 - as above
    from confobjects.syntaxes.mailaddress import MailAddress  # noqa: PLC0415 - as above

    if text.strip() == "<>":
        return ""
    try:
        address: str = MailAddress().parse(text)
    except ValueSyntaxError as error:
        raise ValueError(str(error)) from None
    return address


def _words(text: str) -> list[str]:
    return text.replace(",", " ").split()


def _choice(choices: tuple[str, ...]) -> Callable[[str], str]:
    def parse(text: str) -> str:
        for choice in choices:
            if choice.lower() == text.strip().lower():
                return choice
        raise ValueError(f"expected {', '.join(choices[:-1])} or {choices[-1]}")

    return parse


def _notify(text: str) -> str:
    words = [word.upper() for word in _words(text)]
    wrong = [word for word in words if word not in ("NEVER", "SUCCESS", "FAILURE", "DELAY")]
    if wrong or not words or len(set(words)) < len(words) or ("NEVER" in words and len(words) > 1):
        raise ValueError("expected NEVER, or some of SUCCESS, FAILURE and DELAY")
    return ",".join(words)


def _mechanisms(text: str) -> tuple[str, ...]:
    words = [word.upper() for word in _words(text)]
    for word in words:
        if word not in MECHANISMS and word not in _NEVER_USED:
            near = nearest(word, MECHANISMS)
            hint = f'; did you mean "{near}"?' if near else ""
            raise ValueError(
                f'"{word}" is no login mechanism known here, expected some of {", ".join(MECHANISMS)}{hint}'
            )
    usable = tuple(dict.fromkeys(word for word in words if word in MECHANISMS))
    if not usable:
        reasons = "; ".join(dict.fromkeys(_NEVER_USED[word] for word in words))
        raise ValueError(f"expected some of {', '.join(MECHANISMS)}" + (f": {reasons}" if reasons else ""))
    return usable


_FACTORIES: Final = {
    "javax.net.ssl.sslsocketfactory": "tls",
    "com.sun.mail.util.mailsslsocketfactory": "tls",
    "javax.net.socketfactory": "plain",
}


def _factory(text: str) -> str:
    kind = _FACTORIES.get(text.strip().lower())
    if kind is None:
        raise ValueError(
            "expected javax.net.ssl.SSLSocketFactory (TLS from the first byte) or javax.net.SocketFactory (plain): "
            "other Java classes cannot be loaded here"
        )
    return kind


_VERSIONS: Final = {"tlsv1.2": "TLSv1.2", "tlsv1.3": "TLSv1.3"}


def _protocols(text: str) -> tuple[str, ...]:
    words = _words(text)
    old = [word for word in words if word.lower() in ("tlsv1", "tlsv1.0", "tlsv1.1", "sslv3", "sslv2", "sslv2hello")]
    usable = tuple(dict.fromkeys(_VERSIONS[word.lower()] for word in words if word.lower() in _VERSIONS))
    if len(usable) == 0 or any(word.lower() not in _VERSIONS and word not in old for word in words):
        reason = ": older versions are broken (RFC 8996)" if old else ""
        raise ValueError(f"expected TLSv1.2, TLSv1.3 or both{reason}")
    if old:
        raise ValueError(f"{', '.join(old)} cannot be used: versions before TLSv1.2 are broken (RFC 8996)")
    return usable


def _suites(text: str) -> tuple[str, ...]:
    words = tuple(dict.fromkeys(_words(text)))
    if not words or any(not word.replace("_", "").replace("-", "").isalnum() for word in words):
        raise ValueError("expected names of cipher suites, separated by blanks or commas")
    return words


def _hosts(text: str) -> tuple[str, ...]:
    words = tuple(_words(text))
    if not words:
        raise ValueError("expected * or names of hosts, separated by blanks")
    return words if "*" in words else tuple(map(_host, words))


def _weaknesses(text: str) -> tuple[str, ...]:
    words = _words(text)
    known = ", ".join(WEAKNESSES)
    for word in words:
        if word not in WEAKNESSES:
            near = nearest(word, WEAKNESSES)
            hint = f'; did you mean "{near}"?' if near else ""
            raise ValueError(f'"{word}" is no weakness known here, expected some of {known}{hint}')
    if not words:
        raise ValueError(f"expected some of {known}")
    return tuple(dict.fromkeys(words))


_TYPES: Final[dict[str, Callable[[str], Any]]] = {
    "address": _address,
    "boolean": _boolean,
    "count": _between(1, 1_000_000, "a whole number from 1 to 1000000"),
    "factory": _factory,
    "host": _host,
    "hosts": _hosts,
    "integer": _integer,
    "local-name": _local_name,
    "mechanisms": _mechanisms,
    "milliseconds": _between(
        1, 86_400_000, "a number of milliseconds from 1 to 86400000 (a day): there is no endless waiting"
    ),
    "notify": _notify,
    "object": _no_object,
    "port": _between(1, 65535, "a port from 1 to 65535"),
    "protocols": _protocols,
    "sender": _sender,
    "size": _between(-1, 2**31 - 1, "a number of bytes, or -1 for none"),
    "suites": _suites,
    "text": _text,
    "weaknesses": _weaknesses,
}


def parse_value(name: str, value: str) -> Any:
    """Return the typed value of a known name. Raises ValueError with what was expected."""
    row = row_of(name)
    if row is None:
        raise ValueError("unknown name")
    parse = _TYPES.get(row.type) or _choice(tuple(row.type.split("|")))
    return parse(value)


# -- checking ----------------------------------------------------------------------------------------------------------


def check_smtp_property(name: str, value: str) -> list[Diagnostic]:
    """Return what is wrong with one ``smtp-property``, errors and warnings; empty when it is right and honoured.

    Nothing is known here of the object's other properties: see :func:`check_combination`.
    """
    row = row_of(name)
    if row is None:
        return [_unknown(name)]
    shown_value = shown(name, value)
    if row.state == REFUSED:
        return [_problem(f"{name} cannot be used: {row.meaning}", shown_value, "Remove it.")]
    if "\r" in value or "\n" in value or "\0" in value:
        return [_problem(f"the value of {name} holds a line break or NUL", MASK, "Remove the character.")]
    try:
        parse_value(name, value)
    except ValueError as error:
        plain = str(error).startswith("expected") and shown_value != MASK
        return [_problem(f'{name} is "{shown_value}", {error}' if plain else f"{name}: {error}", shown_value, "")]
    if row.state == NO_EFFECT:
        text = f"{name} is accepted and has no effect: {row.meaning}"
        return [_problem(text, shown_value, "Remove it; nothing changes.", warning=True)]
    return []


def _problem(
    summary: str, value: str, remedy: str, *, code: str = "invalid-value", warning: bool = False
) -> Diagnostic:
    return Diagnostic(
        code,
        summary,
        property=PROPERTY,
        value=value,
        remedy=remedy,
        severity="warning" if warning else "error",
    )


def _unknown(name: str) -> Diagnostic:
    for prefix in PREFIXES:
        if remedy := _MISTAKEN.get(name.removeprefix(prefix).lower() if name.lower().startswith(prefix) else ""):
            return _problem(f"there is no SMTP property {name}", name, remedy[0].upper() + remedy[1:] + ".")
    near = _nearest_name(name)
    remedy = f'did you mean "{near}"?' if near else "The names are those of JavaMail's SMTP provider (mail.smtp.…)."
    return _problem(f"there is no SMTP property {name}", name, remedy)


def _nearest_name(name: str) -> str | None:
    # Searched under the prefix that was typed, so that mail.smtps.prot is answered with mail.smtps.port.
    for prefix in (*reversed(PREFIXES), OURS):
        if name.lower().startswith(prefix):
            near = nearest(name[len(prefix) :], _OWN if prefix == OURS else _TRANSPORT)
            if near is not None:
                return prefix + near
    return nearest(name, names())


class Setting(NamedTuple):
    """One honoured setting: the typed value, the text it was given as, and the full name it was given under."""

    value: Any
    text: str
    name: str


class SmtpSettings:
    """The honoured settings of one mail server, by key: ``settings.value("port")``."""

    __slots__ = ("_settings",)

    def __init__(self, settings: dict[str, Setting]) -> None:
        self._settings = settings

    def __contains__(self, key: object) -> bool:
        return key in self._settings

    def __iter__(self) -> Iterator[str]:
        return iter(self._settings)

    def get(self, *keys: str) -> Setting | None:
        """Return the setting of the first of some keys that was given."""
        for key in keys:
            if key in self._settings:
                return self._settings[key]
        return None

    def value(self, key: str, default: Any = None) -> Any:
        """Return a typed value, or a default where the setting was not given."""
        setting = self._settings.get(key)
        return default if setting is None else setting.value

    def allows(self, weakness: str) -> bool:
        """Tell whether ``confobjects.allow-insecure`` names a weakness."""
        return weakness in self.value("confobjects.allow-insecure", ())


def read_settings(entries: Iterable[tuple[str, str]]) -> tuple[SmtpSettings, list[Diagnostic]]:
    """Return the honoured settings among ``smtp-property`` entries, and every problem with them."""
    settings: dict[str, Setting] = {}
    problems: list[Diagnostic] = []
    for name, value in entries:
        found = check_smtp_property(name, value)
        problems.extend(found)
        key = key_of(name)
        if found or key is None:
            continue
        setting = Setting(parse_value(name, value), value, name)
        other = settings.setdefault(key, setting)
        if other.value != setting.value:
            problems.append(
                _problem(
                    f"{other.name} and {name} mean the same and differ",
                    shown(name, value),
                    f"Remove one of {other.name} and {name}.",
                    code="constraint-violated",
                )
            )
    result = SmtpSettings(settings)
    problems.extend(check_combination(result))
    return result, problems


_OPENS: Final = (
    ("ssl.trust", None, "any-certificate"),
    ("ssl.checkserveridentity", False, "any-name"),
    ("starttls.required", False, "opportunistic-starttls"),
    ("socketFactory.fallback", True, "socket-fallback"),
)
"""Settings that open a hole: key, the value that does (None: any), and the weakness that has to be allowed."""


def check_combination(settings: SmtpSettings) -> Iterator[Diagnostic]:
    """Yield what is wrong with settings that are right one by one: holes that nobody allowed."""
    for key, value, weakness in _OPENS:
        setting = settings.get(key)
        if setting is None or (value is not None and setting.value != value) or settings.allows(weakness):
            continue
        yield not_allowed(f"{setting.name}={setting.text}", weakness, setting.text)
    for weakness in settings.value("confobjects.allow-insecure", ()):
        yield _problem(
            f"confobjects.allow-insecure names {weakness}: {WEAKNESSES[weakness]}",
            weakness,
            "Use it for tests only, or where nobody else can reach the network.",
            code="constraint-violated",
            warning=True,
        )


def not_allowed(cause: str, weakness: str, value: str) -> Diagnostic:
    """Return the refusal of something insecure that nobody allowed."""
    return _problem(
        f"{cause} is refused: with it {WEAKNESSES[weakness]}",
        value,
        f"Remove it; or, for tests only, add smtp-property:confobjects.allow-insecure={weakness}",
        code="constraint-violated",
    )
