"""How soon a service hears of a change of a server's own configuration: OpenDJ, 389 Directory Server, OpenLDAP."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from time import monotonic, sleep
from typing import Any

import confobjects
from benchmarks.harness import BenchmarkError, Report, Target
from confobjects.dn import DN
from confobjects.following import Live
from confobjects.management import ManagementContext
from confobjects.mapping.entry import Modification, ModifyEntry
from tests.cli.sessions import run
from tests.management.foreign import EXAMPLES, Managed, manage_ds389, manage_slapd
from tests.opening import open_any
from tests.servers import opendj, packages
from tests.servers.ds389 import Ds389
from tests.servers.opendj import OpenDj
from tests.servers.slapd import Slapd

CHANGES = 50
LIMIT = 50.0
"""Milliseconds from the answer to the listener, median."""
PATIENCE = 60.0
_TELLING = (
    "dn: olcOverlay=syncprov,olcDatabase={0}config,cn=config\nchangetype: add\n"
    "objectClass: olcOverlayConfig\nobjectClass: olcSyncProvConfig\nolcOverlay: syncprov\n"
)


def measure() -> Report:
    """Change a number of each server again and again, by a command of ours and by another client."""
    for name in ("slapd", "389-ds", "java", "maven"):
        server = packages.SERVERS[name]
        if packages.missing(server):
            raise BenchmarkError(f"{name} is not installed; install it with: {server.install_line}")
    report = Report("server_live", "a service that follows the configuration of a server")
    with tempfile.TemporaryDirectory() as place, _variables(XDG_STATE_HOME=place, XDG_DATA_HOME=place):
        with OpenDj() as own:
            _add_family(own)
            login = {"bind_dn": opendj.ROOT_DN, "bind_password": opendj.PASSWORD}
            _measure_one(report, "OpenDJ", own.url, login, ("global-configuration", "size-limit", "ds-cfg-size-limit"))
        with Ds389() as directory:
            _measure_managed(report, "389-ds", manage_ds389(directory))
        with Slapd() as slapd:
            slapd.change_configuration(_TELLING)
            _measure_managed(report, "slapd", manage_slapd(slapd))
    return report


@contextmanager
def _variables(**values: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _add_family(server: OpenDj) -> None:
    if run("family", "add", "opendj", str(server.home)).status:
        raise BenchmarkError("the family of OpenDJ could not be made")


def _measure_managed(report: Report, name: str, managed: Managed) -> None:
    login = {"bind_dn": managed.user, "bind_password": managed.password, "definitions": [EXAMPLES / managed.family]}
    _measure_one(report, name, managed.url, login, ("server-settings", managed.setting, managed.attribute))


def _measure_one(report: Report, name: str, url: str, options: dict[str, Any], setting: tuple[str, str, str]) -> None:
    kind, prop, attribute = setting
    with confobjects.live(url, **options) as live, open_any(url, **options) as writer:
        live.wait_until(lambda: live.stale is None, PATIENCE)
        sleep(1.5)  # the second comparison of the beginning is over

        def change(value: int) -> None:
            with writer.change() as tx:
                tx.set(kind, (), {prop: value})

        def edit(value: int) -> None:
            step = Modification("replace", attribute, [str(value)])
            with writer.storage.writing():
                writer.storage.commit([ModifyEntry(DN.parse("cn=config"), [step])])

        for who, make in (("us", change), ("others", edit)):
            taken = _measure_ways(live, make, writer)
            title = f"{name}, changed by {who}: answered to listener called"
            report.lines.append(f"{title:60} {median(taken):8.2f} ms, slowest {max(taken):8.2f} ms")
            report.figures[title] = {"median_ms": round(median(taken), 3), "slowest_ms": round(max(taken), 3)}
            report.targets.append(Target(title, LIMIT, median(taken), "ms"))


def _measure_ways(live: Live, make: Callable[[int], None], writer: ManagementContext) -> list[float]:
    """Return the milliseconds of each change; 0 for a listener that was faster than the answer."""
    heard: list[float] = []
    taken = []
    live.listen()(lambda _: heard.append(monotonic()))
    first = 2000 + 1000 * len(writer.history())
    for turn in range(CHANGES):
        make(first + turn)
        answered = monotonic()
        if not live.wait_until(lambda turn=turn: len(heard) > turn, PATIENCE):  # type: ignore[misc]
            raise BenchmarkError("a change was not heard")
        taken.append(max(0.0, (heard[turn] - answered) * 1000))
    return taken
