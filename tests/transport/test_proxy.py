"""Mail through proxies: the name goes to the proxy unresolved, and what comes back is the mail server's."""

from __future__ import annotations

import base64
import socket
import ssl
from typing import Any

import pytest

from confobjects.mail.diagnosis import DeliveryError
from confobjects.transport.mailer import Mailer
from confobjects.transport.network import Network, SocketAddress
from tests.servers import Given, mail_server
from tests.servers.fake_smtp import FakeSmtp, Session, starttls
from tests.servers.proxies import Proxy

CLEAR: dict[str, Any] = {"use_start_tls": False}
LOGIN = base64.b64encode(b"ann:s3cret").decode()


def only_loopback(host: str, port: int) -> list[SocketAddress]:
    """A resolver that knows the proxy and nothing else."""
    if host != "127.0.0.1":
        raise socket.gaierror(socket.EAI_NONAME, f"{host} was looked up here")
    return [SocketAddress(socket.AF_INET, (host, port))]


def sent(server: Given) -> Any:
    return Mailer(server, network=Network(only_loopback)).send(b"x", to="bob@example.com")


def test_through_an_http_proxy_that_wants_a_login() -> None:
    with FakeSmtp() as fake, Proxy("http", fake.port, LOGIN) as proxy:
        settings = (f"mail.smtp.proxy.host=127.0.0.1:{proxy.port}", "mail.smtp.proxy.user=ann")
        report = sent(mail_server(2525, *settings, "mail.smtp.proxy.password=s3cret", host="mx.example", **CLEAR))
        assert report.delivered
        assert report.address == f"127.0.0.1:{proxy.port}"
        assert proxy.asked == ["CONNECT mx.example:2525 HTTP/1.1"]
        with pytest.raises(DeliveryError) as caught:
            sent(mail_server(2525, *settings, "mail.smtp.proxy.password=wrong", host="mx.example", **CLEAR))
        assert "407" in caught.value.diagnosis.summary


@pytest.mark.parametrize("address_type", [1, 3, 4])
def test_through_a_socks_proxy(address_type: int) -> None:
    with FakeSmtp() as fake, Proxy("socks", fake.port, address_type=address_type) as proxy:
        settings = ("mail.smtp.socks.host=127.0.0.1", f"mail.smtp.socks.port={proxy.port}")
        assert sent(mail_server(25, *settings, host="bücher.example", **CLEAR)).delivered
        assert proxy.asked == ["xn--bcher-kva.example:25"]


def test_a_name_beyond_ascii_goes_to_a_proxy_in_ascii() -> None:
    with FakeSmtp() as fake, Proxy("http", fake.port) as proxy:
        setting = f"mail.smtp.proxy.host=127.0.0.1:{proxy.port}"
        assert sent(mail_server(25, setting, host="bücher.example", **CLEAR)).delivered
        assert proxy.asked == ["CONNECT xn--bcher-kva.example:25 HTTP/1.1"]
        with pytest.raises(DeliveryError) as caught:
            sent(mail_server(25, setting, host="a" * 64 + "ü.example", **CLEAR))
        assert caught.value.diagnosis.code == "name-unusable"


@pytest.mark.parametrize("implicit", [True, False])
def test_the_certificate_is_that_of_the_mail_server(
    implicit: bool, server_context: dict[str, ssl.SSLContext], trusting: Given
) -> None:
    with (
        FakeSmtp({"STARTTLS": starttls}, tls=server_context["good"], implicit=implicit) as fake,
        Proxy("http", fake.port) as proxy,
    ):
        setting = f"mail.smtp.proxy.host=127.0.0.1:{proxy.port}"
        assert sent(mail_server(465, setting, host="localhost", use_ssl=implicit, trust=trusting)).delivered
        with pytest.raises(DeliveryError) as caught:
            sent(mail_server(465, setting, host="mx.example", use_ssl=implicit, trust=trusting))
        assert caught.value.diagnosis.code == "certificate-wrong-name"


def answering(*pieces: bytes) -> Any:
    """Return a banner that waits for the client's words before each piece, then closes."""

    def act(session: Session) -> None:
        for piece in pieces:
            session.connection.recv(4096)
            session.send(piece)
        session.open = False

    return act


@pytest.mark.parametrize(
    ("kind", "pieces", "words"),
    [
        ("proxy", (b"SSH-2.0-OpenSSH\r\n\r\n",), "it is not an HTTP proxy"),
        ("proxy", (b"HTTP/1.1\r\n\r\n",), "it is not an HTTP proxy"),
        ("proxy", (b"",), "it closed the connection"),
        ("proxy", (b"HTTP/1.1 200 ok\r\n" + b"X: y\r\n" * 4000,), "its answer does not end"),
        ("socks", (b"\x04\x00",), "it is not a SOCKS5 proxy"),
        ("socks", (b"\x05\xff",), "it requires a login"),
        ("socks", (b"\x05",), "it closed the connection"),
        ("socks", (b"\x05\x00", b"\x05\x05\x00\x01\0\0\0\0\0\0"), "the connection was refused"),
        ("socks", (b"\x05\x00", b"\x05\x63\x00\x01\0\0\0\0\0\0"), "answer 99"),
    ],
)
def test_what_is_no_proxy_or_refuses_is_told(kind: str, pieces: tuple[bytes, ...], words: str) -> None:
    with FakeSmtp({"banner": answering(*pieces)}) as fake:
        setting = f"mail.smtp.{kind}.host=127.0.0.1:{fake.port}"
        with pytest.raises(DeliveryError) as caught:
            sent(mail_server(25, setting, host="mx.example", **CLEAR))
        assert (caught.value.diagnosis.code, caught.value.stage) == ("proxy-refused", "connect")
        assert words in caught.value.diagnosis.summary


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.0 200 OK\n\n",
        b"HTTP/1.1 200 Connection established\nVia: x\n\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\nLink: x\n\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\n\r\n",
    ],
)
def test_a_proxy_may_end_lines_with_lf_and_answer_in_between(head: bytes) -> None:
    def tunnel(session: Session) -> None:
        while session.stream.readline().strip():
            pass
        session.send(head + b"220 fake\r\n")

    with FakeSmtp({"banner": tunnel}) as fake:
        setting = f"mail.smtp.proxy.host=127.0.0.1:{fake.port}"
        assert sent(mail_server(25, setting, host="mx.example", **CLEAR)).delivered


def test_a_proxy_that_never_answers_finally_is_given_up() -> None:
    def tunnel(session: Session) -> None:
        session.send(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)
        session.stream.read()

    with FakeSmtp({"banner": tunnel}) as fake, pytest.raises(DeliveryError) as caught:
        sent(mail_server(25, f"mail.smtp.proxy.host=127.0.0.1:{fake.port}", host="mx.example", **CLEAR))
    assert caught.value.diagnosis.code == "proxy-refused"
