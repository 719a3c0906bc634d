"""A configuration in a directory, compared with the servers' own clients: a cold read, a list, many changes."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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

OBJECTS = 10_000
CHANGES = 1_000
ROUNDS = {"get": 15, "list": 7, "changes": 7}
GET_LIMIT = 0.35
LIST_LIMIT = 6.0
LIST_MEMORY = 150.0
CHANGES_LIMIT = 2.0
"""Ratios of wall time to the server's own client; MiB."""

SCHEMAS = Path(__file__).resolve().parents[1] / "schemas"
BASE = f"cn=config,{openldap.SUFFIX}"
BRANCH = f"cn=Mail Servers,{BASE}"
ATTRIBUTE = "ds-cfg-auth-username"
COLUMNS = ("cn", "ds-cfg-enabled", "ds-cfg-smtp-server", "ds-cfg-use-ssl", "ds-cfg-use-start-tls")

CHANGE = f"""
import sys, time
import confobjects
with confobjects.open(sys.argv[1], bind_dn=sys.argv[2], bind_password=sys.argv[3]) as ctx:
    with ctx.change() as tx:
        tx.expect([ctx.registry.path_of("mail-server", f"server-{{number}}") for number in range({CHANGES})])
        for number in range({CHANGES}):
            tx.set("mail-server", f"server-{{number}}", {{"auth-username": str(time.time_ns())}})
    assert len(tx.report.changes) == {CHANGES}
"""


def measure() -> Report:
    """Measure whole processes in turns on servers of their own, which keep their data on a disk."""
    for name in ("slapd", "389-ds"):
        server = packages.SERVERS[name]
        if packages.missing(server):
            raise BenchmarkError(f"{name} is not installed; install it with: {server.install_line}")
    report = Report("ldap", "A configuration in a directory, and the servers' own clients; whole processes, in turns")
    report.lines.append(f"{'':42} {'runs':>5} {'median':>10} {'ratio':>7}")
    with tempfile.TemporaryDirectory() as place:
        _get(report, Path(place))
        _list(report, Path(place))
        _change(report, Path(place))
    return report


def _note(report: Report, names: Sequence[str], taken: Sequence[Sequence[Sample]]) -> None:
    """Record some commands. The others are compared with the last one."""
    for name, samples in zip(names, taken, strict=True):
        wall, ratio = median_wall(samples), paired_ratio(samples, taken[-1])
        report.lines.append(f"{name:42} {len(samples):>5} {wall * 1e3:7.1f} ms {ratio:6.2f}x")
        report.figures[name.strip()] = {"median_ms": round(wall * 1e3, 2), "ratio": round(ratio, 3)}
    report.lines.append("")


# -- one value ---------------------------------------------------------------------------------------------------------


def _get(report: Report, place: Path) -> None:
    schema = (SCHEMAS / "confobjects-rfc4512.ldif").read_text(encoding="utf-8")
    with Ds389(schema=(schema,)) as server:
        file = configuration.write(place, 10)
        url, login = f"{server.url}{BASE}", ("-D", ds389.ROOT_DN, "-w", ds389.PASSWORD)
        words = program("confobjects")
        in_turns([Command("fill", (words, "copy", f"ldif:{file}", url, *login))], 1, str(place))
        get = (words, "get-mail-server-prop", "--server-name", configuration.NAME, "--property", "smtp-server")
        search = (server.clients["ldapsearch"], "-x", "-LLL", "-H", server.url, *login, "-s", "base")
        dsconf = (server.programs["dsconf"], *login, server.url.rstrip("/"), "config", "get", "nsslapd-port")
        commands = [
            Command("confobjects", (*get, "--url", url, *login)),
            Command("ldapsearch", (*search, "-b", f"cn={configuration.NAME},{BRANCH}", "ds-cfg-smtp-server")),
            Command("dsconf", dsconf),
        ]
        taken = in_turns(commands, ROUNDS["get"], str(place))
    names = ("get one property, 389-ds", "  ldapsearch of its attribute", "  dsconf config get of one attribute")
    _note(report, names, taken)
    report.targets.append(Target("cold get / dsconf", GET_LIMIT, paired_ratio(taken[0], taken[2]), "x"))


# -- many objects --------------------------------------------------------------------------------------------------------


@contextmanager
def filled(place: Path, objects: int) -> Iterator[Slapd]:
    """Start a server with this many mail servers, as the library writes them."""
    schema = (SCHEMAS / "confobjects-openldap.ldif").read_text(encoding="utf-8")
    text = configuration.write(place, objects).read_text(encoding="utf-8")
    entries = "\n\n".join(block for block in text.split("\n\n") if "\ndn: " in f"\n{block}")
    entries = entries[entries.index("dn: ") :].replace("cn=config", BASE).replace("cn: config,", "cn: config")
    with Slapd(schema=(schema,), durable=True, entries=f"{openldap.ENTRIES}\n{entries}\n") as server:
        yield server


def _list(report: Report, place: Path) -> None:
    with filled(place, OBJECTS) as server:
        login = ("-D", openldap.ROOT_DN, "-w", openldap.PASSWORD)
        search = (server.programs["ldapsearch"], "-x", "-LLL", "-H", server.url, *login, "-E", "pr=1000/noprompt")
        what = ("-b", BRANCH, "-s", "one", "(objectClass=ds-cfg-mail-server)", *COLUMNS)
        ours = (program("confobjects"), "list-mail-servers", "--url", f"{server.url}{BASE}", *login)
        commands = [
            Command("table", ours),
            Command("script", (*ours, "-s")),
            Command("json", (*ours, "--output", "json")),
            Command("ldapsearch", (*search, *what)),
        ]
        taken = in_turns(commands, ROUNDS["list"], str(place))
    names = (f"list {OBJECTS:,} objects, slapd", "  for scripts", "  as JSON", "  ldapsearch of the same attributes")
    _note(report, names, taken)
    report.targets.append(
        Target(f"list of {OBJECTS:,} / ldapsearch", LIST_LIMIT, paired_ratio(taken[0], taken[3]), "x")
    )
    report.targets.append(Target("memory of the list", LIST_MEMORY, median_memory(taken[0]), "MiB"))


def _change(report: Report, place: Path) -> None:
    with filled(place, 2 * CHANGES + 1) as server:
        changes = place / "changes.ldif"
        changes.write_text("\n".join(_modification(number) for number in range(CHANGES, 2 * CHANGES)), "utf-8")
        login = (openldap.ROOT_DN, openldap.PASSWORD)
        begin = (program("confobjects"), "init", "--url", f"{server.url}{BASE}", "-D", login[0], "-w", login[1])
        in_turns([Command("init", begin)], 1, str(place))  # from now on it keeps a history, as a real one would
        modify = (server.programs["ldapmodify"], "-x", "-H", server.url, "-D", login[0], "-w", login[1])
        commands = [
            Command("confobjects", (sys.executable, "-I", "-c", CHANGE, f"{server.url}{BASE}", *login)),
            Command("ldapmodify", (*modify, "-f", str(changes))),
        ]
        taken = in_turns(commands, ROUNDS["changes"], str(place))
    _note(report, (f"{CHANGES:,} changes, slapd", "  ldapmodify with as many"), taken)
    ratio = paired_ratio(taken[0], taken[1])
    report.targets.append(Target(f"{CHANGES:,} changes / ldapmodify", CHANGES_LIMIT, ratio, "x"))


def _modification(number: int) -> str:
    return (
        f"dn: cn=server-{number},{BRANCH}\nchangetype: modify\n"
        f"replace: {ATTRIBUTE}\n{ATTRIBUTE}: someone\n-\nreplace: ds-cfg-revision\nds-cfg-revision: 2\n-\n"
    )
