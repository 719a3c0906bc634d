"""Runners for tests that kill them: ``python -m tests.service.killed URL PORT CLOCK``.

Each line on standard input starts one more runner, whose process id is printed. The program itself opens no ledger: a
database may not be open while a process forks. Its runners end with it. CLOCK is a file that holds the time.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import signal
import struct
import sys
import traceback
from collections.abc import Callable

from confobjects.service.ledger import open_ledger
from confobjects.service.rules.settings import Settings
from confobjects.service.runner import Runner, Setting
from confobjects.service.senders import MailerSender
from confobjects.transport.mailer import Mailer
from tests.servers import mail_server
from tests.transport.sending import CLEAR

SETTINGS = Settings(sender="one")
FORM = struct.Struct("<q")


def open_clock(path: str) -> tuple[Callable[[], int], Callable[[int], None]]:
    """Return what reads the time of a file, which several processes share, and what sets it."""
    with open(path, "r+b") as file:
        held = mmap.mmap(file.fileno(), FORM.size)

    def read() -> int:
        return int(FORM.unpack_from(held)[0])

    return read, lambda now: FORM.pack_into(held, 0, now)


def run(url: str, port: int, clock: Callable[[], int]) -> None:
    """Run a runner until the process is killed."""
    mailer = Mailer(mail_server(port, **CLEAR))
    setting = Setting(SETTINGS, {"one": MailerSender(mailer)})
    ledger = open_ledger(url, unsealed=True, clock=clock)
    Runner(ledger, lambda: setting, connections=2, together=8).run()


def main(url: str, port: str, path: str) -> None:
    """Start a runner for each line."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    clock, _ = open_clock(path)
    children: list[int] = []
    for _ in sys.stdin:
        child = os.fork()
        if not child:
            try:
                run(url, int(port), clock)
            except BaseException:  # noqa: BLE001 - whatever it is, a child must not go on as if it were its parent
                traceback.print_exc()
            finally:
                os._exit(1)
        children.append(child)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
    for child in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)


if __name__ == "__main__":
    main(*sys.argv[1:])
