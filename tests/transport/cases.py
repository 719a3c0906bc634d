"""Every way in which sending mail is known to fail: what has to happen for it, and the code it is told by.

The numbers are those of no standard; they only keep the cases apart and in order. What each one says in words stands in
``tests/golden/mail/diagnoses.txt``.
"""

from __future__ import annotations

import base64
import contextlib
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from confobjects.transport.network import Network, SocketAddress, begin_connection, judge_network
from confobjects.transport.targets import TargetRule
from tests.servers.fake_smtp import NO_PIPELINING, Script, Session, close, drip, hang, inject_then_starttls, starttls

LOGIN: Final = {"auth_username": "ann@example.com", "auth_password": "canary-Zq81"}
TOKEN: Final = "canary-token-77"
CLEAR: Final[dict[str, Any]] = {"use_start_tls": False}
WEAK: Final = ("confobjects.allow-insecure=login-in-clear",)
SHORT: Final = ("mail.smtp.timeout=300",)
OUT: Final = "mail.smtp.localhost=client.example"


def loopback(host: str, port: int) -> list[SocketAddress]:
    """Every host is this machine, by one address only, whatever ``localhost`` means here."""
    return [SocketAddress(socket.AF_INET, ("127.0.0.1", port))]


@dataclass(frozen=True)
class Case:
    """One failure: what happens, and how it is to be told.

    ``tls`` names the certificate of the fake server, ``implicit`` lets it use TLS from the first byte; ``port`` gives a
    port in place of the fake server's, ``trust`` names the trust manager provider, ``keys`` the key manager provider.
    """

    number: str
    title: str
    code: str
    stage: str
    property: str
    script: Script = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    settings: tuple[str, ...] = ()
    tls: str = ""
    implicit: bool = False
    depth: str = "auth"
    to: tuple[str, ...] = ("bob@example.com",)
    token: str = ""
    network: Network = field(default_factory=lambda: Network(loopback))
    port: Callable[[], contextlib.AbstractContextManager[int]] | None = None
    trust: str = "authority"
    keys: str = ""

    def refusal(self) -> str:
        """Return the one line of the server that the script of a refusal holds."""
        lines = [action for name, action in self.script.items() if name != "EHLO" and isinstance(action, bytes)]
        return lines[-1].decode().strip() if lines else ""


# -- what stands in for the network ------------------------------------------------------------------------------------


def lookup_failing(number: int, words: str) -> Network:
    def lookup(host: str, port: int) -> list[SocketAddress]:
        raise socket.gaierror(number, words)

    return Network(lookup=lookup)


def lookup_empty() -> Network:
    return Network(lookup=lambda host, port: [])


def connecting_fails(number: int, words: str, *addresses: str) -> Network:
    def start(address: SocketAddress, source: tuple[str, int] | None) -> socket.socket:
        raise OSError(number, words)

    def lookup(host: str, port: int) -> list[SocketAddress]:
        return [SocketAddress(socket.AF_INET6 if ":" in one else socket.AF_INET, (one, port)) for one in addresses]

    return Network(lookup, start)


def one_address_of_two() -> Network:
    """The first address has no route, at the second nothing listens."""

    def start(address: SocketAddress, source: tuple[str, int] | None) -> socket.socket:
        if address.family == socket.AF_INET6:
            raise OSError(101, "Network is unreachable")
        raise OSError(111, "Connection refused")

    def lookup(host: str, port: int) -> list[SocketAddress]:
        return [
            SocketAddress(socket.AF_INET6, ("2001:db8::1", port, 0, 0)),
            SocketAddress(socket.AF_INET, ("192.0.2.1", port)),
        ]

    return Network(lookup, start)


@contextlib.contextmanager
def swallowing() -> Iterator[int]:
    """A port whose queue is full: the kernel answers no more."""
    with socket.socket() as listener, contextlib.ExitStack() as stack:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        for _ in range(4):
            stack.enter_context(begin_connection(SocketAddress(socket.AF_INET, ("127.0.0.1", port)), None))
        yield port


@contextlib.contextmanager
def unused() -> Iterator[int]:
    """A port at which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        yield int(probe.getsockname()[1])


# -- what the server does ----------------------------------------------------------------------------------------------


def speak_http(session: Session) -> None:
    session.connection.recv(4096)
    session.send(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
    session.open = False


def agree_then_close(session: Session) -> None:
    session.send(b"220 2.0.0 go ahead\r\n")
    session.open = False


def agree_then_hang(session: Session) -> None:
    session.send(b"220 2.0.0 go ahead\r\n")
    session.stream.read()
    session.open = False


def agree_then_babble(session: Session) -> None:
    session.send(b"220 2.0.0 go ahead\r\n")
    session.stream.read(5)
    session.send(b"what do you mean?\r\n" * 4)
    session.open = False


def socks_refusing(session: Session) -> None:
    session.connection.recv(3)
    session.send(b"\x05\x00")
    session.connection.recv(300)
    session.send(b"\x05\x02\x00\x01\x00\x00\x00\x00\x00\x00")
    session.open = False


_OAUTH = base64.b64encode(b'{"status":"401","schemes":"Bearer","scope":"https://mail.example/"}')
_SIZED = b"250-fake\r\n250-SIZE 40\r\n250 8BITMIME\r\n"


def _ehlo(*extensions: str) -> bytes:
    lines = ["fake", *extensions]
    marks = ["-"] * (len(lines) - 1) + [" "]
    return "".join(f"250{mark}{line}\r\n" for mark, line in zip(marks, lines, strict=True)).encode()


INSIDE: Final[dict[str, Any]] = {"tls": "good", "implicit": True, "values": {"use_ssl": True, **LOGIN}, "settings": ()}


def _auth(number: str, title: str, code: str, property_: str, answer: bytes, **more: Any) -> Case:
    more = {"script": {"AUTH": answer}, "values": {**CLEAR, **LOGIN}, "settings": WEAK, **more}
    return Case(number, title, code, "auth", property_, **more)


def _mail(number: str, title: str, code: str, property_: str, answer: bytes, **more: Any) -> Case:
    more = {"script": {"MAIL": answer}, "values": CLEAR, "depth": "envelope", **more}
    return Case(number, title, code, "mail", property_, **more)


def _rcpt(number: str, title: str, code: str, property_: str, answer: bytes, **more: Any) -> Case:
    more = {"script": {"RCPT": answer}, "values": CLEAR, "depth": "envelope", **more}
    return Case(number, title, code, "rcpt", property_, **more)


def _data(number: str, title: str, code: str, property_: str, answer: Any, **more: Any) -> Case:
    more = {"script": {".": answer}, **more}
    return Case(number, title, code, "data", property_, values=CLEAR, depth="send", **more)


def _certificate(number: str, title: str, code: str, property_: str, tls: str, **more: Any) -> Case:
    more = {"implicit": True, "values": {"use_ssl": True, **LOGIN}, **more}
    return Case(number, title, code, "tls", property_, tls=tls, **more)


CASES: Final = (
    # resolve and connect
    Case("1", "the name is unknown", "name-unknown", "resolve", "smtp-server",
         network=lookup_failing(socket.EAI_NONAME, "Name or service not known"), values={"host": "mail.example"}),
    Case("1b", "the name has no address", "name-unknown", "resolve", "smtp-server",
         network=lookup_empty(), values={"host": "mail.example"}),
    Case("1c", "the name is none", "name-unusable", "resolve", "smtp-server", values={"host": "a" * 64 + "ü.example"}),
    Case("2", "the resolver does not answer", "name-temporary", "resolve", "smtp-server",
         network=lookup_failing(socket.EAI_AGAIN, "Temporary failure"), values={"host": "mail.example"}),
    Case("3", "nothing listens", "connection-refused", "connect", "smtp-server",
         port=unused, values={"host": "127.0.0.1"}),
    Case("3b", "no address can be reached, each for its own reason", "connection-refused", "connect", "smtp-server",
         network=one_address_of_two(), values={"host": "mail.example"}),
    Case("3c", "the target is not to be connected to", "target-refused", "connect", "smtp-server",
         network=judge_network(TargetRule()), values={"host": "127.0.0.1"}),
    Case("4", "packets are swallowed", "connect-timeout", "connect", "smtp-server",
         port=swallowing, values={"host": "127.0.0.1"}, settings=("mail.smtp.connectiontimeout=200",)),
    Case("5", "there is no route to the network", "unreachable", "connect", "smtp-server",
         network=connecting_fails(101, "Network is unreachable", "2001:db8::1"), values={"host": "mail.example"}),
    Case("5b", "there is no route to the host", "unreachable", "connect", "smtp-server",
         network=connecting_fails(113, "No route to host", "192.0.2.1"), values={"host": "mail.example"}),
    Case("5c", "the local address is not ours", "local-address", "connect", "smtp-property",
         settings=("mail.smtp.localaddress=192.0.2.1",), values=CLEAR),
    Case("5d", "connecting is forbidden", "connect-failed", "connect", "smtp-server",
         network=connecting_fails(1, "Operation not permitted", "192.0.2.1"), values={"host": "mail.example"}),
    # banner
    Case("6", "the server says nothing", "silent", "banner", "smtp-server", script={"banner": hang}, settings=SHORT),
    Case("6b", "an HTTP server waits for the client", "not-smtp", "banner", "smtp-server",
         script={"banner": speak_http}, settings=SHORT),
    Case("6c", "an HTTPS server waits for the client", "silent", "banner", "smtp-server",
         script={"banner": hang}, tls="good", implicit=True, settings=SHORT),
    Case("7", "the server closes without a word", "closed-before-banner", "banner", "smtp-server",
         script={"banner": close}, settings=SHORT),
    Case("8", "this machine is blocked", "banner-refused", "banner", "smtp-server",
         script={"banner": b"554 5.7.1 your address is on a list\r\n"}),
    Case("8b", "too many connections", "banner-busy", "banner", "",
         script={"banner": b"421 4.7.0 too many connections\r\n"}),
    Case("9", "another service answers", "not-smtp", "banner", "smtp-server",
         script={"banner": b"HTTP/1.1 400 Bad Request\r\n\r\n"}),
    # tls
    Case("10", "TLS to a port without", "not-a-tls-port", "tls", "use-ssl", values={"use_ssl": True}),
    Case("10b", "TLS to a port without, and no STARTTLS either", "not-a-tls-port", "tls", "use-ssl",
         values={"use_ssl": True}, script={"EHLO": NO_PIPELINING}),
    Case("11", "clear text to a TLS port", "tls-port-without-tls", "banner", "use-ssl",
         tls="good", implicit=True, settings=SHORT),
    _certificate("12", "expired", "certificate-expired", "trust-manager-provider", "expired"),
    _certificate("12b", "a trusted authority has expired", "anchor-expired", "trust-manager-provider", "of-expired",
                 trust="expired"),
    _certificate("13", "not yet valid", "certificate-not-yet-valid", "trust-manager-provider", "early"),
    _certificate("14", "self-signed", "certificate-self-signed", "trust-manager-provider", "self-signed"),
    _certificate("14b", "an unknown root in the chain", "certificate-unknown-authority", "trust-manager-provider",
                 "with-unknown-root"),
    _certificate("15", "an unknown authority", "certificate-unknown-authority", "trust-manager-provider", "stranger"),
    _certificate("15b", "the intermediate is left out", "certificate-unknown-authority", "trust-manager-provider",
                 "without-intermediate"),
    _certificate("15c", "another certificate than the one that is trusted", "certificate-changed",
                 "trust-manager-provider", "self-signed", trust="one-server"),
    _certificate("15d", "another one, from an authority", "certificate-changed", "trust-manager-provider", "stranger",
                 trust="one-server"),
    _certificate("16", "another name", "certificate-wrong-name", "smtp-server", "wrong-name"),
    _certificate("16b", "an address that it is not for", "certificate-wrong-name", "smtp-server", "wrong-name",
                 values={"use_ssl": True, "host": "127.0.0.1"}),
    _certificate("16c", "only a common name", "certificate-wrong-name", "smtp-server", "no-names"),
    _certificate("17", "not meant for servers", "certificate-wrong-purpose", "trust-manager-provider", "client"),
    _certificate("18", "a weak key", "certificate-weak", "trust-manager-provider", "weak"),
    _certificate("20", "no common version", "tls-no-common-version", "smtp-property", "only-1.2",
                 settings=("mail.smtp.ssl.protocols=TLSv1.3",)),
    _certificate("20b", "a server that speaks nothing newer than TLS 1.1", "tls-no-common-version", "smtp-property",
                 "only-1.1"),
    _certificate("21", "no common cipher suite", "tls-no-common-cipher", "smtp-property", "only-1.2",
                 settings=("mail.smtp.ssl.ciphersuites=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
                           "mail.smtp.ssl.protocols=TLSv1.2")),
    _certificate("21e", "a client certificate is required, with TLS 1.3", "tls-client-certificate", "smtp-property",
                 "wants-certificate"),
    _certificate("21f", "a client certificate is required, with TLS 1.2", "tls-client-certificate", "smtp-property",
                 "wants-certificate-1.2"),
    _certificate("21g", "a client certificate is required after STARTTLS", "tls-client-certificate", "smtp-property",
                 "wants-certificate", script={"STARTTLS": starttls}, implicit=False, values=LOGIN),
    _certificate("21h", "a client certificate is required after STARTTLS, with TLS 1.2", "tls-client-certificate",
                 "smtp-property", "wants-certificate-1.2", script={"STARTTLS": starttls}, implicit=False, values=LOGIN),
    _certificate("21i", "the client's certificate is of another authority, with TLS 1.3", "tls-own-certificate",
                 "smtp-property", "wants-certificate", keys="stranger"),
    _certificate("21j", "the client's certificate is of another authority, with TLS 1.2", "tls-own-certificate",
                 "smtp-property", "wants-certificate-1.2", keys="stranger"),
    _certificate("21c", "a name that the server does not know", "tls-server-name", "smtp-server", "refuses-name"),
    _certificate("21d", "a weak Diffie-Hellman key", "tls-weak-server", "smtp-property", "weak-dh"),
    _certificate("21b", "a host that ssl.trust does not name", "host-not-in-trust-list", "smtp-property", "good",
                 settings=("mail.smtp.ssl.trust=other.example", "confobjects.allow-insecure=any-certificate")),
    # starttls
    Case("22", "STARTTLS is not offered", "starttls-not-offered", "starttls", "use-start-tls",
         script={"EHLO": NO_PIPELINING}, values=LOGIN),
    Case("23", "STARTTLS is out of order", "starttls-unavailable", "starttls", "use-start-tls",
         script={"STARTTLS": b"454 4.7.0 TLS not available\r\n"}, values=LOGIN),
    Case("23b", "STARTTLS is refused", "starttls-refused", "starttls", "use-start-tls",
         script={"STARTTLS": b"502 5.5.1 not implemented\r\n"}, values=LOGIN),
    Case("24", "closed instead of an answer to STARTTLS", "closed", "starttls", "", script={"STARTTLS": close}),
    Case("24b", "closed in the handshake", "tls-closed", "tls", "smtp-server", script={"STARTTLS": agree_then_close}),
    Case("24c", "silent in the handshake", "tls-timeout", "tls", "smtp-server",
         script={"STARTTLS": agree_then_hang}, settings=SHORT),
    Case("24d", "clear text in the handshake", "not-a-tls-port", "tls", "use-ssl",
         script={"STARTTLS": agree_then_babble}),
    Case("24e", "more than an answer before TLS", "bytes-before-tls", "starttls", "use-ssl",
         script={"STARTTLS": inject_then_starttls}, values=LOGIN),
    Case("24f", "an unknown authority after STARTTLS", "certificate-unknown-authority", "tls",
         "trust-manager-provider", script={"STARTTLS": starttls}, tls="stranger", values=LOGIN),
    # ehlo
    *(
        Case(f"25{letter}", "the EHLO name is refused", "ehlo-refused", "ehlo", "smtp-property",
             script={"EHLO": answer}, settings=(OUT,))
        for letter, answer in (("", b"501 5.5.4 invalid name\r\n"), ("b", b"504 5.5.2 need a full name\r\n"),
                               ("c", b"550 5.7.1 helo rejected\r\n"))
    ),
    Case("25e", "closed after an unknown EHLO name", "ehlo-closing", "ehlo", "smtp-property",
         script={"EHLO": b"421 4.7.0 Try again later, closing connection. (EHLO)\r\n"}),
    Case("25d", "the server is not ready", "ehlo-temporary", "ehlo", "smtp-server",
         script={"EHLO": b"451 4.3.0 try later\r\n"}),
    # auth
    Case("26", "no login is offered in clear, one inside TLS", "auth-not-offered", "auth", "auth-username",
         script={"EHLO": [_ehlo("STARTTLS"), _ehlo("STARTTLS"), _ehlo("AUTH PLAIN LOGIN")], "STARTTLS": starttls},
         tls="good", values={**CLEAR, **LOGIN}, settings=WEAK),
    Case("26b", "no login is offered anywhere", "auth-not-offered", "auth", "auth-username",
         script={"EHLO": _ehlo("8BITMIME")}, values={**CLEAR, **LOGIN}, settings=WEAK),
    Case("26c", "the login would go in clear", "auth-in-clear", "auth", "use-start-tls", values={**CLEAR, **LOGIN}),
    Case("26d", "the login would go in clear after all", "auth-in-clear", "auth", "smtp-property",
         script={"EHLO": _ehlo("AUTH PLAIN")}, values=LOGIN,
         settings=("mail.smtp.starttls.required=false", "confobjects.allow-insecure=opportunistic-starttls")),
    _auth("27", "no mechanism in common", "auth-no-common-mechanism", "smtp-property", b"",
          script={"EHLO": _ehlo("AUTH NTLM GSSAPI")}),
    _auth("28", "a wrong password", "auth-rejected", "auth-password", b"535 5.7.8 bad credentials\r\n"),
    _auth("29", "login switched off for the organisation", "auth-disabled", "auth-password",
          b"535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant\r\n"),
    _auth("29b", "a wrong password, as Microsoft says it", "auth-rejected", "auth-password",
          b"535 5.7.139 Authentication unsuccessful, the user credentials were incorrect\r\n"),
    _auth("29c", "stopped by a policy", "auth-policy", "auth-username",
          b"535 5.7.139 Authentication unsuccessful, the request did not meet the criteria\r\n"),
    _auth("29d", "a locked account", "auth-locked", "auth-username", b"525 5.7.13 User account disabled\r\n"),
    _auth("29e", "an expired password", "auth-password-expired", "auth-password",
          b"535 5.7.139 Authentication unsuccessful, the password has expired\r\n"),
    _auth("30", "an application password is wanted", "auth-app-password", "auth-password",
          b"534 5.7.9 Application-specific password required\r\n"),
    _auth("30b", "a login by browser is wanted", "auth-browser", "auth-username",
          b"534 5.7.14 Please log in via your web browser and then try again\r\n"),
    _auth("31", "TLS is wanted before a login", "auth-needs-tls", "use-start-tls",
          b"530 5.7.0 Must issue a STARTTLS command first\r\n"),
    _mail("31b", "TLS is wanted before mail", "tls-required", "use-start-tls",
          b"530 5.7.0 Must issue a STARTTLS command first\r\n"),
    _mail("31c", "a login is wanted before mail", "login-required", "auth-username",
          b"530 5.7.0 Authentication required\r\n"),
    _auth("31d", "STARTTLS is wanted inside TLS", "tls-not-seen", "use-ssl",
          b"530 5.7.0 Must issue a STARTTLS command first\r\n", **INSIDE),
    _auth("31e", "another login is wanted", "login-otherwise", "auth-username",
          b"530 5.7.0 Authentication required\r\n", **INSIDE),
    _auth("32", "encryption is wanted", "auth-needs-tls", "use-start-tls", b"538 5.7.11 Encryption required\r\n"),
    _auth("32b", "a password transition", "auth-password-transition", "auth-password",
          b"432 4.7.12 A password transition is needed\r\n"),
    _auth("32c", "logins cannot be checked now", "auth-temporary", "",
          b"454 4.7.0 Temporary authentication failure\r\n"),
    _auth("32d", "the mechanism is not taken", "auth-mechanism-refused", "smtp-property", b"504 5.5.4 mechanism\r\n"),
    _auth("32e", "the line is too long", "auth-mechanism-refused", "smtp-property", b"500 5.5.6 line too long\r\n"),
    _auth("32f", "too many connections of the account", "auth-too-many", "",
          b"432 4.3.2 Concurrent connections limit exceeded\r\n"),
    _auth("32g", "out of sequence", "auth-refused", "auth-username", b"503 5.5.1 already logged in\r\n"),
    _auth("32h", "a challenge that is none", "auth-protocol", "smtp-property", b"334 =====\r\n",
          script={"AUTH": b"334 =====\r\n", "auth": b"501 5.7.0 cancelled\r\n"}),
    _auth("33", "a refused token", "auth-token-rejected", "auth-username", b"",
          script={"EHLO": _ehlo("AUTH XOAUTH2 PLAIN"), "AUTH": b"334 " + _OAUTH + b"\r\n",
                  "auth": b"535 5.7.8 not accepted\r\n"},
          token=TOKEN, values={**CLEAR, "auth_username": "ann@example.com"}),
    # mail
    _mail("35", "not an address of the login", "sender-refused", "smtp-property", b"550 5.7.1 not yours\r\n"),
    _mail("35b", "not an address of the login, otherwise said", "sender-refused", "smtp-property",
          b"553 5.7.1 sender address rejected: not owned by user\r\n"),
    _mail("35c", "the sender's syntax", "sender-syntax", "smtp-property", b"501 5.1.7 bad sender address\r\n"),
    _mail("35d", "may not send as", "sender-refused", "smtp-property",
          b"554 5.2.252 SendAsDenied; not allowed to send as\r\n"),
    _mail("36", "too large, as the server sees it", "message-too-large", "", b"552 5.3.4 too big\r\n"),
    Case("36b", "too large, as we see it before sending", "message-too-large", "mail", "",
         script={"EHLO": _SIZED}, values=CLEAR, depth="send"),
    _mail("37", "no room", "server-full", "", b"452 4.3.1 insufficient system storage\r\n"),
    _mail("37b", "the server leaves", "closing", "", b"421 4.3.2 shutting down\r\n"),
    _mail("37d", "too fast", "rate-limited", "smtp-property", b"421 4.7.0 rate limit, closing\r\n"),
    _mail("37e", "all sent for today", "sending-limit", "auth-username",
          b"550 5.4.5 Daily user sending limit exceeded\r\n"),
    _mail("37c", "not now", "mail-temporary", "", b"451 4.7.1 try later\r\n"),
    Case("38b", "commands that are sent together", "pipelining-refused", "mail", "smtp-property",
         script={"MAIL": b"554 5.5.0 SMTP synchronization error\r\n"}, values=CLEAR, depth="send"),
    _mail("38", "an unknown parameter", "mail-parameter", "smtp-property", b"555 5.5.4 unsupported parameter\r\n",
          settings=("mail.smtp.mailextension=XWHAT=1",)),
    # rcpt
    _rcpt("39", "no relaying", "relay-denied", "auth-username", b"554 5.7.1 Relay access denied\r\n"),
    _rcpt("39b", "no relaying, otherwise said", "relay-denied", "auth-username", b"550 5.7.1 Unable to relay\r\n"),
    _rcpt("39c", "a login is wanted before a recipient", "login-required", "auth-username",
          b"550 5.7.60 you must authenticate first\r\n"),
    _rcpt("40", "no such user", "no-such-recipient", "", b"550 5.1.1 no such user\r\n"),
    _rcpt("40b", "the recipient's syntax", "recipient-syntax", "", b"553 5.1.3 bad address\r\n"),
    _rcpt("40c", "another refusal", "recipient-refused", "", b"550 mailbox unavailable\r\n"),
    _rcpt("41", "greylisted", "recipient-temporary", "", b"450 4.2.0 greylisted\r\n"),
    _rcpt("41b", "a local error", "recipient-temporary", "", b"451 4.3.0 local error\r\n"),
    _rcpt("41c", "too many recipients", "too-many-recipients", "smtp-property",
          b"452 4.5.3 too many recipients\r\n"),
    _rcpt("42", "one of two refused, and all or nothing is wanted", "no-such-recipient", "", b"550 5.1.1 no such user\r\n",
          script={"RCPT": [b"250 2.1.5 ok\r\n", b"550 5.1.1 no such user\r\n"]}, depth="send",
          to=("bob@example.com", "bib@example.com")),
    _rcpt("41d", "an EHLO name that is refused later", "ehlo-refused", "smtp-property",
          b"504 5.5.2 <client>: Helo command rejected: need fully-qualified hostname\r\n"),
    _rcpt("41e", "an address on a list", "client-blocked", "smtp-server",
          b"554 5.7.1 Service unavailable; Client host [192.0.2.7] blocked using zen.spamhaus.org\r\n"),
    _rcpt("41f", "an address without a name", "no-reverse-name", "smtp-server",
          b"450 4.7.25 Client host rejected: cannot find your hostname, [192.0.2.7]\r\n"),
    _rcpt("41g", "a sender that is refused later", "sender-refused", "smtp-property",
          b"550 5.1.8 <ann@nowhere.example>: Sender address rejected: Domain not found\r\n"),
    # data
    _data("43", "the sender's policy", "policy-refused", "",
          b"550 5.7.26 Unauthenticated mail is not accepted due to the domain's DMARC policy\r\n"),
    _data("43b", "taken for spam", "content-refused", "", b"554 5.7.1 looks like spam\r\n"),
    _data("43c", "over quota", "quota-exceeded", "", b"552 5.2.2 over quota\r\n"),
    _data("43d", "not now", "data-temporary", "", b"451 4.3.0 try later\r\n"),
    _data("43e", "the server leaves", "closing", "", b"421 4.3.2 shutting down\r\n"),
    _data("43f", "refused before the content", "content-refused", "", b"",
          script={"DATA": b"554 5.5.1 not now\r\n"}),
    _data("43g", "too large after all", "message-too-large", "", b"552 5.3.4 message too big\r\n"),
    _data("43h", "may not send as", "sender-refused", "smtp-property", b"554 5.2.252 SendAsDenied\r\n"),
    _data("43i", "an unverified sender", "sender-not-verified", "smtp-property",
          b"554 Message rejected: Email address is not verified.\r\n"),
    _data("43j", "in a circle", "mail-loop", "", b"554 5.4.6 Too many hops\r\n"),
    _data("44", "closed after the final dot", "unknown-outcome", "", close),
    Case("45", "an address beyond ASCII, and no SMTPUTF8", "utf8-not-offered", "mail", "",
         values=CLEAR, depth="send", to=("bjørn@example.com",)),
    Case("45b", "a recipient that is no address", "recipient-syntax", "rcpt", "",
         values=CLEAR, depth="envelope", to=("bob@@example.com", "x\r\nRCPT TO:<y@example.com>")),
    Case("45c", "nobody to send to", "recipient-syntax", "rcpt", "", values=CLEAR, depth="envelope", to=()),
    # proxy and trust
    Case("46", "the proxy refuses", "proxy-refused", "connect", "smtp-property",
         script={"banner": b"", "CONNECT": b"HTTP/1.1 403 Forbidden\r\n\r\n"}, values={"host": "mail.example"},
         settings=("mail.smtp.proxy.host=127.0.0.1:{port}",)),
    Case("46b", "the proxy wants a login", "proxy-refused", "connect", "smtp-property",
         script={"banner": b"", "CONNECT": b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"},
         values={"host": "mail.example"},
         settings=("mail.smtp.proxy.host=127.0.0.1:{port}", "mail.smtp.proxy.password=canary-Zq81")),
    Case("46c", "the SOCKS proxy refuses", "proxy-refused", "connect", "smtp-property",
         script={"banner": socks_refusing}, values={"host": "mail.example"},
         settings=("mail.smtp.socks.host=127.0.0.1:{port}",)),
    Case("46d", "the proxy is unknown", "proxy-unknown", "resolve", "smtp-property", values={"host": "mail.example"},
         settings=("mail.smtp.proxy.host=proxy.example:3128",),
         network=lookup_failing(socket.EAI_NONAME, "Name or service not known")),
    Case("46e", "the name of the SOCKS proxy is none", "plan-invalid", "plan", "smtp-property",
         values={"host": "mail.example"}, settings=("mail.smtp.socks.host=pröxy..example",)),
    Case("46f", "the SOCKS proxy cannot be looked up", "proxy-unreachable", "resolve", "smtp-property",
         values={"host": "mail.example"}, settings=("mail.smtp.socks.host=proxy.example",),
         network=lookup_failing(socket.EAI_AGAIN, "Temporary failure in name resolution")),
    Case("46g", "the proxy does not run", "proxy-unreachable", "connect", "smtp-property", port=unused,
         values={"host": "mail.example"}, settings=("mail.smtp.proxy.host=127.0.0.1:{port}",)),
    Case("46h", "the SOCKS proxy does not run", "proxy-unreachable", "connect", "smtp-property", port=unused,
         values={"host": "mail.example"}, settings=("mail.smtp.socks.host=127.0.0.1", "mail.smtp.socks.port={port}")),
    Case("46i", "there is no route to the proxy", "proxy-unreachable", "connect", "smtp-property",
         values={"host": "mail.example"}, settings=("mail.smtp.proxy.host=proxy.example:3128",),
         network=one_address_of_two()),
    Case("46j", "the proxy does not answer", "proxy-unreachable", "connect", "smtp-property",
         script={"banner": hang}, values={"host": "mail.example"},
         settings=("mail.smtp.proxy.host=127.0.0.1:{port}", *SHORT)),
    Case("47", "the trust store is missing", "trust-store-unreadable", "trust", "trust-store-file", trust="missing"),
    Case("47b", "the pin is wrong", "trust-store-pin", "trust", "trust-store-pin", trust="pin"),
    Case("47c", "the trust store is empty", "trust-store-empty", "trust", "trust-store-file", trust="empty"),
    Case("47d", "the trust store is damaged", "trust-store-damaged", "trust", "trust-store-file", trust="damaged"),
    Case("47e", "the class of a provider is missing", "trust-unusable", "trust", "provider-class", trust="custom"),
    Case("47f", "the key store is missing", "key-store-unreadable", "trust", "key-store-file", keys="missing"),
    Case("47g", "everybody may read the key store", "key-store-exposed", "trust", "key-store-file", keys="exposed"),
    Case("47h", "the pin of the key store is missing", "key-store-pin", "trust", "key-store-pin", keys="pin"),
    Case("47i", "the pin of an encrypted key is wrong", "key-store-pin", "trust", "key-store-pin", keys="wrong-pin"),
    Case("47j", "the key store is damaged", "key-store-damaged", "trust", "key-store-file", keys="damaged"),
    Case("47k", "the key store has another type", "key-store-damaged", "trust", "key-store-file", keys="type"),
    Case("47l", "a certificate without its key", "key-store-empty", "trust", "key-store-file", keys="no-key"),
    Case("47m", "a key without a certificate", "key-store-empty", "trust", "key-store-file", keys="no-certificate"),
    Case("47n", "a key that does not fit", "key-store-mismatch", "trust", "key-store-file", keys="mismatch"),
    Case("47o", "another alias", "key-store-alias", "trust", "key-alias", keys="alias"),
    Case("47p", "the client's certificate has expired", "own-certificate-expired", "trust", "key-store-file",
         keys="expired"),
    Case("47q", "the client's certificate is not valid yet", "own-certificate-not-yet-valid", "trust", "key-store-file",
         keys="early"),
    Case("47r", "a key that is too weak", "key-unusable", "trust", "key-store-file", keys="weak"),
    # time, and what keeps to no rule
    Case("48", "no answer in time", "timeout", "ehlo", "smtp-property", script={"EHLO": hang}, settings=SHORT),
    Case("48b", "the whole takes too long", "total-timeout", "ehlo", "smtp-property",
         script={"EHLO": drip}, settings=("confobjects.total-timeout=200",)),
    Case("48c", "closed in the middle", "closed", "ehlo", "", script={"EHLO": close}),
    Case("49", "an answer that is none", "protocol", "ehlo", "smtp-server", script={"EHLO": b"hello yourself\r\n"}),
    Case("50", "the plan is wrong", "plan-invalid", "plan", "smtp-property", settings=("mail.smtp.prot=25",)),
    # what was typed in smtp-property is blamed, not the property that it overrides
    Case("51", "the host of a row is unknown", "name-unknown", "resolve", "smtp-property",
         network=lookup_failing(socket.EAI_NONAME, "Name or service not known"), settings=("mail.smtp.host=mx.example",)),
    Case("51b", "the host is not that of the row for the port", "name-unknown", "resolve", "smtp-server",
         network=lookup_failing(socket.EAI_NONAME, "Name or service not known"), values={"host": "mail.example"},
         settings=("mail.smtp.port=26",)),
    Case("51c", "nothing listens at the host of a row", "connection-refused", "connect", "smtp-property", port=unused,
         settings=("mail.host=127.0.0.1",)),
    Case("52", "a factory for TLS, and a port without it", "not-a-tls-port", "tls", "smtp-property",
         script={}, settings=("mail.smtp.socketFactory.class=javax.net.ssl.SSLSocketFactory",)),
    Case("52b", "a row asks for STARTTLS, which is not offered", "starttls-not-offered", "starttls", "smtp-property",
         script={"EHLO": _ehlo("SIZE")}, values=CLEAR, settings=("mail.smtp.starttls.enable=true",)),
    _auth("53", "the user name of a row", "auth-refused", "smtp-property", b"550 no\r\n",
          settings=("mail.smtp.user=bob", *WEAK)),
    _auth("53b", "the user name of a row, or the password", "auth-rejected", "auth-password", b"535 5.7.8 no\r\n",
          settings=("mail.user=bob", *WEAK)),
)  # fmt: skip
"""The cases, in the order of a delivery."""
