"""Nothing received before TLS is used after it, wherever somebody on the way puts it and whatever the protocol is."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from confobjects.dn import DN
from confobjects.errors import CannotConnectError
from confobjects.mail.diagnosis import DeliveryError, Trouble
from confobjects.mail.plan import Timeouts
from confobjects.storage import open_storage
from confobjects.tls.contexts import Recipe, context_for
from confobjects.tls.wrapping import ClearTextError, wrap
from confobjects.transport.channel import SmtpChannel
from confobjects.transport.deadline import Deadline
from confobjects.transport.mailer import Mailer
from tests.servers import fake_ldap, mail_server, provider
from tests.servers.certificates import Authority
from tests.servers.fake_ldap import EXTENDED, SEARCH, FakeLdap, Peer, answer
from tests.servers.fake_smtp import FakeSmtp, Session, starttls

BASE = DN.parse("cn=config,dc=example,dc=com")
ONE = BASE.child("cn", "one")
FORGED_REQUESTS = 6

Pair = tuple[ssl.SSLContext, str]


@pytest.fixture(scope="module")
def pair(ldap_authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """The context of a server whose certificate is in order, and the file of the authority that issued it."""
    folder = tmp_path_factory.mktemp("pair")
    path, key = ldap_authority.issue("localhost", "127.0.0.1").write(folder, "server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, key)
    (folder / "ca.pem").write_bytes(ldap_authority.pem)
    return context, str(folder / "ca.pem")


# -- LDAP --------------------------------------------------------------------------------------------------------------


def found(peer: Peer, name: str) -> bytes:
    """Encode what answers a search for one entry."""
    return fake_ldap.entry(peer.message, str(ONE), {"cn": ["one"], "description": [name]}) + fake_ldap.result(peer)


def forged(peer: Peer) -> bytes:
    """Encode answers to the searches that will follow the request of a peer."""
    ahead = Peer(peer.socket, peer.done)
    ahead.request = SEARCH
    answers = b""
    for number in range(1, FORGED_REQUESTS + 1):
        ahead.message = peer.message + number
        answers += found(ahead, "forged")
    return answers


def directory(context: ssl.SSLContext, together: int, apart: int) -> FakeLdap:
    """Return a directory on whose way somebody adds so many bytes in the segment of the answer, so many behind it."""

    def start_tls(peer: Peer) -> None:
        data = forged(peer)
        peer.send(fake_ldap.result(peer) + data[:together])
        peer.start_tls(context, data[together : together + apart])

    return FakeLdap({EXTENDED: start_tls, SEARCH: lambda peer: peer.send(found(peer, "true"))})


def read(server: FakeLdap, store: str) -> Any:
    options: dict[str, Any] = {"base": BASE, "deadline": 20.0, "connect_timeout": 20.0}
    storage = open_storage(server.url, start_tls=True, trust_store=store, **options)
    try:
        return storage.read(ONE)
    finally:
        storage.close()


def test_a_directory_on_whose_way_nobody_sits_is_read(pair: Pair) -> None:
    context, store = pair
    with directory(context, 0, 0) as server:
        assert read(server, store).attributes["description"] == ("true",)


@settings(max_examples=30)
@example(together=10_000, apart=0)
@example(together=1, apart=0)
@example(together=0, apart=1)
@example(together=0, apart=10_000)
@given(st.integers(0, 400), st.integers(0, 400))
def test_forged_answers_of_a_directory_are_not_used(pair: Pair, together: int, apart: int) -> None:
    if together == apart == 0:
        return
    context, store = pair
    with directory(context, together, apart) as server:
        with pytest.raises(CannotConnectError) as caught:
            read(server, store)
        assert SEARCH not in server.requests
    assert caught.value.exit_code == 20
    if together:  # what comes by itself may be met by the handshake
        assert "sent more than its answer to StartTLS before TLS began" in str(caught.value)
        assert "remedy: check the network" in str(caught.value)


def test_the_next_directory_is_asked(pair: Pair) -> None:
    context, store = pair
    with directory(context, 100, 0) as bad, directory(context, 0, 0) as good:
        options: dict[str, Any] = {"base": BASE, "start_tls": True, "trust_store": store}
        storage = open_storage(f"{bad.url} {good.url}", **options)
        entry = storage.read(ONE)
        storage.close()
    assert entry is not None
    assert entry.attributes["description"] == ("true",)


# -- SMTP --------------------------------------------------------------------------------------------------------------

REPLIES = b"250-forged\r\n250 AUTH PLAIN\r\n235 2.7.0 ok\r\n250 ok\r\n250 ok\r\n354 go ahead\r\n250 queued\r\n"


def mail_exchanger(context: ssl.SSLContext, together: int, apart: int) -> FakeSmtp:
    """Return a mail server on whose way somebody adds so many bytes to the answer, so many behind it."""

    def start_tls(session: Session) -> None:
        session.send(b"220 2.0.0 go ahead\r\n" + REPLIES[:together])
        session.start_tls(REPLIES[together : together + apart])

    return FakeSmtp({"STARTTLS": start_tls}, tls=context)


def send(server: FakeSmtp, store: str) -> Any:
    trust = provider("file-based", trust_store_file=store)
    plan = mail_server(server.port, trust=trust, auth_username="ann", auth_password="canary-5T")
    return Mailer(plan).send(b"Subject: x\r\n\r\nhello\r\n", to="bob@example.com")


def test_a_mail_server_on_whose_way_nobody_sits_gets_the_mail(pair: Pair) -> None:
    context, store = pair
    with mail_exchanger(context, 0, 0) as server:
        assert send(server, store).delivered


@settings(max_examples=30)
@example(together=10_000, apart=0)
@example(together=1, apart=0)
@example(together=0, apart=1)
@example(together=0, apart=10_000)
@given(st.integers(0, len(REPLIES)), st.integers(0, len(REPLIES)))
def test_forged_answers_of_a_mail_server_are_not_used(pair: Pair, together: int, apart: int) -> None:
    if together == 0 and not REPLIES[:apart]:
        return
    context, store = pair
    with mail_exchanger(context, together, apart) as server:
        with pytest.raises(DeliveryError) as caught:
            send(server, store)
        assert not {"AUTH", "MAIL"} & set(server.verbs)
        assert server.messages == []
    if together:
        assert caught.value.diagnosis.code == "bytes-before-tls"


# -- the place where both are wrapped ----------------------------------------------------------------------------------


def test_the_one_who_wraps_refuses_whatever_is_unread() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        with pytest.raises(ClearTextError):
            wrap(ours, context_for(Recipe(blind=True)), "localhost", unread=b"x")
        theirs.setblocking(False)
        with pytest.raises(BlockingIOError):
            theirs.recv(1)


def test_the_channel_of_mail_tells_what_is_unread() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        channel = SmtpChannel(ours, Timeouts(20.0, 20.0, 20.0, 20.0), Deadline(20.0))
        with pytest.raises(Trouble) as caught:
            channel.start_tls(context_for(Recipe(blind=True)), "localhost", b"250 ok\r\n")
        assert (caught.value.stage, caught.value.kind) == ("starttls", "bytes-before-tls")
        assert not channel.secured


# -- names -------------------------------------------------------------------------------------------------------------


def test_a_certificate_with_a_common_name_only_is_refused_by_both(
    ldap_authority: Authority, pair: Pair, tmp_path: Path
) -> None:
    path, key = ldap_authority.issue(common_name="localhost").write(tmp_path, "server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, key)
    _, store = pair
    with FakeLdap(greeting=lambda peer: peer.start_tls(context)) as server:
        url = f"ldaps://localhost:{server.port}"
        storage = open_storage(url, base=BASE, trust_store=store)
        with pytest.raises(CannotConnectError, match=r"(?i)mismatch"):
            storage.read(ONE)
        storage.close()
        assert server.requests == []
    with FakeSmtp({"STARTTLS": starttls}, tls=context) as fake:
        with pytest.raises(DeliveryError) as caught:
            send(fake, store)
        assert caught.value.diagnosis.code == "certificate-wrong-name"


def test_the_same_server_with_a_name_in_its_place_is_accepted(pair: Pair) -> None:
    context, store = pair
    script = {SEARCH: answer(32)}
    with FakeLdap(script, greeting=lambda peer: peer.start_tls(context)) as server:
        storage = open_storage(f"ldaps://localhost:{server.port}", base=BASE, trust_store=store)
        assert storage.read(ONE) is None
        storage.close()
