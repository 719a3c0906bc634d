"""What a running service spends, and how soon it hears: the rule of what is in effect, whole looks, real storages."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from statistics import median
from time import monotonic, process_time
from typing import Any, Self
from urllib.parse import quote

import confobjects
from benchmarks import configuration
from benchmarks.harness import MEBIBYTE, BenchmarkError, Report, Target
from benchmarks.ldap import SCHEMAS, filled
from confobjects.effect import LiveState, StoredState, advance, begin, evaluate_object, read_stored, update_stored
from confobjects.following import Live
from confobjects.following.current import Current
from confobjects.following.sources import LiveSources
from confobjects.management import ManagementContext, Site
from confobjects.management.history.records import HistoryRecord, RecordedChange
from confobjects.management.site import ChangeSignature
from confobjects.mapping.objects import Mapper
from confobjects.objects.evaluating import evaluate_defaults
from confobjects.objects.model import ManagedObject
from confobjects.resolvers import Resolvers
from confobjects.startup import load_registry
from confobjects.storage.memory import BASE, MemoryStorage
from tests.servers import ds389, packages
from tests.servers import slapd as openldap
from tests.servers.ds389 import Ds389
from tests.servers.slapd import Slapd

SIZES = (1_000, 10_000, 100_000)
MANY = SIZES[-1]
IN_A_DIRECTORY = 10_000
"""Objects of the directory, which would take long to fill with more."""
ROUNDS = 300
HEARD = 100
"""Changes whose way to the listener is measured."""
IN_A_ROW = 1_000
SETTLED = 1_000
"""Changes before them, after which the history is full: from then on the memory of a service is compared."""
IDLE = 30.0
"""Seconds."""
LIMIT = 50.0
"""Milliseconds for one change among 100,000 objects. The slowest ones meet a collection of garbage."""
HEARD_LIMITS = {"memory": 25.0, "LDIF": 15.0, "slapd": 25.0, "389-ds": 25.0}
"""Milliseconds from a change that is written, or answered by the server, to the listener."""
IDLE_LIMIT = 0.1
"""Percent of a core."""
DESCRIPTORS = 2
MEMORY_LIMIT = 2.0
"""MiB that a service may grow by during the changes in a row; it keeps the numbers and times that it was told."""
PATIENCE = 120.0

FOLLOWER = """
import json, os, sys, time
import confobjects
def count(): return len(os.listdir("/proc/self/fd"))
def memory(): return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
def say(value): print(json.dumps(value), flush=True)
before, told, sizes = count(), [], []
with confobjects.live(sys.argv[1], environment=json.loads(sys.argv[2])) as live:
    @live.listen()
    def hear(event):
        told.append((event.number, time.monotonic()))
        if len(told) == int(sys.argv[3]):
            sizes.append(memory())
    live.wait_until(lambda: live.stale is None, 60)
    say(count() - before - 2)  # the two ends of the pipe that wakes the service belong to no source
    for line in sys.stdin:
        word, number = line.split()
        if word == "until":
            say(live.wait_for(int(number), 120) and told[-1])
        elif word == "spent":
            say(time.process_time())
        else:
            say([[one for one, _ in told], memory() - sizes[0]])
"""


class Service:
    """A service that runs on mail servers, and hears of each change."""

    def __init__(self, objects: int) -> None:
        self.registry = load_registry()
        definition = self.registry.definition("mail-server")
        values = {"enabled": ("true",), "smtp-server": ("smtp.example.com",)}
        self.names = [f"server {number}" for number in range(objects)]
        made = (ManagedObject(self.registry.path_of("mail-server", name), definition, values) for name in self.names)
        self.stored: StoredState = read_stored(self.registry, evaluate_defaults, made, number=0)
        self.state: LiveState = begin(self.registry, evaluate_defaults, self.stored)

    def change(self, turn: int, name: str, text: str) -> float:
        """Change one object; return the milliseconds from the new object to the new state in effect."""
        path = self.registry.path_of("mail-server", self.names[turn * 3 % len(self.names)])
        old = self.stored.objects[path].object
        new = old.replace(values={**old.values, name: (text,)})
        made = RecordedChange(path, "modify", "mail-server", {name: old.values.get(name, ())}, {name: (text,)})
        number = (self.stored.number or 0) + 1
        start = process_time()
        evaluated = evaluate_object(new, self.registry, evaluate_defaults)
        self.stored = update_stored(self.stored, {path: evaluated}, number=number)
        self.state, events = advance(
            self.state, self.stored, [HistoryRecord(number, "done", ChangeSignature(), (made,))]
        )
        taken = (process_time() - start) * 1000
        assert len(events) == 1
        return taken


def measure() -> Report:
    """Change one object after the other, among more and more; then in every storage."""
    for name in ("slapd", "389-ds"):
        server = packages.SERVERS[name]
        if packages.missing(server):
            raise BenchmarkError(f"{name} is not installed; install it with: {server.install_line}")
    report = Report("live", "one change in a running service")
    _measure_rule(report)
    _measure_look_in_memory(report)
    with tempfile.TemporaryDirectory() as place:
        _measure_look_in_file(report, Path(place))
        _measure_look_in_directory(report, Path(place))
    _measure_memory(report)
    for name, limit in HEARD_LIMITS.items():
        if name != "memory":
            with _make_storage(name) as url:
                _measure_storage(report, name, url, limit)
    return report


def _note(report: Report, name: str, measured: float, unit: str, limit: float | None = None) -> None:
    report.lines.append(f"{name:62} {measured:9.2f} {unit}")
    report.figures[name] = {"measured": round(measured, 4), "unit": unit}
    if limit is not None:
        report.targets.append(Target(name, limit, measured, unit))


# -- processor time -----------------------------------------------------------------------------------------------------


def _measure_rule(report: Report) -> None:
    report.lines += ["the rule of what is in effect, without the storage; CPU time", ""]
    report.lines.append(f"{'objects':>9} {'begin':>10} {'median':>10} {'slowest':>10}")
    for objects in SIZES:
        start = process_time()
        service = Service(objects)
        began = process_time() - start
        taken = [service.change(turn, "smtp-server", f"h{turn}.example.com") for turn in range(ROUNDS)]
        report.lines.append(f"{objects:>9,} {began:8.2f} s {median(taken):7.2f} ms {max(taken):7.2f} ms")
        report.figures[str(objects)] = {"begin_s": round(began, 3), "median_ms": round(median(taken), 3)}
        if objects == MANY:
            report.targets.append(Target("one change among 100,000 objects, median", LIMIT, median(taken), "ms"))
    report.lines += ["", "with the storage", ""]


def _measure_look_in_memory(report: Report) -> None:
    """Look after each change, and count the processor time of that alone."""
    registry = load_registry()
    mapper = Mapper(registry, BASE)
    above = [*mapper.scaffold(registry.path_of("mail-server", "any"))]
    values = {"enabled": ("true",), "smtp-server": ("smtp.example.com",)}
    definition = registry.definition("mail-server")
    made = (
        mapper.encode(ManagedObject(registry.path_of("mail-server", f"server {number}"), definition, values))
        for number in range(MANY)
    )
    storage = MemoryStorage([*above, *made], base=BASE)
    sources = LiveSources(Resolvers, ".")
    with storage.watch() as watch:
        current = Current(Site.of(registry, storage, sources), sources, ".")
        writer = ManagementContext(Site.of(registry, storage, evaluate_defaults))
        taken = []
        for turn in range(HEARD):
            _set_host(writer, f"server {turn * 3}", turn)
            start = process_time()
            current.reader.note(watch.wait(0))
            events = current.look()
            taken.append((process_time() - start) * 1000)
            assert [one.number for one in events] == [turn + 1]
    _note(report, f"CPU of a change among {MANY:,} objects, memory", median(taken), "ms", LIMIT)


def _measure_look_in_file(report: Report, place: Path) -> None:
    file = configuration.write(place, MANY)
    spent = _measure_spent(f"ldif:{file}", 8)
    _note(report, f"CPU of a change among {MANY:,} objects, LDIF", spent, "ms", LIMIT)


def _measure_look_in_directory(report: Report, place: Path) -> None:
    with filled(place, IN_A_DIRECTORY) as server:
        url = server.socket_url + quote(f"cn=config,{openldap.SUFFIX}")
        with confobjects.open(url) as context:
            context.storage.keep_history()  # type: ignore[attr-defined]  # a directory has it
        spent = _measure_spent(url, HEARD)
    _note(report, f"CPU of a change among {IN_A_DIRECTORY:,} objects, slapd", spent, "ms", LIMIT)


def _measure_spent(url: str, changes: int) -> float:
    """Return the milliseconds of processor time that a service spends on a change, all that it does included."""
    with Follower(url) as follower, confobjects.open(url) as writer:
        follower.wait_for(_set_host(writer, "server-0", -1))
        before = float(follower.ask("spent"))
        for turn in range(changes):
            follower.wait_for(_set_host(writer, f"server-{turn * 3}", turn))
        return (float(follower.ask("spent")) - before) * 1000 / changes


def _set_host(writer: ManagementContext, name: str, turn: int) -> int:
    """Change a mail server; return the number of the change."""
    with writer.change() as change:
        change.set("mail-server", name, {"smtp-server": f"h{turn + 1}.example.com"})
    number = change.report.number
    assert number is not None
    return int(number)


# -- a service of its own -------------------------------------------------------------------------------------------------


class Follower:
    """A service in a process of its own, whose listener keeps the number and the time of each event."""

    def __init__(self, url: str) -> None:
        words = (sys.executable, "-I", "-c", FOLLOWER, url, json.dumps(configuration.VARIABLES), str(SETTLED))
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.descriptors = int(self._read())

    def _read(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise BenchmarkError("the service has ended")
        return json.loads(line)

    def ask(self, word: str, number: int = 0) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word} {number}\n")
        self._process.stdin.flush()
        return self._read()

    def wait_for(self, number: int) -> float:
        """Wait for the change of a number, and return when its listener was called."""
        told = self.ask("until", number)
        if not told or told[0] != number:
            raise BenchmarkError(f"the service did not hear of change {number}")
        return float(told[1])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._process.communicate()


def _measure_memory(report: Report) -> None:
    """Measure the way to the listener in one process: a storage in memory has no other."""
    registry, storage = load_registry(), MemoryStorage()
    writer = ManagementContext(Site.of(registry, storage, evaluate_defaults))
    with writer.change() as change:
        change.create("mail-server", "server-0", {"enabled": True, "smtp-server": "first.example.com"})
    sources = LiveSources(Resolvers, ".")
    taken: list[float] = []
    heard: list[float] = []
    with Live(lambda: (Site.of(registry, storage, sources), sources, ".")) as live:
        live.listen()(lambda _: heard.append(monotonic()))
        for turn in range(HEARD):
            number = _set_host(writer, "server-0", turn)
            written = monotonic()
            assert live.wait_for(number, PATIENCE)
            taken.append((heard[-1] - written) * 1000)
    _note(report, "change written to listener called, memory", median(taken), "ms", HEARD_LIMITS["memory"])


@contextmanager
def _make_storage(name: str) -> Iterator[str]:
    """Yield the URL of a small configuration in a storage of a kind."""
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = f"ldif:{place / 'config.ldif'}"
        if name == "slapd":
            schema = (SCHEMAS / "confobjects-openldap.ldif").read_text(encoding="utf-8")
            server: Slapd | Ds389 = stack.enter_context(Slapd(schema=(schema,), durable=True))
            url = server.socket_url + quote(f"cn=live,{openldap.SUFFIX}")
        elif name == "389-ds":
            schema = (SCHEMAS / "confobjects-rfc4512.ldif").read_text(encoding="utf-8")
            server = stack.enter_context(Ds389(schema=(schema,)))
            server.index_history()
            url = server.socket_url + quote(f"cn=live,{ds389.SUFFIX}")
        with confobjects.open(url) as writer, writer.change() as change:
            for number in range(10):
                change.create("mail-server", f"server-{number}", {"enabled": True, "smtp-server": "first.example.com"})
        yield url


def _measure_storage(report: Report, name: str, url: str, limit: float) -> None:
    """Measure the way to the listener, an idle service, and many changes in a row."""
    with Follower(url) as follower, confobjects.open(url) as writer:
        taken = []
        for turn in range(HEARD):
            number = _set_host(writer, "server-0", turn)
            written = monotonic()
            taken.append((follower.wait_for(number) - written) * 1000)
        _note(report, f"change written to listener called, {name}", median(taken), "ms", limit)
        _note(report, f"descriptors, {name}", follower.descriptors, "", DESCRIPTORS)
    with Follower(url) as follower, confobjects.open(url) as writer:
        follower.wait_for(_set_host(writer, "server-0", HEARD))  # it has done by then what comes with the beginning
        before, began = float(follower.ask("spent")), monotonic()
        _let_pass(IDLE)
        spent = (float(follower.ask("spent")) - before) / (monotonic() - began) * 100
        _note(report, f"idle service, {name}", spent, "% of a core", IDLE_LIMIT)
    with Follower(url) as follower, confobjects.open(url) as writer:
        numbers = [_set_host(writer, f"server-{turn % 10}", turn) for turn in range(SETTLED + IN_A_ROW)]
        follower.wait_for(numbers[-1])
        told, grown = follower.ask("all")
        heard = [one for one in told if one is not None]
        wrong = len(set(numbers).difference(heard)) + sum(one > other for one, other in pairwise(heard))
        _note(report, f"of {len(numbers):,} changes in a row missed or out of order, {name}", wrong, "", 0)
        _note(report, f"growth during the last {IN_A_ROW:,} of them, {name}", grown / MEBIBYTE, "MiB", MEMORY_LIMIT)


def _let_pass(seconds: float) -> None:
    """Let time pass in which nothing happens: that is what is measured."""
    import select

    select.poll().poll(int(seconds * 1000))
