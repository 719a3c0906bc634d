"""Writers that change one object at the same moment: how many of their acknowledged changes are not there afterwards.

Started by name only: ``python -m benchmarks.run lost_updates``. It takes half an hour.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import confobjects
from benchmarks.harness import BenchmarkError, Report, Target
from confobjects.errors import ChangedMeanwhileError
from confobjects.management import ManagementContext
from confobjects.management.history.records import select_for_object
from confobjects.objects.changes import PropertyChanges
from tests.servers import ds389, packages
from tests.servers import slapd as openldap
from tests.servers.ds389 import Ds389
from tests.servers.slapd import Slapd

ROUNDS = 10
CROWDS = ((8, 100), (16, 48))
"""Writers, and how many changes each of them makes."""
SCHEMAS = Path(__file__).resolve().parents[1] / "schemas"
NAME = "shared"

Opener = Callable[[], ManagementContext]
Server = tuple[str, AbstractContextManager[Slapd] | AbstractContextManager[Ds389], str, str]
"""The name of a server, the server, and the DN and password of its administrator."""


def measure() -> Report:
    """Let crowds of processes change one object on each server, and count the changes that are lost."""
    for name in ("slapd", "389-ds"):
        package = packages.SERVERS[name]
        if packages.missing(package):
            raise BenchmarkError(f"{name} is not installed; install it with: {package.install_line}")
    report = Report(
        "lost_updates", "Acknowledged changes of one object, by processes at the same moment, that are lost"
    )
    report.lines.append(f"{'':34} {'rounds':>6} {'changes':>8} {'lost':>5} {'median of a round':>18}")
    lost = 0
    for name, server, dn, password in _servers():
        with server as running:
            for writers, changes in CROWDS:
                lost += _measure_crowd(report, (name, running.url, dn, password), writers, changes)
    report.targets.append(Target("lost changes", 0, lost, "changes"))
    return report


def _servers() -> Iterator[Server]:
    rfc4512 = (SCHEMAS / "confobjects-rfc4512.ldif").read_text(encoding="utf-8")
    for database in ("bdb", "mdb"):
        server = Ds389(schema=(rfc4512,), database=database)
        yield f"389-ds, {database.upper()}", server, ds389.ROOT_DN, ds389.PASSWORD
    schema = (SCHEMAS / "confobjects-openldap.ldif").read_text(encoding="utf-8")
    yield "slapd", Slapd(schema=(schema,)), openldap.ROOT_DN, openldap.PASSWORD


def _measure_crowd(report: Report, where: Sequence[str], writers: int, changes: int) -> int:
    """Measure some rounds of one crowd on one server, each with a configuration of its own; return the losses."""
    name, url, dn, password = where
    lost, seconds = 0, []
    for number in range(ROUNDS):
        base = f"cn=round-{number}-of-{writers},{openldap.SUFFIX}"
        options: dict[str, Any] = {"bind_dn": dn, "bind_password": password, "history": 100_000}
        reach = partial(confobjects.open, f"{url}{base}", **options)

        begin = time.perf_counter()
        lost += _run_round(reach, writers, changes)
        seconds.append(time.perf_counter() - begin)
    title = f"{name}, {writers} writers x {changes}"
    made = ROUNDS * writers * changes
    report.lines.append(f"{title:34} {ROUNDS:>6} {made:>8,} {lost:>5} {median(seconds):>16.1f} s")
    report.figures[title] = {"changes": made, "lost": lost, "median_s": round(median(seconds), 2)}
    return lost


def _run_round(reach: Opener, writers: int, changes: int) -> int:
    """Return how many changes of one round are lost: acknowledged, but not in the chain of revisions."""
    with reach() as context:
        context.create("mail-server", NAME, {"enabled": True, "smtp-server": "mx.example.com"})
    fork = get_context("fork")
    processes = [fork.Process(target=_write, args=(reach, number, changes)) for number in range(writers)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    if any(process.exitcode for process in processes):
        raise BenchmarkError("a writer failed")
    with reach() as context:
        shared = context.get("mail-server", NAME)
        told = select_for_object(context.history(), shared.path)
    return writers * changes - (len(told) - 1)


def _write(reach: Opener, number: int, changes: int) -> None:
    with reach() as context:
        for turn in range(changes):
            wanted = PropertyChanges(set={"auth-username": f"{number}.{turn}"})
            while not _is_made(context, wanted):
                print(f"writer {number} begins again", file=sys.stderr)


def _is_made(context: ManagementContext, wanted: PropertyChanges) -> bool:
    """Make a change, or return False if others were faster too often."""
    try:
        context.modify("mail-server", NAME, wanted)
    except ChangedMeanwhileError:
        return False
    return True
