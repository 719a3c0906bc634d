"""A batch of 1,000 sets: on a file, and on directories compared with their own clients."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import configuration
from benchmarks.harness import (
    BenchmarkError,
    Command,
    Report,
    Sample,
    Target,
    in_turns,
    median_memory,
    median_wall,
    paired_ratio,
    program,
)
from tests.servers import ds389, packages
from tests.servers import slapd as openldap
from tests.servers.ds389 import Ds389
from tests.servers.slapd import Slapd

SETS = 1_000
ROUNDS = 7
CALLS = 30
FILE_LIMIT = 2.0
"""Seconds, durable, the start of the interpreter included."""
MODIFY_LIMIT = 2.5
"""Ratio of wall time to one ldapmodify with the same changes."""
CALLS_LIMIT = 1.0
"""Per cent of the wall time of as many calls of dsconf as there are sets."""

SCHEMAS = Path(__file__).resolve().parents[1] / "schemas"
BASE = f"cn=config,{openldap.SUFFIX}"
ATTRIBUTE = "ds-cfg-auth-username"


def measure() -> Report:
    """Measure whole processes in turns; two batches alternate, so that each has 1,000 changes to make."""
    for name in ("slapd", "389-ds"):
        server = packages.SERVERS[name]
        if packages.missing(server):
            raise BenchmarkError(f"{name} is not installed; install it with: {server.install_line}")
    report = Report("batch", f"A batch of {SETS:,} sets; whole processes, in turns with the servers' own clients")
    report.lines.append(f"{'':42} {'runs':>5} {'median':>10} {'memory':>11}")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        batches = [_batch(place, "someone"), _batch(place, "other")]
        _on_a_file(report, place, batches)
        _beside_ldapmodify(report, place, batches)
        _beside_dsconf(report, place, batches)
    return report


def _batch(place: Path, value: str) -> Path:
    file = place / f"{value}.batch"
    lines = (f"set-mail-server-prop --server-name server-{n} --set auth-username:{value}\n" for n in range(SETS))
    file.write_text("".join(lines), encoding="utf-8")
    return file


def _note(report: Report, name: str, taken: Sequence[Sample]) -> None:
    wall, memory = median_wall(taken), median_memory(taken)
    report.lines.append(f"{name:42} {len(taken):>5} {wall * 1e3:7.1f} ms {memory:7.1f} MiB")
    report.figures[name] = {"median_ms": round(wall * 1e3, 2), "memory_mib": round(memory, 1)}


def _on_a_file(report: Report, place: Path, batches: Sequence[Path]) -> None:
    file = configuration.write(place, SETS + 1)
    commands = [Command("batch", (program("confobjects"), "--url", f"ldif:{file}", "-F", str(one))) for one in batches]
    one, other = in_turns(commands, ROUNDS, str(place))
    _note(report, "batch on an LDIF file", [*one, *other])
    report.targets.append(Target("batch on an LDIF file", FILE_LIMIT, median_wall([*one, *other]), "s"))


def _filled(place: Path, url: str, login: Sequence[str], objects: int) -> str:
    """Copy a configuration into a directory, with a history; return its URL."""
    words, target = program("confobjects"), f"{url}{BASE}"
    file = configuration.write(place, objects)
    fill = (words, "copy", f"ldif:{file}", target, *login)
    in_turns([Command("init", (words, "init", "--url", target, *login)), Command("fill", fill)], 1, str(place))
    return target


def _beside_ldapmodify(report: Report, place: Path, batches: Sequence[Path]) -> None:
    schema = (SCHEMAS / "confobjects-openldap.ldif").read_text(encoding="utf-8")
    login = ("-D", openldap.ROOT_DN, "-w", openldap.PASSWORD)
    with Slapd(schema=(schema,), durable=True) as server:
        url = _filled(place, server.url, login, 2 * SETS + 1)
        modify = (server.programs["ldapmodify"], "-x", "-H", server.url, *login, "-f")
        ours = (program("confobjects"), "--url", url, *login, "-F")
        commands = [
            command
            for batch in batches
            for command in (
                Command("batch", (*ours, str(batch))),
                Command("ldapmodify", (*modify, str(_changes(place, batch.stem)))),
            )
        ]
        one, its_peer, other, others_peer = in_turns(commands, ROUNDS, str(place))
    taken, peers = [*one, *other], [*its_peer, *others_peer]
    _note(report, "batch on slapd", taken)
    _note(report, "  ldapmodify with as many changes", peers)
    report.targets.append(Target("batch on slapd / ldapmodify", MODIFY_LIMIT, paired_ratio(taken, peers), "x"))


def _changes(place: Path, value: str) -> Path:
    """Return the same changes to other objects, as LDIF."""
    file = place / f"{value}.ldif"
    changes = (
        f"dn: cn=server-{number},cn=Mail Servers,{BASE}\nchangetype: modify\n"
        f"replace: {ATTRIBUTE}\n{ATTRIBUTE}: {value}\n-\nreplace: ds-cfg-revision\nds-cfg-revision: 2\n-\n"
        for number in range(SETS, 2 * SETS)
    )
    file.write_text("\n".join(changes), encoding="utf-8")
    return file


def _beside_dsconf(report: Report, place: Path, batches: Sequence[Path]) -> None:
    schema = (SCHEMAS / "confobjects-rfc4512.ldif").read_text(encoding="utf-8")
    login = ("-D", ds389.ROOT_DN, "-w", ds389.PASSWORD)
    with Ds389(schema=(schema,)) as server:
        url = _filled(place, server.url, login, SETS + 2)
        ours = (program("confobjects"), "--url", url, *login, "-F")
        dsconf = (
            server.programs["dsconf"],
            *login,
            server.url.rstrip("/"),
            "config",
            "replace",
            "nsslapd-idletimeout=0",
        )
        one, other = in_turns([Command("batch", (*ours, str(batch))) for batch in batches], ROUNDS // 2, str(place))
        [calls] = in_turns([Command("dsconf", dsconf)], CALLS, str(place))
    taken = [*one, *other]
    _note(report, "batch on 389-ds", taken)
    _note(report, "  one call of dsconf config replace", calls)
    share = 100 * median_wall(taken) / (SETS * median_wall(calls))
    report.targets.append(Target(f"batch on 389-ds / {SETS:,} calls of dsconf", CALLS_LIMIT, share, "%"))
