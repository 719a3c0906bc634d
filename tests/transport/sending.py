"""What the tests of sending share: numbered messages, and what a fake server got of them."""

from __future__ import annotations

import concurrent.futures.thread  # noqa: F401 - it changes what happens at a fork, so not while one is going on
import faulthandler
import logging
import os
import traceback
import warnings
from collections.abc import Callable
from typing import Any

from confobjects.transport.mailer import Mailer
from confobjects.transport.outgoing import Outgoing
from confobjects.transport.pool import Pool
from tests.servers.fake_smtp import FakeSmtp, Session
from tests.servers.postfix import PASSWORD, USER

CLEAR: dict[str, Any] = {"use_start_tls": False}
LOGIN = {"auth_username": USER, "auth_password": PASSWORD}
CHUNKING = b"250-fake\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 8BITMIME\r\n"


def mails(count: int, to: str = "b@c.example") -> list[Outgoing]:
    """Return numbered messages."""
    return [Outgoing(b"Subject: %d\r\n\r\nhello\r\n" % number, "me@example.com", to) for number in range(count)]


def parts(outgoing: Outgoing) -> tuple[Any, Any, Any]:
    """Return a message as the arguments of ``send``."""
    return outgoing.message, outgoing.from_, outgoing.to


def numbers(fake: FakeSmtp) -> list[int]:
    """Return the numbers of the messages the fake has accepted or refused, in the order they came."""
    return [int(message.split()[1]) for message in fake.messages]


def only_pool(mailer: Mailer) -> Pool:
    """Return the pool of a mailer that is open and has one server."""
    assert mailer._pools is not None
    [pool] = mailer._pools.read().pools
    return pool


def answer_then_close(session: Session) -> None:
    """Answer, and close the connection."""
    session.send(b"250 2.0.0 ok\r\n")
    session.open = False


def fork(work: Callable[[], object]) -> int:
    """Run some work in a child process; return its process id. The child ends with status 0 if all went well."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that there are threads is the point
        child = os.fork()
    if child:
        return child
    status = 1
    logging.disable()  # a thread of the parent may have been writing to the stream of a handler
    faulthandler.dump_traceback_later(60, exit=True)  # a child that hangs says where
    try:
        work()
        status = 0
    except BaseException:  # noqa: BLE001 - whatever it is, a child must not go on as if it were its parent
        traceback.print_exc()
    finally:
        os._exit(status)


def wait_for(child: int) -> int:
    """Return the exit status of a child process."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
