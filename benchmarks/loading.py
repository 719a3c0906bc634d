"""How long an application waits for its configuration: load, evaluate and check many objects."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks import configuration
from benchmarks.harness import Command, Report, Sample, Target, in_turns, median_memory, median_wall

SIZES = {1_000: 7, 10_000: 7, 100_000: 3}
"""Objects, and how many runs."""

LIMIT = 2.0
"""Seconds for 10,000 objects, the start of the interpreter included."""

LINEAR = 12.0
"""The limit for the time of ten times as many objects: linear, with a margin for the machine's caches."""

PROGRAM = """
import sys
import confobjects
config = confobjects.load(sys.argv[1])
assert config["mail-server", sys.argv[2]]["auth-password"] == "never-sent-anywhere"
"""


def measure() -> Report:
    """Load configurations of growing size, each in a process of its own."""
    report = Report("loading", "confobjects.load of an LDIF file, one expression in each object; whole processes")
    report.lines.append(f"{'objects':>9} {'runs':>5} {'median':>10} {'per object':>11} {'memory':>11}")
    walls = {}
    for objects, rounds in SIZES.items():
        taken = _load(objects, rounds)
        walls[objects] = median_wall(taken)
        _note(report, objects, taken)
    report.targets.append(Target("load 10,000 objects", LIMIT, walls[10_000], "s"))
    growth = walls[100_000] / walls[10_000]
    report.targets.append(Target("100,000 objects against 10,000", LINEAR, growth, "times"))
    return report


def _load(objects: int, rounds: int) -> list[Sample]:
    with tempfile.TemporaryDirectory() as place:
        file = configuration.write(Path(place), objects)
        words = (sys.executable, "-I", "-c", PROGRAM, f"ldif:{file}", configuration.NAME)
        [taken] = in_turns([Command("load", words, configuration.VARIABLES)], rounds, place)
    return taken


def _note(report: Report, objects: int, taken: list[Sample]) -> None:
    wall, memory = median_wall(taken), median_memory(taken)
    each = wall / objects * 1e6
    report.lines.append(f"{objects:>9,} {len(taken):>5} {wall:8.3f} s {each:8.1f} µs {memory:7.1f} MiB")
    report.figures[str(objects)] = {
        "median_s": round(wall, 4),
        "microseconds_per_object": round(each, 2),
        "memory_mib": round(memory, 1),
    }
