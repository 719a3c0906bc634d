"""What definitions cost that a configuration holds: installing many of them, and opening it afterwards."""

from __future__ import annotations

import shutil
import statistics
import tempfile
from pathlib import Path

from benchmarks import configuration, kinds
from benchmarks.harness import Command, Report, Sample, Target, in_turns, median_memory, median_wall, program, run

KINDS = 200
INSTALLS = 5
ROUNDS = 30
INSTALL_LIMIT = 2.0
"""Seconds that installing may take, with nothing in the cache."""
OPEN_LIMIT = 20.0
"""Milliseconds that a ``get`` may take longer in a configuration that holds the kinds, once they have been checked."""


def measure() -> Report:
    """Install into a new file each time, then read one property of another object in turns with a file without them."""
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        plain = configuration.write(place, 1)
        files = sorted(map(str, kinds.write(place, KINDS).iterdir()))
        installs = [_install(place, plain, files, number) for number in range(INSTALLS + 1)][1:]
        without, held = in_turns(
            [_get("without them", plain), _get("with them", place / "held-0.ldif")], ROUNDS, directory
        )
    report = Report(
        "installed", f"{KINDS} definitions that a configuration holds: {INSTALLS} installs, {ROUNDS} gets in turns"
    )
    rows = {
        f"definitions install, {KINDS} kinds": installs,
        "get-mail-server-prop without them": without,
        "get-mail-server-prop with them": held,
    }
    for name, samples in rows.items():
        wall, memory = median_wall(samples), median_memory(samples)
        report.lines.append(f"{name:44} {wall * 1000:8.1f} ms {memory:6.1f} MiB")
        report.figures[name] = {"median_ms": round(wall * 1000, 2), "memory_mib": round(memory, 1)}
    more = statistics.median(one.wall - other.wall for one, other in zip(held, without, strict=True)) * 1000
    report.figures["more with them, paired"] = {"median_ms": round(more, 2)}
    report.targets.append(Target(f"installing {KINDS} kinds", INSTALL_LIMIT, median_wall(installs), "s"))
    report.targets.append(Target(f"opening with {KINDS} kinds from the cache", OPEN_LIMIT, more, "ms more"))
    return report


def _install(place: Path, plain: Path, files: list[str], number: int) -> Sample:
    held = place / f"held-{number}.ldif"
    shutil.copy(plain, held)
    words = (program("confobjects"), "definitions", "install", *files, "--url", f"ldif:{held}")
    cache = {"XDG_CACHE_HOME": str(place / f"cache-{number}")}
    return run(Command("definitions install", words, cache), str(place))


def _get(name: str, file: Path) -> Command:
    words = (program("confobjects"), "get-mail-server-prop", "--server-name", configuration.NAME)
    return Command(name, (*words, "--url", f"ldif:{file}"))
