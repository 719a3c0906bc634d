"""Trusting what a mail server has shown: which of its certificates could be trusted, and what speaks against it.

Nothing here decides to trust anything: a person does, who was shown what :class:`Anchor` holds.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from confobjects.errors import MailError
from confobjects.mail.plan import TokenSources, TrustSource
from confobjects.mail.planning import plan_delivery
from confobjects.records import Record, field
from confobjects.transport.certificates import CertificateFacts, describe, find_flaw, may_issue, read_certificate
from confobjects.transport.network import Network
from confobjects.transport.smtp import Connection

UNTRUSTED: Final = frozenset({"certificate-self-signed", "certificate-unknown-authority", "certificate-changed"})
"""The codes of tests that fail because nobody trusts the certificate. Whatever else is wrong with one is not mended by trust."""

SEEN: Final = "seen"
"""The type of a trust manager provider that is tried before there is one."""


class Anchor(Record):
    """A certificate (DER) that could be trusted, and its facts. ``issues``: others would be trusted because it is."""

    certificate: bytes = field(repr=False)
    facts: CertificateFacts
    issues: bool
    is_self_signed: bool


def find_anchors(sent: Sequence[bytes]) -> tuple[Anchor, ...]:
    """Return the server's own certificate and, if the server sent it, that of its issuer. Of one that cannot be read: nothing."""
    try:
        chain = [(der, read_certificate(der)) for der in sent[:2]]
        if len(chain) > 1 and (chain[1][1].subject != chain[0][1].issuer or not may_issue(chain[1][1])):
            del chain[1]
        return tuple(
            Anchor(der, describe(der), may_issue(parsed), parsed.subject == parsed.issuer) for der, parsed in chain
        )
    except ValueError:
        return ()


def find_objection(
    server: Any,
    anchor: Anchor,
    sent: Sequence[bytes],
    *,
    tokens: TokenSources | None = None,
    network: Network | None = None,
) -> str:
    """Return why a certificate must not be trusted for a mail server that has sent some, empty if nothing speaks against it.

    Its dates, its key and its signature are looked at, and those of the server's own certificate; then one connection trusts
    nothing else, and the name in the certificate is checked whatever the settings of the mail server say. It ends before
    the login.
    """
    for certificate in (sent[0], anchor.certificate):
        if flaw := find_flaw(certificate, datetime.now(UTC)):
            return flaw
    try:
        plan = plan_delivery(server, tokens=tokens, local_host=socket.gethostname()).for_test()
    except MailError as error:
        return error.diagnostics[0].summary
    source = TrustSource(SEEN, "what was shown", {"certificates": (anchor.certificate,)})
    checked = plan.tls.replace(check_name=True, unchecked_hosts=())
    connection = Connection(plan.replace(trust=source, tls=checked, login=None), network)
    with contextlib.closing(connection):
        try:
            for stage in (connection.load_trust, connection.resolve, connection.connect, connection.start_implicit_tls):
                stage()
            if not connection.sent_certificates:
                connection.greet()
        except MailError as error:
            return error.diagnostics[0].summary
    return "" if connection.sent_certificates[:1] == tuple(sent[:1]) else "the server shows another certificate now"
