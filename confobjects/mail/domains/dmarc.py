"""DMARC (RFC 9989, which has replaced RFC 7489): reading a record, finding the one that counts, and alignment.

The organizational domain is found by walking up the DNS, as RFC 9989 says: RFC 7489 needed a list of public suffixes, which would
have to be kept up to date.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, cast

from confobjects.mail.domains import Answer, RecordError, Resolve, normal_domain, parse_tags
from confobjects.records import Record

Policy = Literal["none", "quarantine", "reject"]
POLICIES: Final = ("none", "quarantine", "reject")
_MOST_STEPS: Final = 8
"""Look-ups of one walk up the DNS; longer names are shortened after the first."""


class DmarcRecord(Record):
    """A record: what to do with mails that fail (``p``), those of subdomains (``sp``) and of subdomains that do not exist (``np``).

    ``strict_spf`` and ``strict_dkim`` are the modes of alignment; ``psd`` is ``y``, ``n`` or ``u``. ``testing`` says that the
    policy is not to be applied in full.
    """

    policy: Policy
    subdomains: Policy
    absent: Policy
    strict_spf: bool = False
    strict_dkim: bool = False
    psd: str = "u"
    testing: bool = False
    reports: tuple[str, ...] = ()


class DmarcWalk(Record):
    """What a walk up the DNS found: the records by domain, nearest first, and the first failed look-up, if one failed."""

    start: str
    records: tuple[tuple[str, DmarcRecord], ...]
    wrong: tuple[tuple[str, str], ...] = ()
    failed: str = ""

    @property
    def organizational(self) -> str:
        """The organizational domain (section 4.10.2): the start itself where no record is found."""
        for domain, record in self.records:
            if record.psd == "n":
                return domain
            if record.psd == "y" and domain != self.start:
                labels = self.start.split(".")
                return ".".join(labels[-len(domain.split(".")) - 1 :])
        return self.records[-1][0] if self.records else self.start

    @property
    def applying(self) -> tuple[str, DmarcRecord] | None:
        """The record that counts for the start, with its domain: its own, or that of the organizational domain."""
        if self.records and self.records[0][0] == self.start:
            return self.records[0]
        return next(((domain, one) for domain, one in self.records if domain == self.organizational), None)


def is_dmarc(text: str) -> bool:
    """Tell whether a TXT record is one of DMARC."""
    tag = text.partition(";")[0]
    name, _, value = tag.partition("=")
    return (name.strip(), value.strip()) == ("v", "DMARC1")


def parse_dmarc(text: str) -> DmarcRecord:
    """Return a record (section 4.7). Tags that are not known do not count. Raises RecordError."""
    if not is_dmarc(text):
        raise RecordError('it does not begin with "v=DMARC1"')
    tags = parse_tags(text)
    policy = _read_policy(tags, "p", "none")
    subdomains = _read_policy(tags, "sp", policy)
    return DmarcRecord(
        policy,
        subdomains,
        _read_policy(tags, "np", subdomains),
        strict_spf=_read_word(tags, "aspf", "rs") == "s",
        strict_dkim=_read_word(tags, "adkim", "rs") == "s",
        psd=_read_word(tags, "psd", "uyn"),
        testing=_read_word(tags, "t", "ny") == "y" or tags.get("pct", "100") != "100",
        reports=tuple(one.strip() for one in tags.get("rua", "").split(",") if one.strip()),
    )


def _read_policy(tags: dict[str, str], name: str, default: Policy) -> Policy:
    value = tags.get(name, default).lower()
    if value not in POLICIES:
        raise RecordError(f'the tag {name} is "{value[:20]}", expected one of {", ".join(POLICIES)}')
    return cast("Policy", value)


def _read_word(tags: dict[str, str], name: str, words: str) -> str:
    value = tags.get(name, words[0]).lower()
    if value not in tuple(words):
        raise RecordError(f'the tag {name} is "{value[:20]}", expected one of {", ".join(words)}')
    return value


def walk(domain: str, resolve: Resolve) -> DmarcWalk:
    """Look for records at a domain and above it (section 4.10). It ends at a failed look-up: what is above is not known."""
    start, found, wrong = normal_domain(domain), list[tuple[str, DmarcRecord]](), list[tuple[str, str]]()
    for name in _names_of(start):
        answer = resolve(f"_dmarc.{name}", "TXT")
        if answer.status == "failed":
            return DmarcWalk(start, tuple(found), tuple(wrong), f"_dmarc.{name} cannot be looked up: {answer.message}")
        try:
            record = _read_only(answer)
        except RecordError as error:
            wrong.append((name, str(error)))
            continue
        if record is not None:
            found.append((name, record))
            if record.psd != "u":
                break
    return DmarcWalk(start, tuple(found), tuple(wrong))


def _names_of(domain: str) -> Iterator[str]:
    labels = domain.split(".")
    yield domain
    for count in range(min(len(labels) - 1, _MOST_STEPS - 1), 0, -1):
        yield ".".join(labels[-count:])


def _read_only(answer: Answer) -> DmarcRecord | None:
    texts = [text for text in answer.records if is_dmarc(text)]
    if len(texts) > 1:
        raise RecordError(f"there are {len(texts)} records, and only one may be there")
    return parse_dmarc(texts[0]) if texts else None


def is_aligned(one: str, author: str, walks: tuple[DmarcWalk, DmarcWalk], *, strict: bool) -> bool | None:
    """Tell whether a domain that was authenticated is aligned with that of the author; None if that cannot be known.

    ``walks`` are those of the two domains.
    """
    first, second = normal_domain(one), normal_domain(author)
    if first == second:
        return True
    if strict:
        return False
    if walks[0].failed or walks[1].failed:
        return None
    return walks[0].organizational == walks[1].organizational
