"""SPF, DKIM and DMARC of a sender's domain: the examples of the RFCs, tables of faults, and any text that the DNS may hold."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from confobjects.actions import remedy_text
from confobjects.mail.domains import Answer, RecordError, RecordType, parse_tags
from confobjects.mail.domains.dkim import DkimKey, parse_dkim
from confobjects.mail.domains.dmarc import is_aligned, parse_dmarc, walk
from confobjects.mail.domains.judging import Relay, describe_findings, judge_domain
from confobjects.mail.domains.spf import judge_address, parse_spf

Zone = Mapping[tuple[str, str], Any]


class Dns:
    """A DNS of a table; what it is asked is noted. A text instead of records is the message of a failure."""

    def __init__(self, zone: Zone) -> None:
        self.zone = zone
        self.names = {name for name, _ in zone}
        self.asked: list[str] = []

    def __call__(self, name: str, kind: RecordType) -> Answer:
        self.asked.append(name)
        found = self.zone.get((name, kind))
        if isinstance(found, str):
            return Answer("failed", message=found)
        if found is None:
            return Answer("no-records" if name in self.names else "no-name")
        return Answer("found", tuple(found))


# -- SPF: RFC 7208, appendix A -------------------------------------------------------------------------------------------

APPENDIX: dict[tuple[str, str], Any] = {
    ("example.com", "MX"): ["mail-a.example.com", "mail-b.example.com"],
    ("example.com", "A"): ["192.0.2.10", "192.0.2.11"],
    ("amy.example.com", "A"): ["192.0.2.65"],
    ("bob.example.com", "A"): ["192.0.2.66"],
    ("mail-a.example.com", "A"): ["192.0.2.129"],
    ("mail-b.example.com", "A"): ["192.0.2.130"],
    ("example.org", "MX"): ["mail-c.example.org"],
    ("mail-c.example.org", "A"): ["192.0.2.140"],
    ("65.2.0.192.in-addr.arpa", "PTR"): ["amy.example.com"],
    ("140.2.0.192.in-addr.arpa", "PTR"): ["mail-c.example.org"],
    ("4.0.0.10.in-addr.arpa", "PTR"): ["bob.example.com"],
}


def spf(record: str, address: str, *, sender: str = "ann@example.com", **more: Any) -> Any:
    zone = {**APPENDIX, ("example.com", "TXT"): [record], **{(key, "TXT"): [text] for key, text in more.items()}}
    return judge_address(address, sender, "example.com", Dns(zone))


@pytest.mark.parametrize(
    ("record", "passing", "failing"),
    [
        ("v=spf1 +all", ["192.0.2.1", "2001:db8::1"], []),
        ("v=spf1 a -all", ["192.0.2.10", "192.0.2.11"], ["192.0.2.12"]),
        ("v=spf1 a:example.org -all", [], ["192.0.2.10", "192.0.2.140"]),
        ("v=spf1 mx -all", ["192.0.2.129", "192.0.2.130"], ["192.0.2.10"]),
        ("v=spf1 mx:example.org -all", ["192.0.2.140"], ["192.0.2.129"]),
        ("v=spf1 mx mx:example.org -all", ["192.0.2.129", "192.0.2.130", "192.0.2.140"], ["192.0.2.65"]),
        ("v=spf1 mx/30 mx:example.org/30 -all", ["192.0.2.131", "192.0.2.143"], ["192.0.2.132", "192.0.2.144"]),
        ("v=spf1 ptr -all", ["192.0.2.65"], ["192.0.2.140", "10.0.0.4"]),
        ("v=spf1 ip4:192.0.2.128/28 -all", ["192.0.2.129"], ["192.0.2.65"]),
        ("v=spf1 ip6:2001:db8::/32 -all", ["2001:db8::1"], ["2001:db9::1", "192.0.2.65"]),
        ("v=spf1 ip4:192.0.2.1 -all", ["::ffff:192.0.2.1"], ["::ffff:192.0.2.2"]),
        ("V=SPF1 IP4:192.0.2.1 -ALL", ["192.0.2.1"], ["192.0.2.2"]),
    ],
)
def test_the_examples_of_spf(record: str, passing: list[str], failing: list[str]) -> None:
    assert {spf(record, address).result for address in passing} <= {"pass"}
    assert {spf(record, address).result for address in failing} <= {"fail"}


@pytest.mark.parametrize(
    ("macro", "name"),
    [
        ("%{s}", "strong-bad@email.example.com"),
        ("%{o}", "email.example.com"),
        ("%{d4}", "email.example.com"),
        ("%{d2}", "example.com"),
        ("%{d1}", "com"),
        ("%{dr}", "com.example.email"),
        ("%{d2r}", "example.email"),
        ("%{l}", "strong-bad"),
        ("%{l-}", "strong.bad"),
        ("%{lr}", "strong-bad"),
        ("%{lr-}", "bad.strong"),
        ("%{l1r-}", "strong"),
        ("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"),
        ("%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"),
        ("a%%b%_c%-d", "a%b c%20d"),
        ("x." * 150 + "%{d}", ("x." * 150 + "email.example.com")[-253:]),
    ],
)
def test_the_macros_of_spf(macro: str, name: str) -> None:
    """RFC 7208, section 7.4."""
    dns = Dns({("email.example.com", "TXT"): [f"v=spf1 exists:{macro} -all"]})
    judge_address("192.0.2.3", "strong-bad@email.example.com", "email.example.com", dns)
    assert dns.asked[1] == name


def test_a_macro_of_an_ipv6_address() -> None:
    dns = Dns({("email.example.com", "TXT"): ["v=spf1 exists:%{ir}.%{v}._spf.%{d2} -all"]})
    judge_address("2001:db8::cb01", "strong-bad@email.example.com", "email.example.com", dns)
    nibbles = "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2"
    assert dns.asked[1] == f"{nibbles}.ip6._spf.example.com"


INCLUDES = {f"i{number}.example": f"v=spf1 include:i{number + 1}.example ?all" for number in range(12)}


@pytest.mark.parametrize(
    ("record", "result", "words"),
    [
        ("v=spf1 ~all", "softfail", "the term all of the record gives softfail"),
        ("v=spf1", "neutral", "no term of the record matches"),
        ("v=spf10 -all", "none", "example.com has no SPF record"),
        ("v=spf1 redirect=other.example", "pass", "the term ip4:192.0.2.7/32 of the record gives pass"),
        ("v=spf1 redirect=none.example", "permerror", "none.example, to which the record redirects, has no SPF record"),
        ("v=spf1 include:none.example -all", "permerror", "none.example, which the record includes, has no SPF record"),
        ("v=spf1 include:other.example -all", "pass", "the term include:other.example of the record gives pass"),
        ("v=spf1 include:strict.example ~all", "softfail", "the term all of the record gives softfail"),
        ("v=spf1 include:i0.example -all", "permerror", "more than 10 look-ups (at include:i10.example)"),
        ("v=spf1 include:example.com -all", "permerror", "more than 10 look-ups"),
        (
            "v=spf1 a:x.example a:y.example a:z.example -all",
            "permerror",
            "more than 2 names that do not exist (at z.example)",
        ),
        ("v=spf1 include:failing.example -all", "temperror", "failing.example cannot be looked up: no answer"),
        (
            "v=spf1 include:wrong.example -all",
            "permerror",
            'the SPF record of wrong.example is wrong: "ip4:x" has no valid address',
        ),
    ],
)
def test_what_a_record_gives(record: str, result: str, words: str) -> None:
    zone: dict[tuple[str, str], Any] = {
        **APPENDIX,
        **{(name, "TXT"): [text] for name, text in INCLUDES.items()},
        ("example.com", "TXT"): ["google-site-verification=x", record],
        ("other.example", "TXT"): ["v=spf1 ip4:192.0.2.7 -all"],
        ("strict.example", "TXT"): ["v=spf1 -all"],
        ("wrong.example", "TXT"): ["v=spf1 ip4:x -all"],
        ("failing.example", "TXT"): "no answer",
    }
    verdict = judge_address("192.0.2.7", "ann@example.com", "example.com", Dns(zone))
    assert verdict.result == result
    assert words in verdict.words


def test_two_records_are_as_bad_as_a_wrong_one() -> None:
    zone = {("example.com", "TXT"): ["v=spf1 -all", "v=spf1 +all"]}
    verdict = judge_address("192.0.2.7", "ann@example.com", "example.com", Dns(zone))
    assert (verdict.result, verdict.words) == ("permerror", "example.com has 2 SPF records, and only one may be there")


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ("spf2.0/pra -all", "does not begin"),
        ("v=spf1 ip4:192.0.2.300", "has no valid address"),
        ("v=spf1 ip4:2001:db8::1", "has an address of the other kind"),
        ("v=spf1 all:x", "all takes no value"),
        ("v=spf1 include", "it needs a domain"),
        ("v=spf1 a/33", "prefix that is too long"),
        ("v=spf1 a/x", "is not valid"),
        ("v=spf1 exists:%x", "a macro that is not known"),
        ("v=spf1 hello", "not a mechanism or modifier"),
        ("v=spf1 redirect=a.example redirect=b.example", "redirects twice"),
        ("v=spf1 " + "ip4:192.0.2.1 " * 400, "too long"),
    ],
)
def test_a_record_that_is_wrong(record: str, words: str) -> None:
    with pytest.raises(RecordError, match=words.replace("(", "\\(")):
        parse_spf(record)


# -- DKIM ----------------------------------------------------------------------------------------------------------------


def key_of(key: rsa.RSAPrivateKey) -> str:
    return base64.b64encode(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


KEYS = {bits: key_of(rsa.generate_private_key(65537, bits)) for bits in (1024, 2048)}
EDWARDS = base64.b64encode(
    ed25519.Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
).decode()


@pytest.mark.parametrize(
    ("record", "key"),
    [
        (f"v=DKIM1; p={KEYS[2048]}", DkimKey("rsa", 2048)),
        (f"p={KEYS[1024]}", DkimKey("rsa", 1024)),
        (
            f"v=DKIM1; k=rsa; t=y:s; h=sha1:sha256; s=email; n=a note; p={KEYS[2048][:50]} {KEYS[2048][50:]};",
            DkimKey("rsa", 2048, testing=True),
        ),
        (f"v=DKIM1; k=ed25519; p={EDWARDS}", DkimKey("ed25519", 256)),
        ("v=DKIM1; p=", DkimKey("rsa", 0)),
    ],
    ids=["of-2048-bits", "plain", "with-every-tag", "ed25519", "revoked"],
)
def test_a_key_record(record: str, key: DkimKey) -> None:
    assert parse_dkim(record) == key
    assert key.revoked is (key.bits == 0)


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ("v=DKIM2; p=x", "does not begin"),
        (f"p={KEYS[1024]}; v=DKIM1", "does not begin"),
        ("v=DKIM1", "has no key"),
        ("v=DKIM1; k=dsa; p=eA==", "of a kind that is not known"),
        ("v=DKIM1; s=other; p=eA==", "not meant for mail"),
        ("v=DKIM1; h=sha1; p=eA==", "does not allow SHA-256"),
        ("v=DKIM1; p=!!", "is not Base64"),
        ("v=DKIM1; p=eA==", "is damaged"),
        ("v=DKIM1; k=ed25519; p=eA==", "is damaged"),
        ("v=DKIM1; p=a; p=b", "there twice"),
        ("v=DKIM1; hello", "is not a tag"),
    ],
    ids=lambda value: value if len(value) < 60 else "a long text",
)
def test_a_key_record_that_is_wrong(record: str, words: str) -> None:
    with pytest.raises(RecordError, match=words):
        parse_dkim(record)


# -- DMARC ---------------------------------------------------------------------------------------------------------------


def test_a_record_of_dmarc() -> None:
    record = parse_dmarc(
        "v=DMARC1; p=reject; sp=quarantine; aspf=s; adkim=r; rua=mailto:a@example.com, mailto:b@x; x=y"
    )
    assert (record.policy, record.subdomains, record.absent) == ("reject", "quarantine", "quarantine")
    assert (record.strict_spf, record.strict_dkim, record.reports) == (
        True,
        False,
        ("mailto:a@example.com", "mailto:b@x"),
    )
    assert parse_dmarc("v=DMARC1;p=none").policy == "none"
    assert parse_dmarc("v = DMARC1 ; rua=mailto:a@b").policy == "none"
    assert parse_dmarc("v=DMARC1; p=reject; pct=20").testing


@pytest.mark.parametrize(
    "record", ["v=DMARC1; p=refuse", "v=DMARC1; p=none; aspf=x", "v=DMARC1; p=none; p=none", "v=DMARC2; p=none"]
)
def test_a_record_of_dmarc_that_is_wrong(record: str) -> None:
    with pytest.raises(RecordError):
        parse_dmarc(record)


def test_a_walk_up_the_dns_is_short_however_long_the_name_is() -> None:
    """RFC 9989, section 4.10: the example of its text."""
    dns = Dns({})
    assert walk("a.b.c.d.e.f.g.h.i.j.mail.example.com", dns).organizational == "a.b.c.d.e.f.g.h.i.j.mail.example.com"
    rest = ["g.h.i.j.mail.example.com", "h.i.j.mail.example.com", "i.j.mail.example.com", "j.mail.example.com"]
    names = ["a.b.c.d.e.f.g.h.i.j.mail.example.com", *rest, "mail.example.com", "example.com", "com"]
    assert dns.asked == [f"_dmarc.{name}" for name in names]


@pytest.mark.parametrize(
    ("records", "organizational", "applying"),
    [
        ({"example.com": "p=reject"}, "example.com", "example.com"),
        ({"a.mail.example.com": "p=none", "example.com": "p=reject"}, "example.com", "a.mail.example.com"),
        ({"mail.example.com": "p=none", "example.com": "p=reject"}, "example.com", "example.com"),
        ({"mail.example.com": "p=none; psd=n", "example.com": "p=reject"}, "mail.example.com", "mail.example.com"),
        ({"com": "p=reject; psd=y"}, "example.com", None),
        ({"a.mail.example.com": "p=none; psd=y"}, "a.mail.example.com", "a.mail.example.com"),
        ({}, "a.mail.example.com", None),
    ],
)
def test_the_organizational_domain(records: dict[str, str], organizational: str, applying: str | None) -> None:
    zone = {(f"_dmarc.{name}", "TXT"): ["other", f"v=DMARC1; {text}"] for name, text in records.items()}
    found = walk("a.mail.example.com", Dns(zone))
    assert found.organizational == organizational
    assert (found.applying and found.applying[0]) == applying


@pytest.mark.parametrize(
    ("one", "author", "strict", "aligned"),
    [
        ("example.com", "Example.com.", True, True),
        ("bounces.example.com", "example.com", False, True),
        ("bounces.example.com", "news.example.com", False, True),
        ("bounces.example.com", "example.com", True, False),
        ("example.net", "example.com", False, False),
        ("failing.example.org", "example.org", False, None),
    ],
)
def test_alignment(one: str, author: str, strict: bool, aligned: bool | None) -> None:
    dns = Dns({("_dmarc.example.com", "TXT"): ["v=DMARC1; p=none"], ("_dmarc.failing.example.org", "TXT"): "no answer"})
    walks = walk(one, dns), walk(author, dns)
    assert is_aligned(one, author, walks, strict=strict) is aligned


# -- what receivers will think -------------------------------------------------------------------------------------------

GOOD: Zone = {
    ("example.com", "MX"): ["mx.example.com"],
    ("example.com", "TXT"): ["v=spf1 include:_spf.relay.example -all"],
    ("_spf.relay.example", "TXT"): ["v=spf1 ip4:192.0.2.0/28 -all"],
    ("s1._domainkey.example.com", "TXT"): [f"v=DKIM1; p={KEYS[2048]}"],
    ("_dmarc.example.com", "TXT"): ["v=DMARC1; p=reject"],
    ("smtp.relay.example", "A"): ["192.0.2.5"],
}
ELSEWHERE = {("smtp.relay.example", "A"): ["198.51.100.5"]}
RELAY = Relay("smtp.relay.example")


def codes(changes: Zone, *, selector: str = "s1", relay: Relay = RELAY, **more: str) -> list[str]:
    zone = {key: value for key, value in {**GOOD, **changes}.items() if value is not None}
    report = judge_domain("ann@example.com", selector, Dns(zone), relay, **more)
    assert list(report.errors) == [finding for finding in report.findings if finding.weight == "error"]
    assert all(finding.code.startswith(f"{finding.subject}-") for finding in report.findings)
    assert "\x1b" not in "\n".join(describe_findings(report.findings))
    return [f"{finding.weight}: {finding.code}" for finding in report.findings]


@pytest.mark.parametrize(
    ("changes", "more", "found"),
    [
        ({}, {}, ["good: spf-pass", "good: dkim-key", "good: dmarc-policy", "good: dmarc-pass"]),
        ({}, {"selector": ""}, ["good: spf-pass", "unknown: dkim-unknown", "good: dmarc-policy", "good: dmarc-pass"]),
        (
            ELSEWHERE,
            {"relay": Relay("smtp.relay.example", include="_spf.Relay.example"), "selector": ""},
            ["good: spf-include", "unknown: dkim-unknown", "good: dmarc-policy", "good: dmarc-pass"],
        ),
        (
            ELSEWHERE,
            {"selector": ""},
            ["unknown: spf-other", "unknown: dkim-unknown", "good: dmarc-policy", "unknown: dmarc-open"],
        ),
        (
            {("s1._domainkey.example.com", "TXT"): None, **ELSEWHERE},
            {"relay": Relay("smtp.relay.example", complete=True)},
            ["error: spf-fail", "error: dkim-missing", "good: dmarc-policy", "error: dmarc-fail"],
        ),
        (
            {
                ("example.com", "TXT"): None,
                ("_dmarc.example.com", "TXT"): ["v=DMARC1; p=none"],
                ("s1._domainkey.example.com", "TXT"): None,
            },
            {},
            ["warning: spf-missing", "error: dkim-missing", "good: dmarc-policy", "warning: dmarc-fail"],
        ),
        (
            {("example.com", "TXT"): ["v=spf1 +all"], ("_dmarc.example.com", "TXT"): None},
            {},
            ["warning: spf-open", "good: spf-pass", "good: dkim-key", "warning: dmarc-missing"],
        ),
        (
            {("example.com", "TXT"): ["v=spf1 \x1b[31m"], ("_dmarc.example.com", "TXT"): ["v=DMARC1; p=\x1b"]},
            {},
            ["error: spf-broken", "good: dkim-key", "error: dmarc-broken", "warning: dmarc-missing"],
        ),
        (
            {("example.com", "TXT"): "no answer", ("_dmarc.example.com", "TXT"): "no answer"},
            {},
            ["unknown: spf-unknown", "good: dkim-key", "unknown: dmarc-unknown"],
        ),
        (
            {("s1._domainkey.example.com", "TXT"): "no answer"},
            {},
            ["good: spf-pass", "unknown: dkim-unknown", "good: dmarc-policy", "good: dmarc-pass"],
        ),
        (
            {("s1._domainkey.example.com", "TXT"): [f"v=DKIM1; t=y; p={KEYS[1024]}"]},
            {},
            [
                "good: spf-pass",
                "warning: dkim-testing",
                "warning: dkim-short",
                "good: dkim-key",
                "good: dmarc-policy",
                "good: dmarc-pass",
            ],
        ),
        (
            {("s1._domainkey.example.com", "TXT"): ["v=DKIM1; p="]},
            {"envelope_sender": "b@bounces.example.net"},
            [
                "warning: spf-missing",
                "error: dkim-revoked",
                "good: dmarc-policy",
                "warning: dmarc-not-aligned",
                "error: dmarc-fail",
            ],
        ),
        (
            {("s1._domainkey.example.com", "TXT"): ["a", "b"]},
            {},
            ["good: spf-pass", "error: dkim-broken", "good: dmarc-policy", "good: dmarc-pass"],
        ),
        (
            {("example.com", "MX"): ["."]},
            {},
            [
                "error: domain-takes-no-mail",
                "good: spf-pass",
                "good: dkim-key",
                "good: dmarc-policy",
                "good: dmarc-pass",
            ],
        ),
    ],
)
def test_what_receivers_will_think(changes: Zone, more: dict[str, Any], found: list[str]) -> None:
    assert codes(changes, **more) == found


def test_what_to_include_is_named_where_it_is_known() -> None:
    zone = {**GOOD, **ELSEWHERE, ("example.com", "TXT"): ["v=spf1 ip4:192.0.2.77 -all"]}
    for include, remedy in (("spf.relay.example", "Allow include:spf.relay.example"), ("", "Ask its operator")):
        first = judge_domain("ann@example.com", "", Dns(zone), Relay("smtp.relay.example", include=include)).findings[0]
        assert first.code == "spf-other"
        assert remedy_text(first.remedy).startswith(remedy)


def test_a_domain_that_does_not_exist() -> None:
    report = judge_domain("ann@absent.example", "", Dns({}), RELAY)
    assert [finding.code for finding in report.findings] == ["domain-absent"]
    assert report.policy is None


def test_the_policy_of_a_subdomain_is_that_for_subdomains() -> None:
    zone = {
        **GOOD,
        ("news.example.com", "MX"): ["mx.example.com"],
        ("_dmarc.example.com", "TXT"): ["v=DMARC1; p=reject; sp=none"],
    }
    report = judge_domain("ann@news.example.com", "", Dns(zone), RELAY)
    assert report.policy == "none"
    assert "by the record of example.com, asks receivers to deliver what fails" in report.findings[2].summary


def test_the_words_for_people() -> None:
    report = judge_domain("ann@example.com", "", Dns({**GOOD, **ELSEWHERE}), RELAY)
    assert list(describe_findings(report.findings)) == [
        "unknown: SPF of example.com does not name 198.51.100.5 of smtp.relay.example; from which addresses it sends is not known",
        "  remedy: Ask its operator what to add to the record, and give the domain that it includes (include).",
        "unknown: whether smtp.relay.example signs mails of example.com (DKIM) is not known",
        "  remedy: Give the selector that it signs with (selector).",
        "good: DMARC of example.com asks receivers to refuse what fails",
        "unknown: whether mails of example.com that smtp.relay.example sends pass DMARC is not known",
        "  remedy: Send a mail, and read Authentication-Results where it arrives.",
    ]


MOST_ASKED = 1300
"""Of eight addresses each ten terms with ten hosts, and the few names of DKIM and DMARC."""
PIECES = st.sampled_from(
    [
        "v=spf1 ",
        "include:",
        "a:",
        "mx ",
        "redirect=",
        "exists:%{ir}",
        "-all",
        "v=DMARC1;",
        "p=",
        "sp=none",
        ";",
        "=",
        "/",
        "example.com",
        " ",
        "%{",
    ]
)


@given(st.lists(st.one_of(PIECES, st.text(max_size=6)), max_size=12).map("".join), st.integers(1, 12))
def test_any_text_gives_a_report_with_bounded_work(text: str, several: int) -> None:
    asked: list[str] = []

    def resolve(name: str, kind: RecordType) -> Answer:
        asked.append(name)
        many = [f"h{number}.example" for number in range(several)]
        records = {"TXT": [text], "MX": many, "PTR": many}.get(kind, [f"192.0.2.{number}" for number in range(several)])
        return Answer("found", tuple(records))

    report = judge_domain("ann@example.com", "s", resolve, RELAY)
    assert report.findings
    assert len(asked) <= MOST_ASKED


@given(st.text(max_size=80))
def test_tags_of_any_text(text: str) -> None:
    try:
        found = parse_tags(text)
    except RecordError:
        return
    assert all(name and name == name.strip() for name in found)
