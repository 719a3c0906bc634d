"""No fork takes place while a thread is in OpenSSL, whose locks nobody would free in the child."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from confobjects.tls.contexts import Recipe, context_for
from confobjects.tls.forking import OPENSSL, ForkGate
from confobjects.tls.sockets import ForkSafeSocket
from confobjects.tls.wrapping import wrap
from tests.transport.sending import fork, wait_for

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes cannot fork here")


@contextmanager
def running(work: Callable[[], object]) -> Iterator[threading.Thread]:
    """Run some work in a thread beside the block."""
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield thread
    finally:
        thread.join()


@contextmanager
def connected() -> Iterator[tuple[ssl.SSLSocket, socket.socket]]:
    """Give a socket inside TLS, before its handshake, and the other end of the connection."""
    ours, theirs = socket.socketpair()
    with wrap(ours, context_for(Recipe(blind=True)), "localhost", unread=b"") as tls, theirs:
        yield tls, theirs


# -- the gate ----------------------------------------------------------------------------------------------------------


def test_a_fork_waits_until_all_have_left() -> None:
    entered, left = threading.Event(), threading.Event()

    def stay_until_somebody_forks() -> None:
        with OPENSSL:
            entered.set()
            while not OPENSSL._forking:
                os.sched_yield()
            with OPENSSL:  # who is inside may enter again
                pass
            left.set()

    with running(stay_until_somebody_forks):
        entered.wait()

        def look() -> None:
            assert left.is_set()
            with OPENSSL:
                pass

        assert wait_for(fork(look)) == 0


def test_threads_fork_at_the_same_time() -> None:
    statuses: list[int] = []

    def fork_often() -> None:
        for _ in range(5):
            with OPENSSL:
                pass
            statuses.append(wait_for(fork(OPENSSL.__enter__)))

    with running(fork_often), running(fork_often), running(fork_often):
        pass
    assert statuses == [0] * 15


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="the system does not tell which threads there are")
def test_a_fork_waits_for_the_end_of_those_who_were_inside() -> None:
    """OpenSSL holds a lock while a thread ends. For Python the thread has ended before."""
    gate = ForkGate(60)

    def visit() -> None:
        with gate:
            pass

    for _ in range(200):
        with running(visit) as thread:
            pass
        gate._shut()
        is_there = os.path.exists(f"/proc/self/task/{thread.native_id}")
        gate._open()
        assert not is_there


def test_a_thread_forks_inside() -> None:
    def leave() -> None:
        OPENSSL.__exit__()
        assert not OPENSSL._inside

    with OPENSSL:
        child = fork(leave)
    assert not OPENSSL._inside
    assert wait_for(child) == 0


def test_a_thread_that_hangs_does_not_stop_a_fork() -> None:
    gate = ForkGate(0.01)
    entered, done = threading.Event(), threading.Event()

    def hang() -> None:
        with gate:
            entered.set()
            done.wait()

    with running(hang):
        entered.wait()

        def enter() -> None:
            assert not gate._inside
            with gate:
                pass

        child = fork(enter)
        done.set()
        assert wait_for(child) == 0
    assert not gate._inside


# -- sockets -----------------------------------------------------------------------------------------------------------


def test_who_waits_for_the_other_side_is_not_in_the_gate() -> None:
    with connected() as (tls, theirs):
        assert isinstance(tls, ForkSafeSocket)

        def shake_hands() -> None:
            with pytest.raises(OSError, match=r"EOF|closed|reset"):
                tls.do_handshake()

        with running(shake_hands) as thread:
            theirs.recv(1)
            assert wait_for(fork(lambda: None)) == 0
            assert thread.is_alive()
            assert not OPENSSL._inside
            theirs.close()


def test_a_limit_of_time_holds() -> None:
    with connected() as (tls, _):
        for seconds in (0.01, 0.0):
            tls.settimeout(seconds)
            assert (tls.gettimeout(), tls.getblocking()) == (seconds, seconds > 0)
            with pytest.raises(TimeoutError if seconds else ssl.SSLWantReadError):
                tls.do_handshake()
        tls.setblocking(True)
        assert tls.gettimeout() is None


def test_a_shutdown_wakes_who_waits() -> None:
    with connected() as (tls, theirs):

        def shake_hands() -> None:
            with pytest.raises(OSError, match=r"shut down here|EOF"):
                tls.do_handshake()

        with running(shake_hands):
            theirs.recv(1)
            tls.shutdown(socket.SHUT_RDWR)
