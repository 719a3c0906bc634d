"""Names of hosts with letters beyond ASCII: IDNA 2008, with the standard's own examples, in every place that sends a name."""

from __future__ import annotations

import socket
import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confobjects.errors import UsageError
from confobjects.mail.choices import is_named
from confobjects.mail.envelope import make_envelope, with_ascii_domain
from confobjects.mail.planning import plan_delivery
from confobjects.storage.ldap.address import parse
from confobjects.syntaxes.base import ValueSyntaxError
from confobjects.syntaxes.hosts import ascii_host, host_problem
from confobjects.syntaxes.mailaddress import MailAddress
from confobjects.syntaxes.urls import Url
from confobjects.tls.wrapping import wrap
from tests.servers import mail_server

FORMS = [
    ("faß.de", "xn--fa-hia.de"),
    ("FAß.de", "xn--fa-hia.de"),
    ("\u03b2\u03cc\u03bb\u03bf\u03c2.com", "xn--nxasmm1c.com"),  # a final sigma, which IDNA 2003 makes another letter
    ("ශ්‍රී.com", "xn--10cl1a0b660p.com"),  # a zero width joiner, which IDNA 2003 drops
    ("نامه‌ای.com", "xn--mgba3gch31f060k.com"),  # a zero width non-joiner
    ("Bücher.Example", "xn--bcher-kva.Example"),
    ("smtp_1.bücher.example.", "smtp_1.xn--bcher-kva.example."),
    ("\uff42ü\uff43her.example", "xn--bcher-kva.example"),
    ("xn--bcher-kva.example", "xn--bcher-kva.example"),
    ("plain.example", "plain.example"),
]
"""A name, and its form in the DNS (UTS 46, section 4, table of deviations)."""

NONE = [
    "☃.example",
    "büch_er.example",
    "-ü.example",
    "ü-.example",
    "\u0301a.example",
    "aü" * 40 + ".example",
    "a\u200dü.example",
]


@pytest.mark.parametrize(("name", "form"), FORMS)
def test_a_name_has_one_form_in_every_place(name: str, form: str) -> None:
    bare, wire = name.rstrip("."), form.rstrip(".")
    assert ascii_host(name) == form
    assert host_problem(name) == ""
    assert with_ascii_domain(f"ann@{bare}") == f"ann@{wire}"
    assert make_envelope(f"ann@{bare}", [f"bob@{bare}"]).recipients == (f"bob@{wire}",)
    assert is_named(bare, (wire,))
    assert plan_delivery(mail_server(25, f"mail.smtp.localhost={bare}")).ehlo_name == wire
    assert Url().parse(f"https://{bare}/") == f"https://{bare}/"
    client, server = socket.socketpair()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with server, wrap(client, context, name, unread=b"") as wrapped:
        assert wrapped.server_hostname == wire


@pytest.mark.parametrize("name", NONE)
def test_what_is_no_name_is_refused_when_it_is_set(name: str) -> None:
    assert host_problem(name)
    with pytest.raises(UnicodeError):
        ascii_host(name)
    with pytest.raises(ValueSyntaxError):
        MailAddress().parse(f"ann@{name}")
    with pytest.raises(UsageError):
        parse(f"ldaps://{name}/")


def test_a_sharp_s_is_not_two() -> None:
    assert MailAddress().normal_form("a@faß.de") != MailAddress().normal_form("a@fass.de")
    assert ascii_host("faß.de") != ascii_host("fass.de")
    assert not is_named("faß.de", ("fass.de",))


@given(st.text(st.characters(categories=["L", "M", "Nd"], codec="utf-8"), min_size=1, max_size=12))
def test_what_is_accepted_has_a_form_and_the_form_is_accepted(label: str) -> None:
    name = f"{label}.example"
    if not host_problem(name):
        form = ascii_host(name)
        assert form.isascii()
        assert not host_problem(form)
        assert ascii_host(form) == form
