"""From raw signals to codes: which failure an error of a socket, of TLS or of a mail server is.

What the replies of mail servers mean is in :mod:`~confobjects.mail.meanings`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from confobjects.mail.failures import TABLE
from confobjects.mail.meanings import REPLY_RULES, ReplyRule
from confobjects.mail.replies import Reply

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
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "tls-no-common-cipher",  # see also _HANDSHAKE_ALERT
    "TLSV1_ALERT_INSUFFICIENT_SECURITY": "tls-no-common-cipher",
    "NO_SHARED_CIPHER": "tls-no-common-cipher",
    "TLSV1_UNRECOGNIZED_NAME": "tls-server-name",
    "DH_KEY_TOO_SMALL": "tls-weak-server",
    "EE_KEY_TOO_SMALL": "tls-weak-server",
    "CA_KEY_TOO_SMALL": "tls-weak-server",
    "CA_MD_TOO_WEAK": "tls-weak-server",
    "WRONG_SIGNATURE_TYPE": "tls-weak-server",
    "LEGACY_SIGALG_DISALLOWED_OR_UNSUPPORTED": "tls-weak-server",
    "UNSAFE_LEGACY_RENEGOTIATION_DISABLED": "tls-weak-server",
}

CLIENT_CERTIFICATE_ALERTS: Final = frozenset(
    {
        "TLSV13_ALERT_CERTIFICATE_REQUIRED",
        "SSLV3_ALERT_NO_CERTIFICATE",
        "SSLV3_ALERT_BAD_CERTIFICATE",
        "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
        "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
        "SSLV3_ALERT_CERTIFICATE_EXPIRED",
        "SSLV3_ALERT_CERTIFICATE_REVOKED",
        "TLSV1_ALERT_UNKNOWN_CA",
        "TLSV1_ALERT_ACCESS_DENIED",
    }
)
"""Alerts of a server about the certificate of the client. With TLS 1.3 they come when the handshake is over here."""

_HANDSHAKE_ALERT: Final = "SSLV3_ALERT_HANDSHAKE_FAILURE"
"""With TLS 1.2, a server that misses a client certificate says only this, but after it has chosen a cipher suite."""

_BY_STAGE: Final = {
    ("banner", "timeout"): "silent",
    ("banner", "closed"): "closed-before-banner",
    ("banner", "connection-lost"): "closed-before-banner",
    ("tls", "timeout"): "tls-timeout",
    ("tls", "closed"): "tls-closed",
    ("tls", "connection-lost"): "tls-closed",
}
"""Kinds that have a code of their own in one stage."""


_MOST_TEXT: Final = 2000
"""Characters of a reply that are compared with the patterns."""

_ADDRESS: Final = re.compile(r"<[^<>]*>|\S*@\S+")
_LITERAL: Final = re.compile(r"\[[0-9a-fA-F:.\s]+\]|\b\d{1,3}(\.\d{1,3}){3}\b")
_ENHANCED: Final = re.compile(r"(?<![\w.])([245])\.([0-7]\.\d{1,3})(?!\.?\d)")
_EVERY_LINE: Final = re.compile(r"^#?[245]\.\d{1,3}\.\d{1,3}[:;,]?\s*")


def code_for(stage: str, kind: str, reply: Reply | None, facts: Mapping[str, Any]) -> str:
    """Return the code of the row that matches a raw signal.

    Of the facts, ``token`` says that a token was used to log in, ``tls`` that the connection is inside TLS, ``logged_in``
    that the login succeeded, ``suite_chosen`` that the server had chosen a cipher suite before TLS failed, and
    ``own_certificate`` which certificate the client has to show.
    """
    code = _find_code(stage, kind, reply, facts)
    return "tls-own-certificate" if code == "tls-client-certificate" and facts.get("own_certificate") else code


def _find_code(stage: str, kind: str, reply: Reply | None, facts: Mapping[str, Any]) -> str:
    if reply is not None and kind == "reply":
        return _code_of_reply(stage, reply, facts)
    if kind == "certificate":
        return _VERIFY.get(facts.get("verify_code", 0), "certificate-refused")
    if kind == "tls-error":
        return _code_of_tls_error(facts.get("reason", ""), suite_chosen=bool(facts.get("suite_chosen")))
    if kind == "not-smtp" and stage != "banner":
        return "protocol"
    found = _BY_STAGE.get((stage, kind), kind)
    return found if found in TABLE else "protocol"


def _code_of_tls_error(reason: str, *, suite_chosen: bool) -> str:
    if reason in CLIENT_CERTIFICATE_ALERTS or (reason == _HANDSHAKE_ALERT and suite_chosen):
        return "tls-client-certificate"
    return _TLS_REASONS.get(reason, "tls-failed")


def _code_of_reply(stage: str, reply: Reply, facts: Mapping[str, Any]) -> str:
    holds = {"tls" if facts.get("tls") else "clear", "login" if facts.get("logged_in") else "no-login", ""}
    code, enhanced, text = str(reply.code), enhanced_detail(reply), comparable_text(reply)
    for rule in REPLY_RULES:
        if stage in rule.stages.split() and rule.when in holds and _fits(rule, code, enhanced, text):
            return "auth-token-rejected" if "token" in facts and rule.code == "auth-rejected" else rule.code
    return "refused"


def _fits(rule: ReplyRule, code: str, enhanced: str, text: str) -> bool:
    return (
        re.fullmatch(rule.codes, code) is not None
        and (not rule.enhanced or re.fullmatch(rule.enhanced, enhanced) is not None)
        and (not rule.text or re.search(rule.text, text, re.IGNORECASE) is not None)
    )


def enhanced_detail(reply: Reply) -> str:
    """Return the last two parts of the enhanced code (``7.8``), empty if there is none.

    Some servers write it behind a ``#``, or with words before it. Its class must be that of the reply.
    """
    for line in reply.lines:
        for found in _ENHANCED.finditer(line[:_MOST_TEXT].decode("ascii", "replace")):
            if found[1] == str(reply.code)[0]:
                return found[2]
    return reply.enhanced[2:]


def comparable_text(reply: Reply) -> str:
    """Return the text of a reply on one line, without enhanced codes, mail addresses and IP addresses.

    An address could contain any word of the patterns.
    """
    lines = (_EVERY_LINE.sub("", line.decode("utf-8", "replace").strip()) for line in reply.lines)
    text = " ".join(" ".join(lines)[:_MOST_TEXT].split())
    return _LITERAL.sub("[address]", _ADDRESS.sub("<>", text))
