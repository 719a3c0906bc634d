"""From raw signals to codes: which failure an error of a socket, of TLS or of a mail server is.

Reply codes follow RFC 5321, enhanced codes RFC 3463, RFC 4954 and RFC 7372. Some rows are for large providers, which
use codes and texts of their own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from confobjects.mail.failures import TABLE
from confobjects.mail.replies import Reply
from confobjects.records import Record


class _ReplyRule(Record):
    stages: str
    codes: str  # a regular expression for the three digits
    enhanced: str  # one for the enhanced code; empty: any code or none
    text: str  # one for the text, ignoring case; empty: any text
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
"""What a reply means, by stage; the first row that matches counts."""

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
"""OpenSSL's verification codes (X509_V_ERR_*): they are stable, its texts are not."""

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
"""Kinds that have a code of their own in one stage."""


def code_for(stage: str, kind: str, reply: Reply | None, facts: Mapping[str, Any]) -> str:
    """Return the code of the row that matches a raw signal."""
    if reply is not None and kind == "reply":
        return _code_of_reply(stage, reply, token="token" in facts)
    if kind == "certificate":
        return _VERIFY.get(facts.get("verify_code", 0), "certificate-refused")
    if kind == "tls-error":
        return _TLS_REASONS.get(facts.get("reason", ""), "tls-failed")
    if kind == "not-smtp" and stage != "banner":
        return "protocol"
    found = _BY_STAGE.get((stage, kind), kind)
    return found if found in TABLE else "protocol"


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
