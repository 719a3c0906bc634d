"""The offer to trust the certificate that a mail server has shown, after a test that failed because nobody trusts it.

Laws of this module:

1. What was shown is what is stored: the bytes of the certificate, and no others.
2. Nobody trusts by pressing Enter: a part of the fingerprint has to be typed.
3. A certificate for another name, out of its time, or with a weak key or signature is not offered.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from confobjects.mail.trusted import DIRECTORY, FILE_TYPE, TRUST_KIND, name_file, name_provider, provider_values
from confobjects.management.changing.operations import Operation
from confobjects.objects.changes import PropertyChanges
from confobjects.service.tokens import find_tokens

from ..certificate_files import TrustedFile
from .terminal import BackRequest

if TYPE_CHECKING:
    from confobjects.objects.effective import EffectiveObject
    from confobjects.transport.check import TestResult
    from confobjects.transport.trusting import Anchor

    from .session import InteractiveSession

_DIGITS: Final = 8
_ALONE = "this certificate alone"
_ISSUER = "its issuer: every certificate that the issuer signs for this host"


def may_be_trusted(result: TestResult) -> bool:
    """Tell whether a test failed because nobody trusts a certificate that was seen."""
    from confobjects.transport.trusting import UNTRUSTED

    return result.code in UNTRUSTED and bool(result.sent)


def offer_trust(session: InteractiveSession, server: EffectiveObject, result: TestResult) -> bool:
    """Offer to trust what a mail server has shown; make the provider and name it in one change. Tell whether it was made.

    Raises BackRequest if nobody is to be trusted.
    """
    if not may_be_trusted(result):
        return False
    anchor = choose_anchor(session, server, result)
    provider = PinnedProvider(session, server.name, anchor)
    names = PropertyChanges(set={TRUST_KIND: (provider.name,)})
    path = session.registry.parse_path(server.path)
    reference = Operation("modify", path.relation, path.names, changes=names)
    is_made = False
    try:
        if not session.invocation.dry_run:
            provider.write()
        done = f'The certificate is trusted by "{provider.name}".'
        is_made = session.finish([provider.creation, reference], done) and not session.invocation.dry_run
    finally:
        if not is_made:
            provider.file.drop()
    return is_made


class PinnedProvider:
    """The trust manager provider of a certificate that was chosen, and the file that it is in."""

    def __init__(
        self, session: InteractiveSession, server_name: str, anchor: Anchor, planned: Sequence[str] = ()
    ) -> None:
        """Choose its name and its file; ``planned`` are the names of those that are not made yet."""
        self.anchor = anchor
        taken = [*(obj.name for obj in session.context.list(TRUST_KIND)), *planned]
        self.name = name_provider(server_name, taken)
        self.file = TrustedFile(session.invocation, DIRECTORY, name_file(server_name, anchor.facts.sha256))

    @property
    def creation(self) -> Operation:
        """The operation that creates it."""
        changes = PropertyChanges(set=provider_values(self.file.text))
        return Operation("create", TRUST_KIND, (self.name,), FILE_TYPE, changes)

    def write(self) -> None:
        """Write the file."""
        self.file.write(self.anchor.certificate)


def choose_anchor(session: InteractiveSession, server: EffectiveObject, result: TestResult) -> Anchor:
    """Show what a mail server has shown, and have chosen and confirmed what is to be trusted. Raises BackRequest."""
    from confobjects.transport.trusting import find_anchors, find_objection

    say = session.terminal.say
    anchors = find_anchors(result.sent)
    offered = []
    for anchor in anchors:
        objection = find_objection(server, anchor, result.sent, tokens=find_tokens)
        if objection and anchor is anchors[0]:
            say(f"\nThe certificate of the server is not offered to be trusted: {objection}.")
            raise BackRequest
        offered += [] if objection else [anchor]
    if not offered:
        say("\nThe certificate of the server cannot be read: it is not offered to be trusted.")
        raise BackRequest
    _tell(session, "The server shows this certificate:", offered[0])
    if len(offered) == 1:
        if not offered[0].is_self_signed:
            say("  The certificate of its issuer was not shown, or it cannot be trusted.")
        labels = [_ALONE]
    else:
        _tell(session, "It was issued by:", offered[1])
        labels = [_ALONE, _ISSUER]
    anchor = offered[session.choose_one("Whom do you want to trust?", labels)]
    _confirm(session, anchor)
    return anchor


def _tell(session: InteractiveSession, heading: str, anchor: Anchor) -> None:
    facts = anchor.facts
    rows = [
        ("subject", facts.subject or "none"),
        ("names", facts.format_names() or "none"),
        ("issuer", "itself" if anchor.is_self_signed else facts.issuer or "nobody"),
        ("valid", f"{facts.begin} to {facts.end}"),
        ("SHA-256", facts.sha256),
    ]
    session.terminal.say("\n".join(["", heading, *(f"  {name:<8} {text}" for name, text in rows)]))
    if anchor.issues:
        session.terminal.say(
            "  It may sign other certificates: whoever has its key can make more that would be trusted."
        )


def _confirm(session: InteractiveSession, anchor: Anchor) -> None:
    """Have the end of the fingerprint typed. Raises BackRequest for an empty answer."""
    session.terminal.say(
        "\nCompare the SHA-256 with what the operator of the mail server says, on another way than this one."
    )
    question = f"The last {_DIGITS} digits of the SHA-256 (empty to go back): "
    while True:
        answer = session.terminal.ask(question).replace(":", "").replace(" ", "").casefold()
        if not answer:
            raise BackRequest
        if answer == anchor.facts.sha256[-_DIGITS:]:
            return
        session.terminal.say("These are not the last digits of the SHA-256 above.")
