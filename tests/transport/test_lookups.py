"""Look-ups against a real DNS server on loopback: every answer, none, and one that is asked for twice."""

from __future__ import annotations

import sys
from typing import Final

import pytest

from confobjects.errors import UsageError
from confobjects.mail.domains import Answer, RecordType
from confobjects.mail.domains.judging import Relay, judge_domain
from confobjects.transport.deadline import Deadline
from confobjects.transport.lookups import Lookups
from tests.servers.dns import DnsServer

ZONE = {
    ("example.com", "TXT"): ('"v=spf1 ip4:192.0.2.0/24 -all"', '"other" " text"'),
    ("example.com", "MX"): ("20 mx2.example.com.", "10 mx1.example.com."),
    ("example.com", "A"): ("192.0.2.5",),
    ("example.com", "AAAA"): ("2001:db8::5",),
    ("null.example", "MX"): ("0 .",),
    ("5.2.0.192.in-addr.arpa", "PTR"): ("mx.example.com.",),
    ("broken.example", "RCODE"): ("SERVFAIL",),
    ("silent.example", "SILENT"): (),
    ("_dmarc.example.com", "TXT"): ('"v=DMARC1; p=reject"',),
    ("relay.example", "A"): ("192.0.2.9",),
}
FAILED: Final = "failed"


@pytest.mark.parametrize(
    ("name", "kind", "answer"),
    [
        ("example.com", "TXT", Answer("found", ("v=spf1 ip4:192.0.2.0/24 -all", "other text"))),
        ("Example.COM.", "MX", Answer("found", ("mx1.example.com", "mx2.example.com"))),
        ("example.com", "A", Answer("found", ("192.0.2.5",))),
        ("example.com", "AAAA", Answer("found", ("2001:db8::5",))),
        ("null.example", "MX", Answer("found", (".",))),
        ("null.example", "A", Answer("no-records")),
        ("absent.example", "A", Answer("no-name")),
        ("5.2.0.192.in-addr.arpa", "PTR", Answer("found", ("mx.example.com",))),
        ("broken.example", "A", Answer(FAILED, message="the DNS server cannot answer")),
        ("a..b", "A", Answer("no-name", message="it is not a name of the DNS")),
        ("x" * 64 + ".example", "A", Answer("no-name", message="it is not a name of the DNS")),
    ],
)
def test_every_answer(name: str, kind: RecordType, answer: Answer) -> None:
    with DnsServer(ZONE) as server:
        found = Lookups(["127.0.0.1"], server.port)(name, kind)
    if kind == "TXT":
        found = found.replace(records=tuple(sorted(found.records, reverse=True)))
    assert found == answer


def test_a_server_that_does_not_answer_costs_the_time_that_is_left() -> None:
    with DnsServer(ZONE) as server:
        look_up = Lookups(["127.0.0.1"], server.port, Deadline(0.2))
        assert look_up("silent.example", "A") == Answer(FAILED, message="the DNS server does not answer in time")
        asked = len(server.asked)
        assert look_up("example.com", "A") == Answer(FAILED, message="the DNS server does not answer in time")
        assert len(server.asked) == asked, "nothing is asked when the time is over"


def test_a_name_is_looked_up_once() -> None:
    with DnsServer(ZONE) as server:
        look_up = Lookups(["127.0.0.1"], server.port)
        assert look_up("example.com", "A") == look_up("EXAMPLE.com", "A")
        assert server.asked == [("example.com", "A")]


def test_without_its_package_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dns.resolver", None)
    with pytest.raises(UsageError) as caught:
        Lookups()
    assert 'pip install "confobjects[dns]"' in caught.value.diagnostics[0].render()


def test_a_domain_is_judged_over_the_wire() -> None:
    with DnsServer(ZONE) as server:
        report = judge_domain("ann@example.com", "", Lookups(["127.0.0.1"], server.port), Relay("relay.example"))
    assert [finding.code for finding in report.findings] == ["spf-pass", "dkim-unknown", "dmarc-policy", "dmarc-pass"]
    assert (report.policy, report.errors) == ("reject", ())
