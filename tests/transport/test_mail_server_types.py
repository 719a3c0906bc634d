"""The types of mail server on the wire, against Postfix: TLS as the port or the socket factory says, and never in clear."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from confobjects.errors import MailError
from confobjects.mail.kinds import CUSTOM, EXTERNAL, SOCKET_FACTORY
from confobjects.transport.check import check_server
from confobjects.transport.mailer import Mailer
from confobjects.transport.network import Network, SocketAddress, look_up_host
from tests.servers import Given, mail_server
from tests.servers.fake_smtp import FakeSmtp
from tests.servers.postfix import PASSWORD, USER
from tests.transport.sending import mails, parts

LOGIN = {"auth_username": USER, "auth_password": PASSWORD}


def through(port: int) -> Network:
    """Return a network on which every port leads to one."""

    def lookup(host: str, _port: int) -> list[SocketAddress]:
        return look_up_host(host, port)

    return Network(lookup=lookup)


def custom(port: int, *settings: str, **values: Any) -> Given:
    starttls = port in {25, 587, 2525}
    return mail_server(
        port, *settings, type=CUSTOM, use_ssl=not starttls, use_start_tls=starttls, **{**LOGIN, **values}
    )


def external(port: int, **values: Any) -> Given:
    factory = {"socket_factory_class": None, "socket_factory_port": None, "socket_factory_fallback": True}
    return mail_server(port, type=EXTERNAL, **{**factory, "authentication": "username-password", **LOGIN, **values})


@pytest.mark.parametrize(
    ("port", "listener"), [(465, "smtps"), (8465, "smtps"), (587, "submission"), (2525, "submission")]
)
def test_the_port_of_a_custom_server_decides(
    postfix: SimpleNamespace, trusting: Given, port: int, listener: str
) -> None:
    network = through(postfix.ports[listener])
    mailer = Mailer(custom(port, trust=trusting), network=network)
    assert mailer.plan.security == ("implicit-tls" if listener == "smtps" else "starttls-required")
    report = mailer.send(*parts(mails(1)[0]))
    assert report.security.startswith("TLS")
    assert report.mechanism


@pytest.mark.parametrize("port", [587, 465])
def test_a_custom_server_tells_nothing_to_a_server_without_tls(port: int, trusting: Given) -> None:
    with FakeSmtp() as fake:
        server = custom(port, "mail.smtp.timeout=300", trust=trusting)
        result = check_server(server, network=through(fake.port))
    assert (result.ok, result.property) == (False, "smtp-server")
    assert "C: AUTH" not in "\n".join(result.transcript)
    assert not fake.messages


def test_the_socket_factory_of_an_external_server_decides(postfix: SimpleNamespace, trusting: Given) -> None:
    factory = {"socket_factory_class": SOCKET_FACTORY, "socket_factory_port": postfix.ports["smtps"]}
    one = external(1, use_ssl=True, use_start_tls=False, trust=trusting, **factory)
    assert Mailer(one).send(*parts(mails(1)[0])).port == postfix.ports["smtps"]
    other = external(postfix.ports["submission"], use_start_tls=True, trust=trusting)
    assert Mailer(other).send(*parts(mails(1)[0])).security.startswith("TLS")


@pytest.mark.parametrize("allowed", [True, False])
def test_a_socket_factory_falls_back_only_if_that_is_allowed(*, allowed: bool, trusting: Given) -> None:
    settings = ["confobjects.allow-insecure=socket-fallback,login-optional"] if allowed else []
    with FakeSmtp() as fake:
        facts = {"socket_factory_class": SOCKET_FACTORY, "socket_factory_port": fake.port, "trust": trusting}
        server = mail_server(
            1, "mail.smtp.timeout=300", *settings, type=EXTERNAL, use_ssl=True, use_start_tls=False,
            socket_factory_fallback=True, authentication="username-password", **facts, **LOGIN,
        )  # fmt: skip
        with nullcontext() if allowed else pytest.raises(MailError):
            Mailer(server).send(*parts(mails(1)[0]))
    assert bool(fake.messages) is allowed
