"""A mailer in forked processes: connections belong to the process that opened them."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from confobjects.errors import MailError
from confobjects.mail.planning import plan_delivery
from confobjects.tls.forking import OPENSSL
from confobjects.transport.mailer import Mailer
from confobjects.transport.trust import trust_for
from tests.conftest import ROOT
from tests.servers import Given, mail_server
from tests.servers.fake_smtp import FakeSmtp, Session
from tests.transport.sending import CLEAR, LOGIN, fork, mails, numbers, only_pool, parts, wait_for

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes cannot fork here")


@pytest.fixture(params=["clear", "tls"])
def server(
    request: pytest.FixtureRequest, trusting: Given, server_context: dict[str, ssl.SSLContext]
) -> Iterator[tuple[FakeSmtp, Given]]:
    secured = request.param == "tls"
    with FakeSmtp(tls=server_context["good"] if secured else None, implicit=secured) as fake:
        values: dict[str, Any] = {"use_ssl": True, "trust": trusting} if secured else CLEAR
        yield fake, mail_server(fake.port, "confobjects.pool.max-connections=1", **values)


def test_children_use_connections_of_their_own(server: tuple[FakeSmtp, Given]) -> None:
    fake, given = server
    first, second, third, last = (one.replace(to=f"r{n}@c.example") for n, one in enumerate(mails(4)))
    beginning, begin = os.pipe()
    with Mailer(given) as mailer:
        mailer.send(*parts(first))

        def send_and_close(outgoing: Any) -> None:
            os.close(begin)
            os.read(beginning, 1)  # when both are there: while the server, a thread, does TLS, nobody forks
            [result] = mailer.send_many([outgoing])
            mailer.close()
            assert result.report
            assert result.report.delivered == (outgoing.to,)

        children = [fork(lambda one=one: send_and_close(one)) for one in (second, third)]  # type: ignore[misc]
        os.close(beginning)
        os.close(begin)
        assert [wait_for(child) for child in children] == [0, 0]
        assert mailer.send(*parts(last)).delivered == ("r3@c.example",)
        assert fake.connections == 3, "the parent has kept its own"
    assert sorted(numbers(fake)) == [0, 1, 2, 3]
    assert fake.verbs.count("QUIT") == 3
    recipients = [command for command in fake.commands if command.startswith("RCPT")]
    assert sorted(recipients) == [f"RCPT TO:<r{n}@c.example>" for n in range(4)]


def test_a_child_does_not_keep_the_connections_of_its_parent_open(server: tuple[FakeSmtp, Given]) -> None:
    fake, given = server
    mailer = Mailer(given)
    reading, writing = os.pipe()

    def wait_until_told() -> None:
        os.close(writing)
        os.read(reading, 1)

    with mailer:
        mailer.send(*parts(mails(1)[0]))
        child = fork(wait_until_told)
        os.close(reading)
        pool = only_pool(mailer)
        connection = pool.take()
        connection.close()  # without QUIT: only the end of the connection tells the server
        pool.give_back(connection)
        fake.wait_for_ends(1)
        assert not any(thread.is_alive() for thread in fake._threads[1:2])
        os.close(writing)
        assert wait_for(child) == 0


def test_a_connection_that_is_lent_while_the_process_forks_stays_with_the_parent(
    server: tuple[FakeSmtp, Given],
) -> None:
    fake, given = server
    with Mailer(given) as mailer:
        mailer.send(*parts(mails(1)[0]))
        pool = only_pool(mailer)
        lent = pool.take()

        def give_back_and_send() -> None:
            pool.give_back(lent)
            other = pool.take(wait=False)
            assert other is not None
            assert other is not lent
            assert pool.take(wait=False) is None
            pool.give_back(other)
            mailer.send(*parts(mails(2)[1]))
            mailer.close()

        assert wait_for(fork(give_back_and_send)) == 0
        pool.give_back(lent)
        mailer.send(*parts(mails(3)[2]))
    assert fake.connections == 2
    assert numbers(fake) == [0, 1, 2]


def test_no_lock_is_inherited_that_nobody_frees(trusting: Given, server_context: dict[str, ssl.SSLContext]) -> None:
    """A thread holds the lock of the pool while the process forks."""
    with FakeSmtp(tls=server_context["good"], implicit=True) as fake:
        given = mail_server(fake.port, use_ssl=True, trust=trusting)
        with Mailer(given) as mailer, contextlib.ExitStack() as stack:
            pool = only_pool(mailer)
            held, done = threading.Event(), threading.Event()

            def hold() -> None:
                with pool._free:
                    held.set()
                    done.wait(10)

            thread = threading.Thread(target=hold)
            thread.start()
            stack.callback(thread.join)
            stack.callback(done.set)
            held.wait(10)
            child = fork(lambda: mailer.send(*parts(mails(1)[0])))
            assert wait_for(child) == 0
        assert numbers(fake) == [0]


def test_a_child_makes_tls_contexts_of_its_own(trusting: Given) -> None:
    """Those of the parent have locks inside OpenSSL, which one of its threads may have held."""
    plan = plan_delivery(mail_server(1, use_ssl=True, trust=trusting))
    context = trust_for(plan.trust, plan.tls).context
    assert trust_for(plan.trust, plan.tls).context is context

    def look() -> None:
        assert trust_for(plan.trust, plan.tls).context is not context

    assert wait_for(fork(look)) == 0


def test_what_tls_needs_is_loaded_before_a_process_may_fork() -> None:
    """A child whose parent was just loading a module would wait for ever for the lock of that module."""
    code = "import sys, confobjects.tls.wrapping; print('encodings.idna' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "True\n"


def test_a_password_is_hashed_in_the_gate_that_forks_wait_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenSSL hashes it without the interpreter's lock, and the room of the mechanisms knows no threads."""
    found: list[bool] = []
    derive = hashlib.pbkdf2_hmac

    def look(*given: Any) -> bytes:
        found.append(threading.get_ident() in OPENSSL._inside)
        return derive(*given)

    def challenge(session: Session) -> None:
        said = base64.b64decode(session.server.commands[-1].split()[-1]).decode()
        answer = f"r={said.partition(',r=')[2]}more,s=c2FsdA==,i=4096".encode()
        session.send(b"334 " + base64.b64encode(answer) + b"\r\n")

    monkeypatch.setattr(hashlib, "pbkdf2_hmac", look)
    script: Any = {"EHLO": b"250-fake\r\n250 AUTH SCRAM-SHA-256\r\n", "AUTH": challenge, "auth": b"535 5.7.8 no\r\n"}
    with FakeSmtp(script) as fake:
        given = mail_server(fake.port, "confobjects.allow-insecure=login-in-clear", **CLEAR, **LOGIN)
        with Mailer(given) as mailer, pytest.raises(MailError):
            mailer.send(*parts(mails(1)[0]))
    assert found == [True]
    assert not OPENSSL._inside
