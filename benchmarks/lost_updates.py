"""Writers that change one object at the same moment: how many of their acknowledged changes are not there afterwards.

Started by name only: ``python -m benchmarks.run lost_updates``. It takes twenty minutes and tells of each round as it
ends. Control-C ends it early: the table then has the rounds that were complete.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
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
BASE = f"ou=config,{openldap.SUFFIX}"
VERSIONS = {"389-ds": ("ns-slapd", "-v", r"389-Directory/(\S+)"), "slapd": ("slapd", "-VV", r"slapd (\S+)")}
"""The program of each server, the option that makes it tell its version, and where that is in the answer."""

Opener = Callable[[], ManagementContext]
Starter = Callable[[], AbstractContextManager[Slapd] | AbstractContextManager[Ds389]]


@dataclass
class Crowd:
    """One row of the table: writers on one kind of server, and what each of their rounds lost and took (seconds)."""

    server: str
    start: Starter
    options: Mapping[str, Any]
    writers: int
    changes: int
    lost: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    @property
    def title(self) -> str:
        return f"{self.server}, {self.writers} writers x {self.changes}"

    def run_round(self) -> None:
        """Run one round on a server of its own: what earlier rounds wrote would make the later ones slower."""
        with self.start() as running:
            reach = partial(confobjects.open, f"{running.url}{BASE}", history=100_000, **self.options)
            begin = time.perf_counter()
            lost = _run_round(reach, self.writers, self.changes)
            self.seconds.append(time.perf_counter() - begin)
            self.lost.append(lost)
        told = f"{self.title}: round {len(self.lost)} of {ROUNDS}, {lost} lost, {self.seconds[-1]:.1f} s"
        print(told, file=sys.stderr, flush=True)

    def add_to(self, report: Report) -> None:
        """Add the row to a report."""
        rounds, lost = len(self.lost), sum(self.lost)
        made = rounds * self.writers * self.changes
        middle = median(self.seconds)
        report.lines.append(f"{self.title:34} {rounds:>6} {made:>8,} {lost:>5} {middle:>16.1f} s")
        report.figures[self.title] = {"rounds": rounds, "changes": made, "lost": lost, "median_s": round(middle, 2)}


def measure() -> Report:
    """Let crowds of processes change one object on each server, and count the changes that are lost."""
    report = Report(
        "lost_updates", "Acknowledged changes of one object, by processes at the same moment, that are lost"
    )
    versions = [f"{name}: {_version_of(name)}" for name in VERSIONS]
    crowds = _make_crowds()
    try:
        for _ in range(ROUNDS):
            for crowd in crowds:
                crowd.run_round()
    except KeyboardInterrupt:
        print("stopped; the table has the rounds that were complete", file=sys.stderr)
    report.lines.append(f"{'':34} {'rounds':>6} {'changes':>8} {'lost':>5} {'median of a round':>18}")
    for crowd in crowds:
        if crowd.lost:
            crowd.add_to(report)
    report.lines += ["", *versions]
    report.targets.append(Target("lost changes", 0, sum(sum(crowd.lost) for crowd in crowds), "changes"))
    return report


def _version_of(name: str) -> str:
    package = packages.SERVERS[name]
    if packages.missing(package):
        raise BenchmarkError(f"{name} is not installed; install it with: {package.install_line}")
    program, option, pattern = VERSIONS[name]
    done = subprocess.run(
        [str(packages.locate(package)[program]), option], capture_output=True, text=True, errors="replace", check=False
    )
    found = re.search(pattern, done.stdout + done.stderr)
    return found[1] if found else "unknown"


def _make_crowds() -> list[Crowd]:
    rfc4512 = (SCHEMAS / "confobjects-rfc4512.ldif").read_text(encoding="utf-8")
    schema = (SCHEMAS / "confobjects-openldap.ldif").read_text(encoding="utf-8")
    ds389_login = {"bind_dn": ds389.ROOT_DN, "bind_password": ds389.PASSWORD}
    openldap_login = {"bind_dn": openldap.ROOT_DN, "bind_password": openldap.PASSWORD}
    servers: tuple[tuple[str, Starter, Mapping[str, Any]], ...] = (
        ("389-ds, BDB", partial(Ds389, schema=(rfc4512,), database="bdb"), ds389_login),
        ("389-ds, MDB", partial(Ds389, schema=(rfc4512,), database="mdb"), ds389_login),
        ("slapd", partial(Slapd, schema=(schema,)), openldap_login),
    )
    return [Crowd(*server, *size) for server in servers for size in CROWDS]


def _run_round(reach: Opener, writers: int, changes: int) -> int:
    """Return how many changes of one round are lost: acknowledged, but not in the chain of revisions."""
    with reach() as context:
        context.create("mail-server", NAME, {"enabled": True, "smtp-server": "mx.example.com"})
    fork = get_context("fork")
    processes = [fork.Process(target=_write, args=(reach, number, changes), daemon=True) for number in range(writers)]
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
