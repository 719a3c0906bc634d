"""The configuration of an OpenDJ, beside its own command on the same server: one object, a list, a batch of 100 changes."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.harness import (
    Command,
    Report,
    Sample,
    Skipped,
    Target,
    in_turns,
    median_memory,
    median_wall,
    program,
)
from tests.servers import packages
from tests.servers.opendj import ROOT_DN, VERSION, OpenDj

CHANGES = 100
ROUNDS = {"get": 9, "list": 9, "batch": 5, "check": 9}
FASTER = {"get": 15, "list": 15, "batch": 20}
LESS_PROCESSOR = {"get": 25, "list": 25, "batch": 45}
LESS_MEMORY = 8
"""How many times more their command may be said to need, at least."""
_CLASSES = ("ds-cfg-identity-mapper", "ds-cfg-exact-match-identity-mapper")
_JAVA_CLASS = "org.opends.server.extensions.ExactMatchIdentityMapper"
CHECK_LIMIT = 1.0
"""Seconds for a check of all objects of a new server, the start of the interpreter included."""


def measure() -> Report:
    """Measure whole processes in turns on one server. Both log in over TLS; ours verifies the server's certificate."""
    for name in ("java", "maven", "slapd"):
        needed = packages.SERVERS[name]
        if packages.missing(needed):
            raise Skipped(f"{name} is not installed; install it with: {needed.install_line}")
    title = f"The configuration of OpenDJ {VERSION} beside its own command, dsconfig; whole processes, in turns"
    report = Report("opendj", title)
    report.lines.append(f"{'':28} {'runs':>5} {'wall':>11} {'processor':>11} {'memory':>11}")
    with OpenDj() as server, tempfile.TemporaryDirectory() as folder:
        _compare(report, server, Path(folder))
    return report


def _compare(report: Report, server: OpenDj, place: Path) -> None:
    login = ("-D", ROOT_DN, "-j", str(server.password_file))
    url = ("--url", server.tls_url, "-P", str(server.authority_file), *login, "-n")
    port = ("-h", "localhost", "-p", str(server.admin_port), *login, "--trustAll", "--no-prompt", "--noPropertiesFile")
    words, dsconfig = program("confobjects"), str(server.home / "bin" / "dsconfig")
    in_turns([Command("family", (words, "family", "add", "opendj", str(server.home)))], 0, str(place))
    [checks] = in_turns([Command("check", (words, "check", *url))], ROUNDS["check"], str(place))
    _note(report, "check of all objects", checks)
    report.targets.append(Target("check of all objects", CHECK_LIMIT, median_wall(checks), "s"))
    get = ("get-backend-prop", "--backend-name", "userRoot")
    for name, asked in {"get": get, "list": ("list-backends",)}.items():
        pair = [Command(name, (words, *asked, *url)), Command(name, (dsconfig, *asked, *port))]
        _judge(report, name, *in_turns(pair, ROUNDS[name], str(place)))
    _make_objects(server)
    # Each batch finds what the other one has left, so it has changes to make.
    one, other = (str(_write_batch(place, attribute)) for attribute in ("mail", "cn"))
    pair = [Command("batch", (words, *url, "-F", one)), Command("batch", (dsconfig, *port, "--batchFilePath", other))]
    _judge(report, "batch", *in_turns(pair, ROUNDS["batch"], str(place)))


def _make_objects(server: OpenDj) -> None:
    """Create as many objects as a batch changes; they are not enabled."""
    classes = "".join(f"objectClass: {name}\n" for name in ("top", *_CLASSES))
    server.ldapmodify(
        "\n".join(
            f"dn: cn=mapper {n},cn=Identity Mappers,cn=config\nchangetype: add\n{classes}cn: mapper {n}\n"
            f"ds-cfg-enabled: false\nds-cfg-java-class: {_JAVA_CLASS}\nds-cfg-match-attribute: uid\n"
            for n in range(CHANGES)
        )
    )


def _write_batch(place: Path, attribute: str) -> Path:
    file = place / f"{attribute}.batch"
    change = f"--set match-attribute:{attribute}"
    lines = (f'set-identity-mapper-prop --mapper-name "mapper {n}" {change}\n' for n in range(CHANGES))
    file.write_text("".join(lines), encoding="utf-8")
    return file


# -- what is noted -----------------------------------------------------------------------------------------------------


def _note(report: Report, name: str, taken: Sequence[Sample]) -> None:
    wall, memory, processor = (
        median_wall(taken),
        median_memory(taken),
        statistics.median(one.processor for one in taken),
    )
    report.lines.append(f"{name:28} {len(taken):>5} {wall * 1e3:8.0f} ms {processor * 1e3:8.0f} ms {memory:7.1f} MiB")
    figures = {
        "wall_ms": round(wall * 1e3, 1),
        "processor_ms": round(processor * 1e3, 1),
        "memory_mib": round(memory, 1),
    }
    report.figures[name.strip()] = figures


def _judge(report: Report, name: str, ours: Sequence[Sample], theirs: Sequence[Sample]) -> None:
    """Note both, and compare them pair by pair: what ours needs of what theirs needs, in per cent."""
    what = f"batch of {CHANGES}" if name == "batch" else name
    _note(report, what, ours)
    _note(report, f"  dsconfig, {what}", theirs)
    promised = {"wall time": FASTER[name], "processor time": LESS_PROCESSOR[name], "memory": LESS_MEMORY}
    for kind, measured in zip(promised, _PARTS, strict=True):
        share = statistics.median(measured(one) / measured(other) for one, other in zip(ours, theirs, strict=True))
        report.lines.append(f"{'':30}{kind}: {1 / share:.1f} times less")
        report.targets.append(Target(f"{what} / dsconfig, {kind}", 100 / promised[kind], 100 * share, "%"))


_PARTS: Sequence[Callable[[Sample], float]] = (
    lambda one: one.wall,
    lambda one: one.processor,
    lambda one: one.memory,
)
