"""What a failure means: one table from raw signals to a stable code, a plain sentence, and the property to change.

A :class:`Trouble` is the raw signal (stage, kind, reply, facts); :func:`diagnose` finds its row. The raw signals are
those that sockets, TLS and mail servers were seen to give; reply codes follow RFC 5321, enhanced codes RFC 3463,
RFC 4954 and RFC 7372, beside the habits of large providers.

Laws: the code of a diagnosis is stable, its words are not; the server's own line is always kept; nothing is guessed
where a second probe can tell (see the transport room).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from confobjects.diagnostics import Diagnostic
from confobjects.errors import MailError
from confobjects.mail.replies import ProtocolViolation, Reply

STAGES: Final = (
    "resolve",
    "connect",
    "tls",
    "banner",
    "ehlo",
    "starttls",
    "ehlo-tls",
    "auth",
    "mail",
    "rcpt",
    "data",
    "quit",
)
"""The stages of a delivery. With STARTTLS, ``tls`` comes between ``starttls`` and ``ehlo-tls``."""

_EXIT_STAGE: Final = {"ehlo-tls": "ehlo", "quit": "data"}


class Trouble(Exception):  # noqa: N818 - a raw signal, not yet an error with words
    """A delivery cannot go on: the stage it stopped in, what kind of thing happened, the reply if there was one.

    ``facts`` fill the words of the diagnosis.
    """

    def __init__(self, stage: str, kind: str, reply: Reply | None = None, **facts: Any) -> None:
        super().__init__(f"{stage}: {kind}")
        self.stage = stage
        self.kind = kind
        self.reply = reply
        self.facts: dict[str, Any] = facts
        self.answers: Sequence[Any] = ()
        """Answers of the same step that had arrived before it happened."""

    @classmethod
    def of(cls, stage: str, violation: ProtocolViolation) -> Trouble:
        """Return the trouble of a server that broke the rules, or left."""
        return cls(stage, violation.kind, message=str(violation), line=violation.line)


class _Row(NamedTuple):
    summary: str
    remedy: str
    property: str = ""
    retry: bool = False  # the same may succeed later, nothing has to be changed
    elsewhere: bool = True  # another mail server may succeed


_RETRY: Final = "Try again later."

TABLE: Final[dict[str, _Row]] = {
    # resolve
    "name-unknown": _Row(
        "the host name {host} is not known",
        "Check the spelling of the host, and that this machine's DNS knows it.",
        "smtp-server",
    ),
    "name-temporary": _Row(
        "the host name {host} cannot be looked up now: the DNS server does not answer",
        "Check this machine's DNS resolver, or try again later.",
        "smtp-server",
        retry=True,
    ),
    "resolve-timeout": _Row(
        "looking up the host name {host} took longer than {limit} s",
        "Check this machine's DNS resolver.",
        "smtp-server",
        retry=True,
    ),
    "name-unusable": _Row("the host name {host} cannot be looked up: {message}", "Correct the host.", "smtp-server"),
    # connect
    "connection-refused": _Row(
        "nothing accepts connections at {address}",
        "Check the port, that the mail server runs, and that no firewall rejects the connection.",
        "smtp-server",
        retry=True,
    ),
    "connect-timeout": _Row(
        "no answer from {address} within {limit} s",
        "Check host and port; a firewall may drop the packets (many networks block port 25 outwards).",
        "smtp-server",
        retry=True,
    ),
    "unreachable": _Row(
        "there is no route to {address}: {message}",
        "Check the network; for an IPv6 address, that this machine has IPv6.",
        "smtp-server",
        retry=True,
    ),
    "pool-exhausted": _Row(
        "no connection became free within {limit} s",
        "Raise smtp-property:confobjects.pool.max-connections, or send less at a time.",
        "smtp-property",
        retry=True,
    ),
    "connect-failed": _Row("the connection to {address} failed: {message}", "Check host and port.", "smtp-server"),
    "local-address": _Row(
        "this machine cannot connect from {source}: {message}",
        "Name an address of this machine in mail.smtp.localaddress, and a free port in mail.smtp.localport, or neither.",
        "smtp-property",
    ),
    "proxy-refused": _Row(
        "the proxy {proxy} refused the connection: {message}",
        "Check the proxy, its user name and password (mail.smtp.proxy.…), or mail.smtp.socks.host.",
        "smtp-property",
    ),
    # tls
    "not-a-tls-port": _Row(
        "the server does not speak TLS on port {port}",
        "Where the server uses STARTTLS there, set use-ssl:false and use-start-tls:true; else use its TLS port (465).",
        "use-ssl",
    ),
    "tls-port-without-tls": _Row(
        "port {port} speaks TLS from the first byte, and we waited for a greeting in clear",
        "Set use-ssl:true and use-start-tls:false, or use the server's STARTTLS port (587).",
        "use-ssl",
    ),
    "certificate-expired": _Row(
        "the certificate{subject} has expired{expiry}",
        "The operator of the mail server has to renew it; check this machine's clock as well.",
        "trust-manager-provider",
    ),
    "anchor-expired": _Row(
        "a trusted certificate has expired: {anchor}",
        "Replace it in the trust manager provider {trust}.",
        "trust-manager-provider",
    ),
    "certificate-not-yet-valid": _Row(
        "the certificate{subject} is not valid yet",
        "Check this machine's clock.",
        "trust-manager-provider",
    ),
    "certificate-self-signed": _Row(
        "the server's certificate{subject} is self-signed, and not among the trusted ones",
        "If it is the right one, add it to the trust manager provider.",
        "trust-manager-provider",
    ),
    "certificate-unknown-authority": _Row(
        "the server's certificate{subject} was issued by {issuer}, which is not trusted",
        "Add the issuer's certificate to a trust manager provider and name it in trust-manager-provider; if the issuer "
        "is public, the server may leave out an intermediate certificate.",
        "trust-manager-provider",
    ),
    "certificate-wrong-name": _Row(
        "the server's certificate is not for {host}: it is for {names}",
        "Set smtp-server to a name the certificate holds, or have a certificate issued for {host}.",
        "smtp-server",
    ),
    "certificate-wrong-purpose": _Row(
        "the server's certificate{subject} is not meant for servers",
        "The operator needs a certificate with the purpose serverAuth.",
        "trust-manager-provider",
    ),
    "certificate-weak": _Row(
        "the server's certificate{subject} is too weak: {message}",
        "The operator needs a certificate with a stronger key and digest.",
        "trust-manager-provider",
    ),
    "certificate-revoked": _Row(
        "the server's certificate{subject} is revoked",
        "The operator has to replace it.",
        "trust-manager-provider",
    ),
    "certificate-refused": _Row(
        "the server's certificate{subject} is not accepted: {message}",
        "Have the operator check it.",
        "trust-manager-provider",
    ),
    "host-not-in-trust-list": _Row(
        "{host} is not among the hosts of mail.smtp.ssl.trust, and where that is set all others are refused",
        "Add {host} to mail.smtp.ssl.trust, or better remove the setting and use a trust manager provider.",
        "smtp-property",
    ),
    "tls-no-common-version": _Row(
        "the server and we have no TLS version in common (we speak {versions})",
        "The server may be too old: TLS 1.2 is the least that is safe. Check mail.smtp.ssl.protocols.",
        "smtp-property",
    ),
    "tls-no-common-cipher": _Row(
        "the server broke the TLS handshake off: probably no cipher suite in common",
        "Check mail.smtp.ssl.ciphersuites, or whether the server wants a client certificate.",
        "smtp-property",
    ),
    "tls-failed": _Row("the TLS handshake failed: {message}", "Check that the port speaks TLS.", "smtp-server"),
    "tls-closed": _Row(
        "the server closed the connection during the TLS handshake",
        "Check that the port speaks TLS, and that no firewall stands between.",
        "smtp-server",
        retry=True,
    ),
    "tls-timeout": _Row(
        "the server did not finish the TLS handshake within {limit} s",
        "Check that the port speaks TLS; port 587 mostly wants use-start-tls, port 465 use-ssl.",
        "smtp-server",
        retry=True,
    ),
    # banner
    "silent": _Row(
        "{address} accepts the connection and then says nothing",
        "The port may speak TLS from the first byte: then set use-ssl:true and use-start-tls:false. Else check the port.",
        "smtp-server",
        retry=True,
    ),
    "closed-before-banner": _Row(
        "{address} closed the connection without a word",
        "This machine may be blocked there, or the port may want TLS from the first byte (use-ssl:true).",
        "smtp-server",
        retry=True,
    ),
    "not-smtp": _Row(
        'what answers at {address} is no mail server: it said "{line}"',
        "Check the port: 587 and 465 are those of mail submission.",
        "smtp-server",
    ),
    "banner-busy": _Row(
        "the server is busy or takes no more connections",
        "Try again later; fewer connections at a time may help.",
        "smtp-property",
        retry=True,
    ),
    "banner-refused": _Row(
        "the server refuses to talk to this machine",
        "Ask its operator whether this machine's address is blocked.",
        "smtp-server",
    ),
    # ehlo
    "ehlo-refused": _Row(
        "the server does not accept the name this machine gives (EHLO {ehlo})",
        "Set smtp-property:mail.smtp.localhost=… to a name the server accepts, mostly this machine's full DNS name.",
        "smtp-property",
    ),
    "ehlo-temporary": _Row("the server cannot go on after EHLO", _RETRY, "smtp-server", retry=True),
    # starttls
    "starttls-not-offered": _Row(
        "the server does not offer STARTTLS, and nothing is sent without TLS",
        "Check the port (587 offers it mostly); where TLS begins with the first byte, set use-ssl:true and "
        "use-start-tls:false. If the server did offer it before, someone may be tampering with the connection.",
        "use-start-tls",
    ),
    "starttls-unavailable": _Row(
        "the server offers STARTTLS but cannot do it now",
        "The operator of the mail server has to check its certificate and key.",
        "use-start-tls",
        retry=True,
    ),
    "starttls-refused": _Row("the server refused STARTTLS", "Ask the operator of the mail server.", "use-start-tls"),
    "bytes-before-tls": _Row(
        "{message}",
        "Nothing was sent. Check the network between here and the server; TLS from the first byte (use-ssl) is safer.",
        "use-ssl",
    ),
    # auth
    "auth-not-offered": _Row(
        "a login is configured, but the server offers none",
        "Check the port and TLS: many servers offer it only inside TLS. A relay without login wants auth-username and "
        "auth-password reset.",
        "auth-username",
    ),
    "auth-no-common-mechanism": _Row(
        "there is no login mechanism in common: the server offers {offered}, we may use {usable}",
        "Correct mail.smtp.auth.mechanisms, or have the operator offer one of ours.",
        "smtp-property",
    ),
    "auth-in-clear": _Row(
        "a login is configured, but the connection is not protected by TLS: the password is not sent",
        "Set use-start-tls:true, or use-ssl:true with the server's TLS port.",
        "use-start-tls",
    ),
    "auth-rejected": _Row(
        "the server does not accept user name and password ({username}, by {mechanism})",
        "Check auth-username and auth-password.",
        "auth-password",
    ),
    "auth-token-rejected": _Row(
        "the server does not accept the access token of {username} (by {mechanism}){challenge}",
        "Get a new token; check its scope and the rights to the mailbox.",
        "auth-username",
    ),
    "auth-disabled": _Row(
        "the provider has switched login with a password off for {username}",
        "Have SMTP AUTH enabled for the mailbox and the organisation, or log in with an OAuth 2.0 token.",
        "auth-password",
    ),
    "auth-app-password": _Row(
        "the provider wants an application password, not the password of the account {username}",
        "Make an application password with the provider and set it as auth-password, or use an OAuth 2.0 token.",
        "auth-password",
    ),
    "auth-needs-tls": _Row(
        "the server wants TLS before a login",
        "Set use-start-tls:true, or use-ssl:true with the server's TLS port.",
        "use-start-tls",
    ),
    "auth-password-transition": _Row(
        "the server wants the password to be used once with a plain mechanism, or to be changed",
        "Log in once with PLAIN (mail.smtp.auth.mechanisms=PLAIN), or change the password.",
        "auth-password",
    ),
    "auth-temporary": _Row(
        "the server cannot check logins now", "Try again later; the server's own log says more.", "", retry=True
    ),
    "auth-too-many": _Row(
        "the server limits logins or connections",
        "Try again later; keep connections instead of logging in for each mail.",
        "smtp-property",
        retry=True,
    ),
    "auth-mechanism-refused": _Row(
        "the server offers {mechanism} but does not take it",
        "Name another in smtp-property:mail.smtp.auth.mechanisms=….",
        "smtp-property",
    ),
    "auth-refused": _Row("the server refused the login", "Ask the operator of the mail server.", "auth-username"),
    "auth-protocol": _Row(
        "the login was broken off: {message}",
        "Try another mechanism (mail.smtp.auth.mechanisms); the server may not be what it says it is.",
        "smtp-property",
    ),
    # mail
    "login-required": _Row(
        "the server takes mail only after a login",
        "Set auth-username and auth-password.",
        "auth-username",
    ),
    "tls-required": _Row(
        "the server takes mail only over TLS",
        "Set use-start-tls:true.",
        "use-start-tls",
    ),
    "sender-refused": _Row(
        "the server does not let {username} send as {sender}",
        "Use a sender address that belongs to the login: --from, or smtp-property:mail.smtp.from=….",
        "smtp-property",
    ),
    "sender-syntax": _Row(
        "the server does not accept the sender address {sender}",
        "Set smtp-property:mail.smtp.from=… to a full mail address.",
        "smtp-property",
    ),
    "message-too-large": _Row(
        "the message is too large for this server{sizes}",
        "Make the message smaller, or use a server with a higher limit.",
        "",
        elsewhere=True,
    ),
    "mail-parameter": _Row(
        "the server does not know a parameter of MAIL",
        "Check mail.smtp.mailextension, mail.smtp.dsn.ret and mail.smtp.submitter.",
        "smtp-property",
    ),
    "server-full": _Row("the server has no room for mail now", _RETRY, "", retry=True),
    "mail-temporary": _Row("the server takes no mail from {sender} now", _RETRY, "", retry=True),
    "utf8-not-offered": _Row(
        "an address or header needs SMTPUTF8, which the server does not offer: {address}",
        "Use addresses whose part before the @ is ASCII.",
        "",
    ),
    "8bit-not-offered": _Row(
        "the message holds 8-bit text and the server does not offer 8BITMIME",
        "Hand in an EmailMessage, which can be recoded, or encode the parts as quoted-printable or base64.",
        "",
    ),
    # rcpt
    "relay-denied": _Row(
        "the server does not relay mail to {recipients} for us",
        "Log in first (auth-username, auth-password), or use a server that is responsible for the address.",
        "auth-username",
    ),
    "no-such-recipient": _Row(
        "the server does not know the recipient {recipients}", "Check the address.", "", elsewhere=False
    ),
    "recipient-syntax": _Row(
        "the server does not accept the recipient address {recipients}",
        "Check the address.",
        "",
        elsewhere=False,
    ),
    "recipient-temporary": _Row(
        "the server does not take mail for {recipients} now (greylisting, or a limit)", _RETRY, "", retry=True
    ),
    "too-many-recipients": _Row(
        "the server takes no more recipients in one message",
        "Send to fewer recipients at a time, or set smtp-property:mail.smtp.sendpartial=true.",
        "smtp-property",
        retry=True,
    ),
    "recipient-refused": _Row("the server refuses the recipient {recipients}", "Check the address.", ""),
    # data
    "policy-refused": _Row(
        "the server refuses the message: the sender's domain does not allow it to be sent this way (DMARC, SPF, DKIM)",
        "Send through a server that the domain of {sender} authorises, or use another sender address.",
        "smtp-property",
    ),
    "content-refused": _Row(
        "the server refuses the content of the message",
        "Its own words say why; it may take it for spam.",
        "",
    ),
    "quota-exceeded": _Row("a limit of storage or size is exceeded", _RETRY, "", retry=True),
    "data-temporary": _Row("the server does not take the message now", _RETRY, "", retry=True),
    "wire": _Row("{message}", "Remove the character.", "", elsewhere=False),
    "unknown-outcome": _Row(
        "the connection was lost after the message had been sent: the server may have taken it",
        "Ask the recipient, or look into the server's log, before sending again: it could arrive twice.",
        "",
        elsewhere=False,
    ),
    # any stage
    "closing": _Row("the server is closing the connection", _RETRY, "", retry=True),
    "timeout": _Row(
        "the server did not answer within {limit} s (stage {stage})",
        "Try again later; the limit is smtp-property:mail.smtp.timeout (milliseconds).",
        "smtp-property",
        retry=True,
    ),
    "total-timeout": _Row(
        "the delivery took longer than {limit} s in all (stage {stage})",
        "Try again later; the limit is smtp-property:confobjects.total-timeout (milliseconds).",
        "smtp-property",
        retry=True,
    ),
    "closed": _Row("the server closed the connection (stage {stage})", _RETRY, "", retry=True),
    "connection-lost": _Row("the connection was lost (stage {stage}): {message}", _RETRY, "", retry=True),
    "protocol": _Row(
        "the server does not keep to SMTP: {message}",
        "Check that host and port are those of a mail server.",
        "smtp-server",
    ),
    "refused": _Row("the server refused (stage {stage})", "Its own words say why.", ""),
}
"""Code -> words. Codes are stable; they stand in JSON output and in the documentation."""


class _ReplyRule(NamedTuple):
    stages: str
    codes: str  # a regular expression on the three digits
    enhanced: str  # one on the enhanced code, empty: any or none
    text: str  # one on the text, ignoring case
    code: str


REPLY_RULES: Final = tuple(
    _ReplyRule(*rule)
    for rule in (
        ("banner", "421|4..", "", "", "banner-busy"),
        ("banner", "5..", "", "", "banner-refused"),
        ("ehlo ehlo-tls", "4..", "", "", "ehlo-temporary"),
        ("ehlo ehlo-tls", "5..", "", "", "ehlo-refused"),
        ("starttls", "4..", "", "", "starttls-unavailable"),
        ("starttls", "5..", "", "", "starttls-refused"),
        ("auth", "5..", r"5\.7\.139|5\.7\.3", "", "auth-disabled"),
        ("auth", "5..", "", "smtpclientauthentication is disabled|basic authentication is disabled", "auth-disabled"),
        ("auth", "534", r"5\.7\.9", "", "auth-app-password"),
        ("auth", "5..", "", "application-specific password", "auth-app-password"),
        ("auth", "530|538", "", "", "auth-needs-tls"),
        ("auth", "432", r"4\.7\.12", "", "auth-password-transition"),
        ("auth", "421|432|454", r"4\.3\.2|4\.7\.0", "too many|limit|concurrent", "auth-too-many"),
        ("auth", "421", "", "", "auth-too-many"),
        ("auth", "4..", "", "", "auth-temporary"),
        ("auth", "500|501|504", "", "", "auth-mechanism-refused"),
        ("auth", "535", "", "", "auth-rejected"),
        ("auth", "5..", r"5\.7\.8", "", "auth-rejected"),
        ("auth", "5..", "", "", "auth-refused"),
        ("mail rcpt data", "421", "", "", "closing"),
        ("mail rcpt data", "530", "", "starttls|encrypt|tls", "tls-required"),
        ("mail rcpt data", "530", "", "", "login-required"),
        ("mail rcpt", "5..", "", "authentication (is )?required|must (authenticate|log ?in)", "login-required"),
        ("mail data", "552|523|554", r"5\.3\.4", "", "message-too-large"),
        ("mail", "552", "", "", "message-too-large"),
        ("mail", "452", r"4\.3\.1", "", "server-full"),
        ("mail", "4..", "", "", "mail-temporary"),
        ("mail", "555", "", "", "mail-parameter"),
        ("mail", "5..", r"5\.5\.4", "", "mail-parameter"),
        ("mail", "501", "", "", "sender-syntax"),
        ("mail", "5..", r"5\.1\.7", "", "sender-syntax"),
        ("mail", "5..", "", "", "sender-refused"),
        ("rcpt", "452", r"4\.5\.3", "", "too-many-recipients"),
        ("rcpt", "4..", "", "", "recipient-temporary"),
        ("rcpt", "5..", r"5\.7\.1", "sender|not owned", "sender-refused"),
        ("rcpt", "5..", r"5\.7\.[0-9]+", "", "relay-denied"),
        ("rcpt", "5..", "", "relay", "relay-denied"),
        ("rcpt", "5..", r"5\.1\.(0|1|2|6|10)", "", "no-such-recipient"),
        ("rcpt", "501", "", "", "recipient-syntax"),
        ("rcpt", "5..", r"5\.1\.3", "", "recipient-syntax"),
        ("rcpt", "5..", "", "", "recipient-refused"),
        ("data", "5..", r"5\.7\.2[0-9]", "", "policy-refused"),
        ("data", "5..", "", "dmarc|spf|dkim", "policy-refused"),
        ("data", "552", "", "", "quota-exceeded"),
        ("data", "5..", r"5\.2\.2", "", "quota-exceeded"),
        ("data", "5..", r"5\.2\.252", "", "sender-refused"),
        ("data", "5..", "", "send ?as", "sender-refused"),
        ("data", "4..", "", "", "data-temporary"),
        ("data", "5..", "", "", "content-refused"),
    )
)
"""What a reply means, by stage; the first row that fits counts."""

_VERIFY: Final = {
    9: "certificate-not-yet-valid",
    10: "certificate-expired",
    18: "certificate-self-signed",
    19: "certificate-unknown-authority",
    20: "certificate-unknown-authority",
    21: "certificate-unknown-authority",
    23: "certificate-revoked",
    26: "certificate-wrong-purpose",
    62: "certificate-wrong-name",
    64: "certificate-wrong-name",
    66: "certificate-weak",
    67: "certificate-weak",
    68: "certificate-weak",
}
"""OpenSSL's verification codes (X509_V_ERR_*), which are stable where its texts are not."""

_TLS_REASONS: Final = {
    "WRONG_VERSION_NUMBER": "not-a-tls-port",
    "HTTP_REQUEST": "not-a-tls-port",
    "PACKET_LENGTH_TOO_LONG": "not-a-tls-port",
    "UNSUPPORTED_PROTOCOL": "tls-no-common-version",
    "TLSV1_ALERT_PROTOCOL_VERSION": "tls-no-common-version",
    "NO_PROTOCOLS_AVAILABLE": "tls-no-common-version",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "tls-no-common-cipher",
    "NO_SHARED_CIPHER": "tls-no-common-cipher",
}

_BY_STAGE: Final = {
    ("banner", "timeout"): "silent",
    ("banner", "closed"): "closed-before-banner",
    ("banner", "connection-lost"): "closed-before-banner",
    ("tls", "timeout"): "tls-timeout",
    ("tls", "closed"): "tls-closed",
    ("tls", "connection-lost"): "tls-closed",
}
"""Kinds that mean something special in one stage."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What a failure means: a stable code, the stage, a sentence, a remedy, the property to change.

    ``reply`` is the server's own line. ``retry`` tells that the same may succeed later, ``elsewhere`` that another
    mail server may succeed now.
    """

    code: str
    stage: str
    summary: str
    remedy: str
    property: str = ""
    reply: str = ""
    retry: bool = False
    elsewhere: bool = True
    facts: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def diagnostic(self, path: str = "") -> Diagnostic:
        """Return the diagnosis as every other problem is reported."""
        detail = [f"the server said: {self.reply}"] if self.reply else []
        detail.extend(self.facts.get("detail", ()))
        return Diagnostic(
            f"mail-{_EXIT_STAGE.get(self.stage, self.stage)}",
            self.summary,
            path=path,
            property=self.property,
            detail="\n".join(detail),
            remedy=self.remedy,
        )


def code_of(trouble: Trouble) -> str:
    """Return the code of the row that fits a raw signal."""
    if trouble.reply is not None and trouble.kind == "reply":
        return _code_of_reply(trouble.stage, trouble.reply, token="token" in trouble.facts)
    if trouble.kind == "certificate":
        return _VERIFY.get(trouble.facts.get("verify_code", 0), "certificate-refused")
    if trouble.kind == "tls-error":
        return _TLS_REASONS.get(trouble.facts.get("reason", ""), "tls-failed")
    if trouble.kind == "not-smtp" and trouble.stage != "banner":
        return "protocol"
    kind = _BY_STAGE.get((trouble.stage, trouble.kind), trouble.kind)
    return kind if kind in TABLE else "protocol"


def _code_of_reply(stage: str, reply: Reply, *, token: bool) -> str:
    for rule in REPLY_RULES:
        if (
            stage in rule.stages.split()
            and re.fullmatch(rule.codes, str(reply.code))
            and (not rule.enhanced or re.fullmatch(rule.enhanced, reply.enhanced))
            and (not rule.text or re.search(rule.text, reply.text, re.IGNORECASE))
        ):
            return "auth-token-rejected" if token and rule.code == "auth-rejected" else rule.code
    return "refused"


_UNKNOWN: Final = {"issuer": "an authority", "names": "another name", "recipients": "the recipient"}


class _Facts(dict[str, Any]):
    """Facts that are not known are left out of a sentence instead of breaking it."""

    def __missing__(self, key: str) -> str:
        return _UNKNOWN.get(key, "")


def _masked(value: Any, mask: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return mask(value)
    return [_masked(one, mask) for one in value] if isinstance(value, list) else value


def diagnose(trouble: Trouble, known: Mapping[str, Any], mask: Callable[[str], str] = lambda text: text) -> Diagnosis:
    """Return what a raw signal means.

    ``known`` are facts of the delivery (host, port, sender, …); ``mask`` takes secrets out of what a server said: our
    own words stay as they are, however short a password is.
    """
    code = code_of(trouble)
    row = TABLE[code]
    said = {name: _masked(value, mask) for name, value in trouble.facts.items()}
    facts = _Facts({**known, **said, "stage": trouble.stage})
    return Diagnosis(
        code=code,
        stage=trouble.stage,
        summary=row.summary.format_map(facts),
        remedy=row.remedy.format_map(facts),
        property=row.property,
        reply=mask(str(trouble.reply)) if trouble.reply is not None else "",
        retry=row.retry or (trouble.reply is not None and trouble.reply.temporary),
        elsewhere=row.elsewhere,
        facts=facts,
    )


TRUST_REASONS: Final = {
    "trust-store-unreadable": "a file or directory of the trust manager provider is missing or cannot be read",
    "trust-store-pin": "the pin of the trust store is missing or wrong",
    "trust-store-damaged": "the trust store is damaged, or of another format than was said",
    "trust-store-empty": "the trust store holds no certificate to trust",
    "trust-unusable": "the trust manager provider cannot be used for another reason",
}
"""Codes of failures of a trust manager provider, found before anything is connected."""


class TrustError(MailError):
    """What a trust manager provider trusts cannot be found out; ``reason`` is a key of :data:`TRUST_REASONS`."""

    def __init__(self, reason: str, problem: Diagnostic) -> None:
        super().__init__(problem)
        self.reason = reason


class DeliveryError(MailError):
    """A delivery or a test failed in one stage.

    ``diagnosis`` says what it means, ``report`` what was done until then, ``trouble`` is the raw signal.
    """

    def __init__(
        self, diagnosis: Diagnosis, path: str = "", *, report: Any = None, trouble: Trouble | None = None
    ) -> None:
        super().__init__(diagnosis.diagnostic(path))
        self.diagnosis = diagnosis
        self.report = report
        self.trouble = trouble

    @property
    def retryable(self) -> bool:
        """Whether the same may succeed later with nothing changed."""
        return self.diagnosis.retry

    @property
    def unknown(self) -> bool:
        """Whether the server may have taken the message: it must not be sent again blindly."""
        return self.diagnosis.code == "unknown-outcome"
