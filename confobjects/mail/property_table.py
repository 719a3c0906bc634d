"""The one table of SMTP properties: every name that ``smtp-property`` takes, its type, and what becomes of it.

Names and meanings follow the SMTP provider of JavaMail and Jakarta Mail (package ``org.eclipse.angus.mail.smtp``) and
the generic properties of their API. ``mail.smtp.X`` and ``mail.smtps.X`` mean the same. Names that begin with
``confobjects.`` are ours.

Laws: a row is honoured, accepted without effect (and says so), or refused with the reason; an unknown name is an
error with the nearest known one; a value that is not of its type is an error, never a silent default. This module
is loaded by commands that only set a value: it imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from confobjects.diagnostics import MASK
from confobjects.records import Record

PREFIXES: Final = ("mail.smtp.", "mail.smtps.")
OURS: Final = "confobjects."
PROPERTY: Final = "smtp-property"

HONOURED: Final = "honoured"
NO_EFFECT: Final = "without effect"
REFUSED: Final = "refused"

OBJECT: Final = "its value is a Java object, which no text can name"
_NO_NTLM: Final = "NTLM is never used: it rests on broken cryptography and is not a standard of mail"
_NO_DIGEST: Final = "DIGEST-MD5 is never used: it was withdrawn (RFC 6331)"
_NO_KERBEROS: Final = "GSSAPI is not among the mechanisms"
_RECEIVED: Final = "it concerns the parsing of received mail, and mail is only sent here"
_JVM: Final = "it is a detail of the Java runtime"
_SYSTEM: Final = "Java reads it from its system properties only; messages are written by Python's email package"
_NO_REPLIES: Final = "it concerns the composing of replies"

# name -> (type, state, meaning; or the reason for a state other than honoured)
TRANSPORT: Final[dict[str, tuple[str, str, str]]] = {
    "user": ("text", HONOURED, "The user name to log in with; it overrides auth-username."),
    "host": ("host", HONOURED, "The host to connect to; it overrides the host of smtp-server."),
    "port": ("port", HONOURED, "The port to connect to; it overrides the port of smtp-server."),
    "connectiontimeout": ("milliseconds", HONOURED, "The limit for connecting to one address."),
    "timeout": ("milliseconds", HONOURED, "The limit for one reply of the server, from first to last byte."),
    "writetimeout": ("milliseconds", HONOURED, "The limit for one write to the server."),
    "executor.writetimeout": ("object", REFUSED, OBJECT),
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
    "socketFactory": ("object", REFUSED, OBJECT),
    "socketFactory.class": ("factory", HONOURED, "javax.net.ssl.SSLSocketFactory means TLS from the first byte."),
    "socketFactory.fallback": ("boolean", HONOURED, "true sends in clear when TLS from the first byte fails."),
    "socketFactory.port": ("port", HONOURED, "The port to connect to, where socketFactory.class is set."),
    "ssl.enable": ("boolean", HONOURED, "true means TLS from the first byte, as use-ssl does."),
    "ssl.checkserveridentity": ("boolean", HONOURED, "false skips the comparison of the server's name."),
    "ssl.hostnameverifier": ("object", REFUSED, OBJECT),
    "ssl.hostnameverifier.class": (
        "any|legacy|MailHostnameVerifier|JdkHostnameChecker",
        NO_EFFECT,
        "names are always compared as RFC 9525 says",
    ),
    "ssl.trust": ("hosts", HONOURED, "Hosts whose certificate is not checked, or * for all; others are refused."),
    "ssl.socketFactory": ("object", REFUSED, OBJECT),
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

GENERIC: Final[dict[str, tuple[str, str, str]]] = {
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
    "mail.event.executor": ("object", REFUSED, OBJECT),
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

OWN: Final[dict[str, tuple[str, str, str]]] = {
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

NEVER_USED: Final = {"DIGEST-MD5": _NO_DIGEST, "NTLM": _NO_NTLM, "GSSAPI": _NO_KERBEROS}

MISTAKEN: Final = {
    "debug": "the name is mail.debug, which has no effect: every failure carries its transcript",
    "password": "the password belongs into auth-password",
    "username": "the name is mail.smtp.user, or better auth-username",
    "starttls": "the name is mail.smtp.starttls.required, or better use-start-tls",
    "ssl": "the name is mail.smtp.ssl.enable, or better use-ssl",
    "ssl.enabled": "the name is mail.smtp.ssl.enable, or better use-ssl",
    "starttls.enabled": "the name is mail.smtp.starttls.enable, or better use-start-tls",
}


class PropertyRow(Record):
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
        if name.startswith(prefix) and name[len(prefix) :] in TRANSPORT:
            return name[len(prefix) :]
    if name in GENERIC or (name.startswith(OURS) and name[len(OURS) :] in OWN):
        return name
    return None


def row_of(name: str) -> PropertyRow | None:
    """Return the row of a name, None when there is none."""
    key = key_of(name)
    if key is None:
        return None
    table = TRANSPORT if key in TRANSPORT else GENERIC if key in GENERIC else OWN
    return PropertyRow(name, *table[key.removeprefix(OURS) if table is OWN else key])


def names() -> Iterator[str]:
    """Yield every known name, each of the transport under both prefixes."""
    for prefix in PREFIXES:
        yield from (prefix + key for key in TRANSPORT)
    yield from GENERIC
    yield from (OURS + key for key in OWN)


def rows() -> Iterator[PropertyRow]:
    """Yield every row once, those of the transport under ``mail.smtp.``: the table as documentation prints it."""
    yield from (PropertyRow(PREFIXES[0] + key, *facts) for key, facts in TRANSPORT.items())
    yield from (PropertyRow(key, *facts) for key, facts in GENERIC.items())
    yield from (PropertyRow(OURS + key, *facts) for key, facts in OWN.items())


def mask_secret_value(name: str, value: str) -> str:
    """Return a value as it may be shown: masked when the row is a secret."""
    return MASK if key_of(name) in SECRETS else value
