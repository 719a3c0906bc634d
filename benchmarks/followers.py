"""Fifty services that follow one configuration on slapd and tell what they run: when a change is in effect everywhere."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import confobjects
from benchmarks.harness import BenchmarkError, Report, Target
from confobjects.mapping.followers import is_alive
from tests.servers import packages
from tests.servers import slapd as openldap
from tests.servers.slapd import Slapd

PROCESSES = 10
EACH = 5
CHANGES = 20
QUIET = 45.0
"""Seconds without a change: each service gives two signs of life at least."""
SETTLING = 5.0
"""Seconds after the last change in which a service may look once more, because one commit is several entries."""
LIMIT = 1.0
"""Seconds after the answer of the server until the last of all services has called its listeners."""

SCHEMAS = Path(__file__).resolve().parents[1] / "schemas"
BASE = f"ou=config,{openldap.SUFFIX}"

SERVICES = """
import sys, time
from contextlib import ExitStack
from threading import Lock
import confobjects

url, dn, password, first, count = sys.argv[1:]
lock, calls, looks = Lock(), [], []

def tell(event):
    calls.append(event)
    with lock:
        print(event.number, time.monotonic(), flush=True)

with ExitStack() as stack:
    for number in range(int(first), int(first) + int(count)):
        live = confobjects.live(url, bind_dn=dn, bind_password=password, follower=f"service-{number}")
        live.observe(looks.append)
        stack.enter_context(live).listen()(tell)
        live.wait_until(lambda: live.stale is None, 60)
    print("ready", flush=True)
    sys.stdin.readline()
    before = len(calls), len(looks)
    print("quiet", flush=True)
    sys.stdin.readline()
    print(len(calls) - before[0], len(looks) - before[1], flush=True)
    sys.stdin.readline()
"""


def measure() -> Report:
    """Change one value again and again, then change nothing for a while."""
    package = packages.SERVERS["slapd"]
    if packages.missing(package):
        raise BenchmarkError(f"slapd is not installed; install it with: {package.install_line}")
    total = PROCESSES * EACH
    report = Report("followers", f"{total} services in {PROCESSES} processes follow one slapd, and tell what they run")
    schema = (SCHEMAS / "confobjects-openldap.ldif").read_text(encoding="utf-8")
    with Slapd(schema=(schema,)) as slapd, _running(slapd) as services:
        taken = [_change(slapd, services, f"h{number}.example.com") for number in range(CHANGES)]
        calls, looks = _stay_quiet(services)
        alive, newest = _count_reports(slapd)
    report.lines.append(f"{'change written -> in effect everywhere':42} {'median':>9} {'slowest':>9}")
    report.lines.append(f"{CHANGES} changes{'':32} {median(taken) * 1e3:6.1f} ms {max(taken) * 1e3:6.1f} ms")
    report.lines.append(f"{QUIET:g} s of signs of life: {calls} calls of listeners, {looks} looks at the configuration")
    report.lines.append(f"reports of services that are alive: {alive}, with the newest change: {newest}")
    report.figures = {"median_ms": round(median(taken) * 1e3, 2), "slowest_ms": round(max(taken) * 1e3, 2)}
    report.targets += [
        Target(f"a change is in effect in all of {total} services, slowest", LIMIT, max(taken), "s"),
        Target("calls of listeners by signs of life", 0, calls, "calls"),
        Target("looks at the configuration by signs of life", 0, looks, "looks"),
        Target("services whose report is missing or old", 0, total - newest, "services"),
    ]
    return report


def _login() -> dict[str, Any]:
    return {"bind_dn": openldap.ROOT_DN, "bind_password": openldap.PASSWORD}


@contextmanager
def _running(slapd: Slapd) -> Iterator[Sequence[subprocess.Popen[str]]]:
    """Make the configuration, and start the services."""
    url = slapd.url + BASE
    with confobjects.open(url, **_login()) as context, context.change() as tx:
        tx.create("mail-server", "one", {"enabled": True, "smtp-server": "first.example.com"})
    with ExitStack() as stack:
        services = []
        for number in range(PROCESSES):
            words = [url, openldap.ROOT_DN, openldap.PASSWORD, str(number * EACH), str(EACH)]
            command = [sys.executable, "-c", SERVICES, *words]
            child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            services.append(stack.enter_context(child))
            stack.callback(child.kill)
        for child in services:
            _expect(child, "ready")
        yield services
        for child in services:
            _say(child)


def _change(slapd: Slapd, services: Sequence[subprocess.Popen[str]], host: str) -> float:
    """Make a change, and return the seconds from the answer of the server until the last listener was called."""
    with confobjects.open(slapd.url + BASE, **_login()) as context:
        with context.change() as tx:
            tx.set("mail-server", "one", {"smtp-server": host})
        written = time.monotonic()
    number = str(tx.report.number)
    last = written
    for child in services:
        for _ in range(EACH):
            told, _, when = _read(child).partition(" ")
            if told != number:
                raise BenchmarkError(f"change {number} was not told, but {told}")
            last = max(last, float(when))
    return last - written


def _stay_quiet(services: Sequence[subprocess.Popen[str]]) -> tuple[int, int]:
    """Change nothing for a while, and return how many listeners were called and how often services looked."""
    time.sleep(SETTLING)
    for child in services:
        _say(child)
        _expect(child, "quiet")
    time.sleep(QUIET)
    calls = looks = 0
    for child in services:
        _say(child)
        called, looked = _read(child).split()
        calls += int(called)
        looks += int(looked)
    return calls, looks


def _count_reports(slapd: Slapd) -> tuple[int, int]:
    """Return how many services are known to be alive, and how many of them have the newest change."""
    with confobjects.open(slapd.url + BASE, **_login()) as context:
        reports = [one for one in context.storage.followers() if is_alive(one, time.time())]
        newest = context.history()[-1].number
    return len(reports), sum(one.number == newest for one in reports)


def _say(child: subprocess.Popen[str]) -> None:
    if child.stdin is not None:
        child.stdin.write("\n")
        child.stdin.flush()


def _read(child: subprocess.Popen[str]) -> str:
    line = "" if child.stdout is None else child.stdout.readline()
    if not line:
        raise BenchmarkError("a service has ended")
    return line.strip()


def _expect(child: subprocess.Popen[str], word: str) -> None:
    if (found := _read(child)) != word:
        raise BenchmarkError(f"a service says {found}, not {word}")
