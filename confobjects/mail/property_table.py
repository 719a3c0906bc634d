"""The one table of SMTP properties: every name that ``smtp-property`` accepts, its type, and its effect.

Names and meanings follow the SMTP provider of JavaMail and Jakarta Mail (package ``org.eclipse.angus.mail.smtp``) and
the generic properties of their API. ``mail.smtp.X`` and ``mail.smtps.X`` mean the same. Names that begin with
``confobjects.`` are ours.

Laws: a row is honoured, accepted without effect (with a warning), or refused with the reason. An unknown name is an
error that names the nearest known one. A value that is not of its type is an error, never a silent default. Commands
that only set a value load this module, so it imports nothing heavy.
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

OBJECT: Final = "its value is a Java object, which a text cannot name"
_NO_NTLM: Final = "NTLM is never used: its cryptography is broken, and no mail standard includes it"
_NO_DIGEST: Final = "DIGEST-MD5 is never used: it was withdrawn (RFC 6331)"
_NO_KERBEROS: Final = "GSSAPI is not supported"
_RECEIVED: Final = "it is about parsing received mail, and this program only sends mail"
_JVM: Final = "it is a detail of the Java runtime"
_SYSTEM: Final = "Java reads it from its system properties only; here Python's email package writes the messages"
_NO_REPLIES: Final = "it is about composing replies"

# name -> (type, state, meaning; or the reason for a state other than honoured)
TRANSPORT: Final[dict[str, tuple[str, str, str]]] = {
    "user": ("text", HONOURED, "The user name to log in with; it overrides auth-username."),
    "host": ("host", HONOURED, "The host to connect to; it overrides the host of smtp-server."),
    "port": ("port", HONOURED, "The port to connect to; it overrides the port of smtp-server."),
    "connectiontimeout": ("milliseconds", HONOURED, "The limit for connecting to one address."),
    "timeout": ("milliseconds", HONOURED, "The limit for one reply of the server, from the first to the last byte."),
    "writetimeout": ("milliseconds", HONOURED, "The limit for one write to the server."),
    "executor.writetimeout": ("object", REFUSED, OBJECT),
    "from": ("sender", HONOURED, "The envelope sender (MAIL FROM), which receives bounces."),
    "localhost": ("local-name", HONOURED, "The name that EHLO gives to the server."),
    "localaddress": ("address", HONOURED, "The local address to connect from."),
    "localport": ("port", HONOURED, "The local port to connect from."),
    "ehlo": ("boolean", HONOURED, "false greets with HELO only; then no extension can be used."),
    "auth": ("boolean", HONOURED, "true requires a login, false never logs in."),
    "auth.mechanisms": ("mechanisms", HONOURED, "The login mechanisms that may be used, in order of preference."),
    "auth.login.disable": ("boolean", HONOURED, "true leaves LOGIN out of the default mechanisms."),
    "auth.plain.disable": ("boolean", HONOURED, "true leaves PLAIN out of the default mechanisms."),
    "auth.xoauth2.disable": ("boolean", HONOURED, "true leaves XOAUTH2 out if a token is used to log in."),
    "auth.digest-md5.disable": ("boolean", NO_EFFECT, _NO_DIGEST),
    "auth.ntlm.disable": ("boolean", NO_EFFECT, _NO_NTLM),
    "auth.ntlm.domain": ("text", NO_EFFECT, _NO_NTLM),
    "auth.ntlm.flags": ("integer", NO_EFFECT, _NO_NTLM),
    "auth.ntlm.v2": ("boolean", NO_EFFECT, _NO_NTLM),
    "auth.ntlm.unicode": ("boolean", NO_EFFECT, _NO_NTLM),
    "auth.ntlm.lmcompat": ("integer", NO_EFFECT, _NO_NTLM),
    "submitter": ("text", HONOURED, "The submitter in the MAIL command (AUTH=), if the server offers AUTH."),
    "dsn.notify": ("notify", HONOURED, "When to send delivery status notifications, if the server offers DSN."),
    "dsn.ret": ("FULL|HDRS", HONOURED, "Which part of the message a notification returns, if the server offers DSN."),
    "allow8bitmime": ("boolean", HONOURED, "true leaves 8-bit parts unchanged if the server offers 8BITMIME."),
    "sendpartial": ("boolean", HONOURED, "true sends to the accepted recipients if others are refused."),
    "sasl.enable": ("boolean", NO_EFFECT, "there is one set of login mechanisms, and it is always used"),
    "sasl.mechanisms": ("mechanisms", HONOURED, "The same as auth.mechanisms, which overrides it."),
    "sasl.authorizationid": ("text", HONOURED, "The identity to act as after the login."),
    "sasl.realm": ("text", NO_EFFECT, _NO_DIGEST),
    "saslrealm": ("text", NO_EFFECT, _NO_DIGEST),
    "sasl.usecanonicalhostname": ("boolean", NO_EFFECT, _NO_KERBEROS),
    "quitwait": ("boolean", HONOURED, "false closes the connection without waiting for the answer to QUIT."),
    "quitonsessionreject": ("boolean", HONOURED, "true sends QUIT to a server that refuses in its greeting."),
    "reportsuccess": ("boolean", NO_EFFECT, "the report always names every recipient, accepted or refused"),
    "socketFactory": ("object", REFUSED, OBJECT),
    "socketFactory.class": ("factory", HONOURED, "javax.net.ssl.SSLSocketFactory means TLS from the first byte."),
    "socketFactory.fallback": ("boolean", HONOURED, "true sends in clear text if TLS from the first byte fails."),
    "socketFactory.port": ("port", HONOURED, "The port to connect to, if socketFactory.class is set."),
    "ssl.enable": ("boolean", HONOURED, "true means TLS from the first byte, as use-ssl does."),
    "ssl.checkserveridentity": ("boolean", HONOURED, "false does not compare the server's name with its certificate."),
    "ssl.hostnameverifier": ("object", REFUSED, OBJECT),
    "ssl.hostnameverifier.class": (
        "any|legacy|MailHostnameVerifier|JdkHostnameChecker",
        NO_EFFECT,
        "names are always compared as RFC 9525 requires",
    ),
    "ssl.trust": ("hosts", HONOURED, "Hosts whose certificate is not checked, or * for all; other hosts are refused."),
    "ssl.socketFactory": ("object", REFUSED, OBJECT),
    "ssl.socketFactory.class": ("factory", HONOURED, "The same as socketFactory.class."),
    "ssl.socketFactory.port": ("port", HONOURED, "The port to connect to, if ssl.socketFactory.class is set."),
    "ssl.protocols": ("protocols", HONOURED, "The TLS versions that may be used."),
    "ssl.ciphersuites": ("suites", HONOURED, "The cipher suites that may be used with TLS 1.2."),
    "starttls.enable": ("boolean", HONOURED, "true uses STARTTLS and requires it, unless starttls.required is false."),
    "starttls.required": ("boolean", HONOURED, "true requires STARTTLS, as use-start-tls does."),
    "proxy.host": ("host-port", HONOURED, "The HTTP proxy to connect through (CONNECT), with or without its port."),
    "proxy.port": ("port", HONOURED, "The port of the HTTP proxy; the default is 80."),
    "proxy.user": ("text", HONOURED, "The user name for the HTTP proxy."),
    "proxy.password": ("secret", HONOURED, "The password for the HTTP proxy."),
    "socks.host": ("host-port", HONOURED, "The SOCKS5 proxy to connect through, with or without its port."),
    "socks.port": ("port", HONOURED, "The port of the SOCKS5 proxy; the default is 1080."),
    "mailextension": ("text", HONOURED, "Text that is added to the MAIL command."),
    "userset": ("boolean", HONOURED, "true checks a kept connection with RSET instead of NOOP."),
    "noop.strict": ("boolean", HONOURED, "false accepts any answer to NOOP in this check, not only 250."),
    "chunksize": (
        "size",
        HONOURED,
        "Sends the message by BDAT in pieces of this many bytes if the server offers CHUNKING; -1 never uses BDAT. If it is "
        "not set, BDAT is used for messages to several recipients.",
    ),
    "usesocketchannels": ("boolean", NO_EFFECT, _JVM),
    "class": ("text", NO_EFFECT, _JVM),
}

GENERIC: Final[dict[str, tuple[str, str, str]]] = {
    "mail.host": ("host", HONOURED, "The host to connect to, if mail.smtp.host is not set."),
    "mail.user": ("text", HONOURED, "The user name to log in with, if mail.smtp.user is not set."),
    "mail.from": ("sender", HONOURED, "The envelope sender, if mail.smtp.from is not set."),
    "mail.transport.protocol": ("smtp|smtps", HONOURED, "smtps means TLS from the first byte."),
    "mail.transport.protocol.rfc822": (
        "smtp|smtps",
        HONOURED,
        "The same as mail.transport.protocol, which overrides it.",
    ),
    "mail.store.protocol": ("text", NO_EFFECT, "it is about reading mailboxes"),
    "mail.debug": ("boolean", NO_EFFECT, "every failure has its transcript; secrets in it are always masked"),
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
    "mail.mime.allowutf8": ("boolean", HONOURED, "true writes headers in UTF-8 if the server offers SMTPUTF8."),
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
    "allow-insecure": ("weaknesses", HONOURED, "The insecure settings to allow, separated by commas."),
    "ignore-extensions": (
        "extensions",
        HONOURED,
        "Extensions that are not used even if the server offers them, separated by commas, for servers that do not "
        "handle what they offer correctly: PIPELINING, CHUNKING, 8BITMIME, SMTPUTF8, SIZE, DSN.",
    ),
    "total-timeout": ("milliseconds", HONOURED, "The limit for a whole delivery with all its steps."),
    "key-manager-provider": (
        "name",
        HONOURED,
        "The Key Manager Provider with the certificate that this client shows to a server which asks for one; with it the "
        "login mechanism EXTERNAL can be used.",
    ),
    "pool.max-connections": ("count", HONOURED, "The maximum number of connections that a pool opens to this server."),
    "pool.messages-per-connection": ("count", HONOURED, "The number of messages after which a connection is replaced."),
    "pool.idle-timeout": ("milliseconds", HONOURED, "The time after which an unused connection is closed."),
}

WEAKNESSES: Final = {
    "no-tls": "smtp-property may switch off the TLS that use-ssl or use-start-tls asks for",
    "opportunistic-starttls": "mail goes in clear text if the server does not offer STARTTLS",
    "socket-fallback": "mail goes in clear text if TLS from the first byte fails",
    "login-in-clear": "the password crosses the network without protection",
    "login-optional": "mail goes without a login if the server offers none",
    "any-certificate": "certificates of the hosts in ssl.trust are not checked: anyone can pose as the server",
    "proxy-login-in-clear": "the password of the HTTP proxy crosses the network without protection",
    "any-name": "a certificate for any name is accepted: its owner can pose as the server",
}
"""The words of ``confobjects.allow-insecure``, and what each allows."""

SECRETS: Final = frozenset({"proxy.password"})
"""Rows whose value is never shown."""

KEYS: Final = "confobjects.key-manager-provider"
"""The row that names a key manager provider."""

REFERENCES: Final = {KEYS: "key-manager-provider"}
"""Rows whose value is the name of an object, and the relation of the object. The definition of mail servers says the same."""

MECHANISMS: Final = ("OAUTHBEARER", "XOAUTH2", "PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "EXTERNAL")
"""The login mechanisms that can be used."""

EXTENSIONS: Final = ("PIPELINING", "CHUNKING", "8BITMIME", "SMTPUTF8", "SIZE", "DSN")
"""The extensions that can be ignored. STARTTLS and AUTH have properties of their own."""

NEVER_USED: Final = {"DIGEST-MD5": _NO_DIGEST, "NTLM": _NO_NTLM, "GSSAPI": _NO_KERBEROS}

_TLS: Final = (
    "TLS is set by use-start-tls and use-ssl; the names here are mail.smtp.starttls.required and mail.smtp.ssl.enable"
)
_IMPLICIT: Final = "the name is mail.smtp.ssl.enable, or better use-ssl"
_USER: Final = "the name is mail.smtp.user, or better auth-username"
_TRUSTED: Final = "which certificates are trusted is decided by trust-manager-provider"

MISTAKEN: Final = {
    "debug": "the name is mail.debug, which has no effect: every failure has its transcript",
    **dict.fromkeys(("pass", "passwd", "password", "auth.password"), "the password belongs in auth-password"),
    **dict.fromkeys(("username", "login", "auth.user", "auth.username"), _USER),
    "helo": "the name that EHLO gives is mail.smtp.localhost",
    "starttls": "the name is mail.smtp.starttls.required, or better use-start-tls",
    "starttls.enabled": "the name is mail.smtp.starttls.enable, or better use-start-tls",
    "ssl": _IMPLICIT,
    "ssl.enabled": _IMPLICIT,
    "ssl.required": _IMPLICIT,
    **dict.fromkeys(("secure", "security", "tls", "tls.enable", "tls.enabled", "tls.required"), _TLS),
    **dict.fromkeys(("ssl.truststore", "ssl.trustall", "ssl.cafile", "ssl.verify", "tls.verify"), _TRUSTED),
}
"""Names that other programs use, or that seem natural, and where the setting is (the key is in lower case)."""


class PropertyRow(Record):
    """One row of the table: ``state`` is honoured, without effect or refused; ``meaning`` is the effect or reason."""

    name: str
    type: str
    state: str
    meaning: str


def key_of(name: str) -> str | None:
    """Return the key of a name (``mail.smtps.port`` -> ``port``, the same for both prefixes), None if it is unknown.

    Generic names and our own names are their own keys.
    """
    for prefix in PREFIXES:
        if name.startswith(prefix) and name[len(prefix) :] in TRANSPORT:
            return name[len(prefix) :]
    if name in GENERIC or (name.startswith(OURS) and name[len(OURS) :] in OWN):
        return name
    return None


def row_of(name: str) -> PropertyRow | None:
    """Return the row of a name, None if it is unknown."""
    key = key_of(name)
    if key is None:
        return None
    table = TRANSPORT if key in TRANSPORT else GENERIC if key in GENERIC else OWN
    return PropertyRow(name, *table[key.removeprefix(OURS) if table is OWN else key])


def names() -> Iterator[str]:
    """Yield every known name; those of the transport with both prefixes."""
    for prefix in PREFIXES:
        yield from (prefix + key for key in TRANSPORT)
    yield from GENERIC
    yield from (OURS + key for key in OWN)


def rows() -> Iterator[PropertyRow]:
    """Yield every row once, for the documentation; those of the transport with ``mail.smtp.``."""
    yield from (PropertyRow(PREFIXES[0] + key, *facts) for key, facts in TRANSPORT.items())
    yield from (PropertyRow(key, *facts) for key, facts in GENERIC.items())
    yield from (PropertyRow(OURS + key, *facts) for key, facts in OWN.items())


def mask_secret_value(name: str, value: str) -> str:
    """Return a value for output: masked if the row is a secret."""
    return MASK if key_of(name) in SECRETS else value
