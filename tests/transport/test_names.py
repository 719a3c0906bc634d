"""Names in certificates are compared as RFC 9525 has it: the handshakes are real, the wire is memory."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from confobjects.mail.plan import TlsSettings, trust_source_of
from confobjects.syntaxes.hosts import ascii_host
from confobjects.transport.trust import trust_for
from tests.servers import Given
from tests.servers.certificates import Authority, Certificate

Handshake = Callable[[tuple[str, ...], str], bool]


@pytest.fixture
def handshake(authority: Authority, trusting: Given, tmp_path: Path) -> Handshake:
    """Return what tells whether a certificate for some names is accepted for a host."""

    def accepted(names: tuple[str, ...], host: str, common_name: str = "cn.example") -> bool:
        certificate: Certificate = authority.issue(*names, common_name=common_name)
        path, key = certificate.write(tmp_path, "server")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path, key)
        ours = trust_for(trust_source_of(trusting), TlsSettings()).context
        to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = ours.wrap_bio(to_client, to_server, server_hostname=ascii_host(host).rstrip("."))
        server = context.wrap_bio(to_server, to_client, server_side=True)
        return _agree(client, server)

    return accepted


def _agree(client: ssl.SSLObject, server: ssl.SSLObject) -> bool:
    for _ in range(6):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError as error:
                return error.verify_code not in {62, 64}
    return client.version() is not None


@pytest.mark.parametrize(
    ("names", "host", "accepted"),
    [
        (("mail.example.com",), "mail.example.com", True),
        (("mail.example.com",), "MAIL.Example.Com", True),
        (("mail.example.com",), "mail.example.com.", True),
        (("other.example.com", "mail.example.com"), "mail.example.com", True),
        (("mail.example.com",), "example.com", False),
        (("example.com",), "mail.example.com", False),
        (("*.example.com",), "mail.example.com", True),
        (("*.example.com",), "a.mail.example.com", False),
        (("*.example.com",), "example.com", False),
        (("m*.example.com",), "mail.example.com", False),
        (("mail.*.com",), "mail.example.com", False),
        (("*",), "localhost", False),
        (("xn--bcher-kva.example",), "bücher.example", True),
        (("192.0.2.1",), "192.0.2.1", True),
        (("192.0.2.1",), "192.0.2.2", False),
        (("mail.example.com",), "192.0.2.1", False),
        (("2001:db8::1",), "2001:db8:0:0::1", True),
        ((), "cn.example", False),
    ],
)
def test_a_name_fits_or_not(handshake: Handshake, names: tuple[str, ...], host: str, accepted: bool) -> None:
    assert handshake(names, host) is accepted
