"""One client of a mail benchmark, run as a script of its own: ``mail_client.py MODE PORT MESSAGES [RECIPIENTS [SESSIONS]]``.

It sends messages of 1 KB over connections that it keeps, and prints the cost as JSON: wall time and processor time in
seconds, memory in bytes. The first messages are a warm-up and are not counted.
"""

from __future__ import annotations

import json
import resource
import smtplib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import confobjects
from confobjects.transport.mailer import Outgoing

SENDER = "sender@example.com"
WARM_UP = 100
KEPT = 1_000_000
"""Messages per connection when there are several: each is kept to the end, as smtp-source does."""
HEADERS = b"From: sender@example.com\r\nTo: everyone@example.com\r\nSubject: benchmark\r\n\r\n"
MESSAGE = (HEADERS + (b"x" * 62 + b"\r\n") * 16)[:1022] + b"\r\n"
LARGE = 50 * 1024 * 1024


@contextmanager
def mailer(port: int, connections: int = 1, *, follows: bool = False) -> Iterator[Any]:
    """Return a mailer that keeps connections from a configuration, as a program would; it may follow the configuration."""
    several = [f"confobjects.pool.max-connections={connections}", f"confobjects.pool.messages-per-connection={KEPT}"]
    with tempfile.TemporaryDirectory() as place:
        url = f"ldif:{place}/config.ldif"
        with confobjects.open(url) as context:
            context.create(
                "mail-server",
                "bench",
                {
                    "enabled": True,
                    "smtp-server": f"127.0.0.1:{port}",
                    "use-start-tls": False,
                    "smtp-property": several if connections > 1 else [],
                },
            )
        if follows:
            with confobjects.live(url) as live, confobjects.mailer(live) as made:
                yield made
        else:
            with confobjects.mailer(url) as made:
                yield made


def recipients(number: int, each: int) -> tuple[str, ...]:
    return tuple(f"user{number % 1000}.{one}@example.com" for one in range(each))


def with_smtplib(port: int, messages: int, each: int, _: int) -> Iterator[None]:
    client = smtplib.SMTP("127.0.0.1", port)
    client.ehlo()
    for number in range(messages):
        client.sendmail(SENDER, recipients(number, each), MESSAGE)
        yield
    client.quit()


def one_by_one(port: int, messages: int, each: int, _: int, *, follows: bool = False) -> Iterator[None]:
    with mailer(port, follows=follows) as kept:
        for number in range(messages):
            kept.send(MESSAGE, SENDER, recipients(number, each))
            yield


def many(port: int, messages: int, each: int, connections: int, *, follows: bool = False) -> Iterator[None]:
    with mailer(port, connections, follows=follows) as kept:
        outgoing = (Outgoing(MESSAGE, SENDER, recipients(number, each)) for number in range(messages))
        for result in kept.send_many(outgoing, connections=connections):
            if result.error is not None:
                raise result.error
            yield


def large(port: int, messages: int, each: int, _: int) -> Iterator[None]:
    with tempfile.TemporaryDirectory() as place, mailer(port) as kept:
        path = Path(place) / "large"
        with path.open("wb") as file:
            file.write(HEADERS)
            for _ in range(LARGE // 65536):
                file.write((b"y" * 62 + b"\r\n") * 1024)
        for _ in range(messages):
            with path.open("rb") as file:
                kept.send(file, SENDER, recipients(0, each))
            yield


MODES: dict[str, Callable[[int, int, int, int], Iterator[None]]] = {
    "smtplib": with_smtplib,
    "send": one_by_one,
    "send_many": many,
    "send_live": partial(one_by_one, follows=True),
    "send_many_live": partial(many, follows=True),
    "large": large,
}


def highest_memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main(mode: str, port: str, messages: str, each: str = "1", sessions: str = "1") -> None:
    warm_up = 0 if mode == "large" else WARM_UP
    sending = MODES[mode](int(port), int(messages) + warm_up, int(each), int(sessions))
    for _ in range(warm_up):
        next(sending)
    before, began, busy = highest_memory(), time.perf_counter(), time.process_time()
    tenth = 0
    for number, _ in enumerate(sending, start=1):
        if number == int(messages) // 10:
            tenth = highest_memory()
    facts = {
        "seconds": time.perf_counter() - began,
        "processor": time.process_time() - busy,
        "memory_before": before,
        "memory_tenth": tenth,
        "memory": highest_memory(),
    }
    print(json.dumps(facts))


if __name__ == "__main__":
    main(*sys.argv[1:])
