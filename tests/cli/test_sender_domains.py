"""What ``test-mail-server --sender-name`` says of the sender's domain: asked of a real DNS server on loopback."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.sessions import fresh, run
from tests.servers.dns import DnsServer, Zone
from tests.servers.fake_smtp import FakeSmtp

TEST = ["test-mail-server", "--sender-name", "news"]
GOOD: Zone = {
    ("example.com", "MX"): ("10 mx.example.com.",),
    ("example.com", "TXT"): ('"v=spf1 ip4:127.0.0.1 include:_spf.relay.example -all"',),
    ("_spf.relay.example", "TXT"): ('"v=spf1 ip4:192.0.2.0/24 -all"',),
    ("127.0.0.1", "A"): ("127.0.0.1",),
    ("_dmarc.example.com", "TXT"): ('"v=DMARC1; p=reject"',),
}


@pytest.fixture(autouse=True)
def _own_file(tmp_path: Path) -> Iterator[None]:
    with fresh(tmp_path):
        yield


@pytest.fixture
def relay() -> Iterator[FakeSmtp]:
    """A mail server without TLS that a mail sender sends through."""
    with FakeSmtp() as fake:
        server = [
            "--set",
            "enabled:true",
            "--set",
            f"smtp-server:127.0.0.1:{fake.port}",
            "--set",
            "use-start-tls:false",
        ]
        assert run("create-mail-server", "--server-name", "relay", *server).status == 0
        sender = ["--set", "enabled:true", "--set", "from-address:news@example.com", "--set", "mail-server:relay"]
        assert run("create-mail-sender", "--sender-name", "news", *sender).status == 0
        yield fake


def resolver(dns: DnsServer) -> list[str]:
    return ["--resolver", f"127.0.0.1:{dns.port}"]


@pytest.mark.parametrize(
    ("changes", "more", "codes", "status"),
    [
        pytest.param({}, [], ["spf-pass", "dkim-unknown", "dmarc-policy", "dmarc-pass"], 0, id="all is well"),
        pytest.param(
            {("example.com", "TXT"): ('"v=spf1 include:_spf.relay.example -all"',)},
            ["--spf-include", "_spf.relay.example"],
            ["spf-include", "dkim-unknown", "dmarc-policy", "dmarc-pass"],
            0,
            id="what the relay asks to include is there",
        ),
        pytest.param(
            {("example.com", "TXT"): ('"v=spf1 ip4:198.51.100.1 -all"',)},
            [],
            ["spf-other", "dkim-unknown", "dmarc-policy", "dmarc-open"],
            0,
            id="the relay may send from elsewhere",
        ),
        pytest.param(
            {("example.com", "TXT"): ()},
            ["--dkim-selector", "s1"],
            ["spf-missing", "dkim-missing", "dmarc-policy", "dmarc-fail"],
            53,
            id="neither SPF nor DKIM",
        ),
        pytest.param(
            {("s1._domainkey.example.com", "TXT"): ('"v=DKIM1; p="',)},
            ["--dkim-selector", "s1"],
            ["spf-pass", "dkim-revoked", "dmarc-policy", "dmarc-pass"],
            53,
            id="a revoked key",
        ),
        pytest.param(
            {("example.com", "RCODE"): ("NXDOMAIN",)}, [], ["domain-absent"], 53, id="a domain that does not exist"
        ),
        pytest.param(
            {("example.com", "TXT"): ('"v=spf1 -all"', '"v=spf1 +all"')},
            [],
            ["spf-broken", "dkim-unknown", "dmarc-policy", "dmarc-open"],
            53,
            id="two SPF records",
        ),
        pytest.param(
            {("example.com", "RCODE"): ("SERVFAIL",), ("_dmarc.example.com", "RCODE"): ("SERVFAIL",)},
            [],
            ["spf-unknown", "dkim-unknown", "dmarc-unknown"],
            53,
            id="a DNS server that cannot answer",
        ),
    ],
)
def test_what_receivers_will_think(
    relay: FakeSmtp, changes: Zone, more: list[str], codes: list[str], status: int
) -> None:
    zone = {key: records for key, records in {**GOOD, **changes}.items() if records}
    with DnsServer(zone) as dns:
        whole = run(*TEST, *resolver(dns), *more, "--output", "json")
        sent = relay.connections
        alone = run(*TEST, *resolver(dns), *more, "--domain-only", "--output", "json")
    facts = json.loads(whole.out)
    assert [finding["code"] for finding in facts["domain"]["findings"]] == codes
    assert (whole.status, facts["ok"]) == (0, True), "it never fails the test"
    assert sent == 1
    only = json.loads(alone.out)
    assert only["domain"] == facts["domain"]
    assert (alone.status, only["ok"], only["depth"]) == (status, status == 0, "domain")
    assert relay.connections == sent, "the mail server is not asked"


def test_what_a_known_provider_asks_to_include_need_not_be_given(relay: FakeSmtp) -> None:
    words = ["--set", "smtp-server:smtp.gmail.com:587", "--set", "use-start-tls:true"]
    assert run("set-mail-server-prop", "--server-name", "relay", *words).status == 0
    zone = {
        **GOOD,
        ("example.com", "TXT"): ('"v=spf1 include:_spf.google.com -all"',),
        ("_spf.google.com", "TXT"): ('"v=spf1 ip4:192.0.2.0/24 -all"',),
        ("smtp.gmail.com", "A"): ("198.51.100.1",),
    }
    with DnsServer(zone) as dns:
        alone = run(*TEST, *resolver(dns), "--domain-only", "--output", "json")
    assert json.loads(alone.out)["domain"]["findings"][0]["code"] == "spf-include"


def test_people_are_told_in_words(relay: FakeSmtp) -> None:
    with DnsServer(GOOD) as dns:
        done = run(*TEST, *resolver(dns))
    assert done.status == 0
    lines = done.out.splitlines()
    begin = lines.index("  what receivers will think of mail from example.com:")
    assert lines[begin + 1 :] == [
        "    good: SPF of example.com allows 127.0.0.1 of 127.0.0.1 to send for it",
        "    unknown: whether 127.0.0.1 signs mails of example.com (DKIM) is not known",
        "      remedy: Give the selector that it signs with (--dkim-selector).",
        "    good: DMARC of example.com asks receivers to refuse what fails",
        "    good: mails of example.com that 127.0.0.1 sends pass DMARC",
        "The test passed; no mail was sent.",
    ]


def test_a_failed_test_tells_it_as_well(relay: FakeSmtp) -> None:
    assert run("set-mail-server-prop", "--server-name", "relay", "--set", "smtp-server:127.0.0.1:1").status == 0
    with DnsServer(GOOD) as dns:
        done = run(*TEST, *resolver(dns), "-s")
    assert done.status == 41
    rows = [line.split("\t")[:3] for line in done.out.splitlines()]
    assert ["domain", "spf-pass", "good"] in rows


def test_look_ups_that_are_not_wanted_are_not_made(relay: FakeSmtp) -> None:
    with DnsServer(GOOD) as dns:
        assert "domain" not in json.loads(run(*TEST, "--no-domain", "--output", "json").out)
        assert (run(*TEST, *resolver(dns), "--quiet").status, dns.asked) == (0, [])


def test_without_the_package_one_line_says_how_to_get_it(relay: FakeSmtp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dns.resolver", None)
    done = run(*TEST)
    assert done.status == 0
    [line] = [line for line in done.out.splitlines() if "pip install" in line]
    assert line.startswith("  note: what receivers will think of mail from news@example.com is not known: ")
    assert 'pip install "confobjects[dns]"' in line
    alone = run(*TEST, "--domain-only")
    assert (alone.status, 'pip install "confobjects[dns]"' in alone.err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--server-name", "relay", "--domain-only"], "--domain-only has no meaning without --sender-name"),
        (["--server-name", "relay", "--resolver", "127.0.0.1"], "--resolver has no meaning without --sender-name"),
        (["--sender-name", "news", "--domain-only", "--depth", "auth"], "--depth has no meaning with --domain-only"),
        (["--sender-name", "news", "--domain-only", "--to", "a@b.example"], "--to has no meaning with --domain-only"),
        (["--sender-name", "news", "--no-domain", "--spf-include", "x"], "--no-domain and --spf-include exclude"),
        (["--sender-name", "news", "--resolver", "dns.example"], "--resolver takes an IP address"),
        (["--sender-name", "news", "--resolver", "127.0.0.1:x"], "--resolver takes an IP address"),
    ],
)
def test_options_that_have_no_meaning(relay: FakeSmtp, arguments: list[str], words: str) -> None:
    done = run("test-mail-server", *arguments)
    assert done.status == 2
    assert words in done.err
    assert relay.connections == 0
