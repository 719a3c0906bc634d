"""What receivers will think of the mails of a sender: findings about SPF, DKIM and DMARC, in plain words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, Literal

from confobjects.actions import Remedy, RemedyAction, Say, plain, remedy_text
from confobjects.mail.domains import RecordError, Resolve, normal_domain
from confobjects.mail.domains.dkim import STRONG, WEAK, DkimKey, parse_dkim
from confobjects.mail.domains.dmarc import DmarcRecord, DmarcWalk, Policy, is_aligned, walk
from confobjects.mail.domains.spf import SpfVerdict, judge_address
from confobjects.records import Record
from confobjects.texts.visible import make_visible

Subject = Literal["domain", "spf", "dkim", "dmarc"]
Weight = Literal["good", "unknown", "warning", "error"]
Known = bool | None
"""True or False, and None for what cannot be known."""


class Relay(Record):
    """Where the mails of a sender leave: its host, the addresses of the host, and what its operator documents.

    ``addresses`` are looked up if there are none. ``complete`` says that it sends from no other. ``include`` is the domain that its
    operator asks to include in SPF.
    """

    host: str
    addresses: tuple[str, ...] = ()
    include: str = ""
    complete: bool = False


class Finding(Record):
    """One thing that receivers will think: a stable code, what it is about, how bad it is, in words, and what to do."""

    code: str
    subject: Subject
    weight: Weight
    summary: str
    remedy: Remedy = ""

    def as_json(self, say: Say = plain) -> dict[str, str]:
        """Return the finding for a program; ``say`` words the actions of its remedy."""
        facts = {"code": self.code, "subject": self.subject, "weight": self.weight, "summary": self.summary}
        return {**facts, "remedy": remedy_text(self.remedy, say)} if self.remedy else facts


class DomainReport(Record):
    """What was found about the domain of a sender; ``policy`` is what DMARC asks for, None if that is not known."""

    domain: str
    findings: tuple[Finding, ...]
    policy: Policy | None = None

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings because of which mails will be refused, or put aside."""
        return tuple(finding for finding in self.findings if finding.weight == "error")

    def as_json(self, say: Say = plain) -> dict[str, Any]:
        """Return the report for a program; ``say`` words the actions of remedies."""
        asked = {"policy": self.policy} if self.policy else {}
        return {"domain": self.domain, **asked, "findings": [one.as_json(say) for one in self.findings]}


def judge_domain(
    from_address: str, selector: str, resolve: Resolve, relay: Relay, *, envelope_sender: str = ""
) -> DomainReport:
    """Return what receivers will think of mails with a From address that leave at a relay.

    ``selector`` is the one that the relay signs with (DKIM), empty if it is not known. ``envelope_sender`` gets the bounces; without
    one it is the From address.
    """
    return _Judging(from_address, selector, resolve, relay, envelope_sender or from_address).judge()


def _domain_of(address: str) -> str:
    from confobjects.syntaxes.hosts import ascii_host

    return normal_domain(ascii_host(address.rpartition("@")[2]))


class _Judging:
    """The judging of one sender."""

    def __init__(self, from_address: str, selector: str, resolve: Resolve, relay: Relay, envelope: str) -> None:
        self.domain = _domain_of(from_address)
        self.envelope = envelope
        self.envelope_domain = _domain_of(envelope)
        self.selector = selector
        self.resolve = resolve
        self.relay = relay
        self.findings: list[Finding] = []

    def judge(self) -> DomainReport:
        if not self._exists():
            return self._make_report(None)
        authenticated = self._judge_spf(), self._judge_dkim()
        found = walk(self.domain, self.resolve)
        policy = self._judge_dmarc(found, *authenticated)
        return self._make_report(policy)

    def _make_report(self, policy: Policy | None) -> DomainReport:
        visible = [one.replace(summary=make_visible(one.summary)) for one in self.findings]
        return DomainReport(self.domain, tuple(visible), policy)

    def _note(self, code: str, weight: Weight, summary: str, remedy: Remedy = "") -> None:
        subject: Subject = code.partition("-")[0]  # type: ignore[assignment]  # each code begins with its subject
        self.findings.append(Finding(code, subject, weight, summary, remedy))

    def _exists(self) -> bool:
        """Judge the domain itself: whether it exists, and takes the answers to its mails."""
        answer = self.resolve(self.domain, "MX")
        if answer.status == "no-name":
            summary = f"the domain {self.domain} does not exist: receivers refuse mails from it"
            self._note("domain-absent", "error", summary, "Correct the address.")
            return False
        if set(answer.records) in ({""}, {"."}):
            summary = f"{self.domain} says that it takes no mail (RFC 7505): many receivers refuse mails from it"
            self._note("domain-takes-no-mail", "error", summary, "Use a domain that takes answers and bounces.")
        return True

    # -- SPF -----------------------------------------------------------------------------------------------------------

    def _judge_spf(self) -> Known:
        """Judge whether the relay may send for the domain of the envelope sender; return whether it may."""
        addresses = self._find_addresses()
        # Without an address the record is read all the same, for one that no record names.
        verdicts = [
            judge_address(one, self.envelope, self.envelope_domain, self.resolve) for one in addresses or _NOWHERE
        ]
        worst = min(verdicts, key=lambda one: _ORDER.index(one.result))
        domain = self.envelope_domain
        if worst.last == "pass":
            summary = f"SPF of {domain} allows every address to send for it"
            self._note("spf-open", "warning", summary, "End the record with -all or ~all.")
        if worst.result == "none":
            summary = f"{domain} has no SPF record: receivers cannot tell which servers may send for it"
            self._note(
                "spf-missing", "warning", summary, f"Add a TXT record for {domain} that allows {self._name_relay()}."
            )
            return False
        if worst.result == "permerror":
            summary = f"SPF of {domain} is of no use: {worst.words}"
            self._note("spf-broken", "error", summary, "Correct the record.")
            return False
        if worst.result == "temperror":
            self._note("spf-unknown", "unknown", f"SPF of {domain} is not known: {worst.words}", "Try again later.")
            return None
        return self._judge_result(worst, addresses)

    def _judge_result(self, worst: SpfVerdict, addresses: tuple[str, ...]) -> Known:
        domain, relay = self.envelope_domain, self.relay
        if addresses and worst.result == "pass":
            self._note(
                "spf-pass", "good", f"SPF of {domain} allows {', '.join(addresses)} of {relay.host} to send for it"
            )
            return True
        if relay.include and normal_domain(relay.include) in worst.domains:
            self._note("spf-include", "good", f"SPF of {domain} includes {relay.include}, which {relay.host} asks for")
            return True
        remedy = f"Allow {self._name_relay()} in the record."
        if not relay.complete or not addresses:
            names = f" {', '.join(addresses)} of" if addresses else ""
            summary = f"SPF of {domain} does not name{names} {relay.host}; from which addresses it sends is not known"
            self._note("spf-other", "unknown", summary, remedy if relay.include else _INCLUDE)
            return None
        will = {"fail": "refuse its mails", "softfail": "doubt its mails"}.get(worst.result, "not rely on SPF")
        weight: Weight = "error" if worst.result == "fail" else "warning"
        summary = f"SPF of {domain} does not allow {', '.join(addresses)} of {relay.host}: receivers will {will}"
        self._note(f"spf-{worst.result}", weight, summary, remedy)
        return False

    def _find_addresses(self) -> tuple[str, ...]:
        if self.relay.addresses:
            return self.relay.addresses[:_MOST_ADDRESSES]
        answers = (
            self.resolve(normal_domain(self.relay.host), "A"),
            self.resolve(normal_domain(self.relay.host), "AAAA"),
        )
        return tuple(one for answer in answers for one in answer.records if _is_address(one))[:_MOST_ADDRESSES]

    def _name_relay(self) -> str:
        return f"include:{self.relay.include}" if self.relay.include else self.relay.host

    # -- DKIM ----------------------------------------------------------------------------------------------------------

    def _judge_dkim(self) -> Known:
        """Judge the key of the selector; return whether it can verify a signature."""
        if not self.selector:
            summary = f"whether {self.relay.host} signs mails of {self.domain} (DKIM) is not known"
            self._note("dkim-unknown", "unknown", summary, _SELECTOR)
            return None
        name = f"{self.selector}._domainkey.{self.domain}"
        answer = self.resolve(normal_domain(name), "TXT")
        if answer.status == "failed":
            self._note("dkim-unknown", "unknown", f"{name} cannot be looked up: {answer.message}", "Try again later.")
            return None
        if not answer.records:
            summary = f"there is no key at {name}: no signature of this selector can be verified"
            self._note("dkim-missing", "error", summary, "Add the TXT record that the operator of the relay shows.")
            return False
        first, *others = answer.records
        if others:
            summary = f"there are {len(answer.records)} records at {name}, and only one may be there"
            self._note("dkim-broken", "error", summary, "Remove the others.")
            return False
        try:
            return self._judge_key(name, parse_dkim(first))
        except RecordError as error:
            self._note("dkim-broken", "error", f"the key at {name} is of no use: {error}", "Correct the record.")
            return False

    def _judge_key(self, name: str, key: DkimKey) -> bool:
        if key.revoked:
            self._note("dkim-revoked", "error", f"the key at {name} is revoked", "Sign with another selector.")
            return False
        if key.kind == "rsa" and key.bits < WEAK:
            summary = f"the key at {name} has {key.bits} bits: receivers ignore it"
            self._note("dkim-weak", "error", summary, f"Use a key of {STRONG} bits.")
            return False
        if key.testing:
            summary = f"the key at {name} says that it only tests: receivers may ignore it"
            self._note("dkim-testing", "warning", summary, "Remove t=y from the record.")
        if key.kind == "rsa" and key.bits < STRONG:
            summary = f"the key at {name} has {key.bits} bits"
            self._note("dkim-short", "warning", summary, f"Use a key of {STRONG} bits.")
        self._note("dkim-key", "good", f"there is a key at {name} ({key.kind}, {key.bits} bits)")
        return True

    # -- DMARC ---------------------------------------------------------------------------------------------------------

    def _judge_dmarc(self, found: DmarcWalk, spf: Known, dkim: Known) -> Policy | None:
        """Judge the policy of the domain, and whether its mails will pass; return the policy."""
        for domain, why in found.wrong:
            summary = f"the DMARC record of {domain} is of no use: {why}"
            self._note("dmarc-broken", "error" if domain == self.domain else "warning", summary, "Correct the record.")
        applying = found.applying
        if applying is None and found.failed:
            self._note(
                "dmarc-unknown", "unknown", f"DMARC of {self.domain} is not known: {found.failed}", "Try again later."
            )
            return None
        if applying is None:
            summary = f"{self.domain} has no DMARC record: large providers ask for one"
            self._note(
                "dmarc-missing", "warning", summary, f'Add the TXT record "v=DMARC1; p=none" at _dmarc.{self.domain}.'
            )
            return None
        domain, record = applying
        policy = record.policy if domain == self.domain else record.subdomains
        where = "" if domain == self.domain else f", by the record of {domain},"
        tests = ", and says that it only tests" if record.testing else ""
        summary = f"DMARC of {self.domain}{where} asks receivers to {_ASKS[policy]}{tests}"
        self._note("dmarc-policy", "good", summary)
        self._judge_alignment(record, policy, found, spf, dkim)
        return policy

    def _judge_alignment(self, record: DmarcRecord, policy: Policy, found: DmarcWalk, spf: Known, dkim: Known) -> None:
        own = found if self.envelope_domain == self.domain else walk(self.envelope_domain, self.resolve)
        aligned = is_aligned(self.envelope_domain, self.domain, (own, found), strict=record.strict_spf)
        if aligned is False:
            summary = (
                f"bounces go to {self.envelope_domain}, which is not aligned with {self.domain}: SPF does not count"
            )
            self._note("dmarc-not-aligned", "warning", summary, _ALIGN)
        passes = _either(_both(spf, aligned), dkim)
        if passes:
            self._note("dmarc-pass", "good", f"mails of {self.domain} that {self.relay.host} sends pass DMARC")
        elif passes is None:
            summary = f"whether mails of {self.domain} that {self.relay.host} sends pass DMARC is not known"
            self._note(
                "dmarc-open", "unknown", summary, "Send a mail, and read Authentication-Results where it arrives."
            )
        else:
            summary = (
                f"mails of {self.domain} that {self.relay.host} sends do not pass DMARC: receivers will {_DO[policy]}"
            )
            self._note("dmarc-fail", "warning" if policy == "none" else "error", summary, _ALIGN)


_ORDER: Final = ("none", "permerror", "temperror", "fail", "softfail", "neutral", "pass")
_NOWHERE: Final = ("192.0.2.1",)
"""An address that nobody has (RFC 5737)."""
_MOST_ADDRESSES: Final = 8
_ALIGN: Final = (
    "Let the relay sign with a key of the domain (DKIM), or send with an envelope sender of the domain that SPF allows."
)
_SELECTOR: Final = ("Give the selector that it signs with (", RemedyAction("give-dkim-selector"), ").")
_INCLUDE: Final = (
    "Ask its operator what to add to the record, and give the domain that it includes (",
    RemedyAction("give-spf-include"),
    ").",
)
_ASKS: Final = {
    "none": "deliver what fails",
    "quarantine": "put aside what fails",
    "reject": "refuse what fails",
}
_DO: Final = {"none": "note that in their reports", "quarantine": "put them aside", "reject": "refuse them"}


def _is_address(text: str) -> bool:
    from confobjects.syntaxes.hosts import is_ipv4, is_ipv6

    return is_ipv4(text) or is_ipv6(text)


def _both(one: Known, other: Known) -> Known:
    if one is False or other is False:
        return False
    return None if one is None or other is None else True


def _either(one: Known, other: Known) -> Known:
    if one or other:
        return True
    return None if one is None or other is None else False


def describe_findings(findings: Iterable[Finding], say: Say = plain) -> Iterator[str]:
    """Yield lines for people: how bad a finding is, what it says, and what to do; ``say`` words the actions of remedies."""
    for finding in findings:
        yield f"{finding.weight}: {finding.summary}"
        if finding.remedy:
            yield f"  remedy: {remedy_text(finding.remedy, say)}"
