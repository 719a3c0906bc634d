"""How long an application waits for its configuration: load, evaluate and check many objects; write many values."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from benchmarks import configuration
from benchmarks.harness import Command, Report, Sample, Target, in_turns, median_memory, median_wall, paired_ratio

SIZES = (1_000, 10_000, 100_000)
"""Objects."""

ROUNDS = 7

LIMIT = 2.0
"""Seconds for 10,000 objects, the start of the interpreter included."""

LINEAR = 11.0
"""The limit for the time of ten times as many objects, the median of pairs: linear, with a margin for the machine's caches."""

MEMORY = 400.0
"""MiB for 100,000 objects."""

WRITES = {500: 200, 5_000: 20}
"""The values of one attribute, and how many changes of it: as many values are written in all."""

LINEAR_WRITES = 1.2
"""The limit for the time per value of ten times as many values."""

PROGRAM = """
import sys
import confobjects
config = confobjects.load(sys.argv[1])
assert config["mail-server", sys.argv[2]]["auth-password"] == "never-sent-anywhere"
"""

WRITER = """
import sys
import confobjects
url, values, changes = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
with confobjects.open(url, definitions=[sys.argv[4]]) as context:
    context.delete("list", "one", force=True)
    context.create("list", "one", {"item": [f"item {number}" for number in range(values)]})
    for number in range(changes):
        with context.change() as change:
            change.set("list", "one", {"item": [f"item {other}" for other in range(number + 1, number + values + 1)]})
"""

LISTS = {
    "name": "list",
    "version": 1,
    "synopsis": "A list of items.",
    "relation": {"parent": "root", "kind": "instantiable", "branch": "cn=Lists"},
    "properties": {"item": {"synopsis": "Its items.", "syntax": "string", "multi-valued": True}},
}


def measure() -> Report:
    """Load configurations of growing size, each in a process of its own, in turns; then write values."""
    report = Report("loading", "confobjects.load of an LDIF file, one expression in each object; whole processes")
    report.lines.append(f"{'objects':>9} {'runs':>5} {'median':>10} {'per object':>11} {'memory':>11}")
    with tempfile.TemporaryDirectory() as place:
        taken = dict(zip(SIZES, in_turns([_make_load(place, size) for size in SIZES], ROUNDS, place), strict=True))
    for objects, samples in taken.items():
        _note(report, objects, samples)
    report.targets.append(Target("load 10,000 objects", LIMIT, median_wall(taken[10_000]), "s"))
    growth = paired_ratio(taken[100_000], taken[10_000])
    report.targets.append(Target("100,000 objects against 10,000", LINEAR, growth, "times"))
    report.targets.append(Target("memory of 100,000 objects", MEMORY, median_memory(taken[100_000]), "MiB"))
    _measure_writes(report)
    return report


def _make_load(place: str, objects: int) -> Command:
    directory = Path(place) / str(objects)
    directory.mkdir()
    file = configuration.write(directory, objects)
    words = (sys.executable, "-I", "-c", PROGRAM, f"ldif:{file}", configuration.NAME)
    return Command(f"load {objects}", words, configuration.VARIABLES)


def _measure_writes(report: Report) -> None:
    """Compare the time per value of changes to an attribute of many values with that of a tenth of them."""
    with tempfile.TemporaryDirectory() as place:
        definitions = Path(place) / "definitions"
        definitions.mkdir()
        (definitions / "list.json").write_text(json.dumps(LISTS), encoding="utf-8")
        commands = [_make_writes(Path(place), values, changes) for values, changes in WRITES.items()]
        few, many = in_turns(commands, ROUNDS, place)
    report.lines.append("")
    for (values, changes), samples in zip(WRITES.items(), (few, many), strict=True):
        wall = median_wall(samples)
        each = wall / (values * changes) * 1e6
        report.lines.append(f"{changes:>4} changes of {values:>5,} values {wall:8.3f} s {each:8.1f} µs per value")
        report.figures[f"{values} values"] = {"median_s": round(wall, 4), "microseconds_per_value": round(each, 2)}
    growth = paired_ratio(many, few)
    report.targets.append(Target("a value among 5,000 written, against 500", LINEAR_WRITES, growth, "times"))


def _make_writes(place: Path, values: int, changes: int) -> Command:
    """Return the command that changes an attribute of many values."""
    program = (sys.executable, "-I", "-c", WRITER)
    file = f"ldif:{place}/{values}.ldif"
    return Command(f"write {values}", (*program, file, str(values), str(changes), str(place / "definitions")))


def _note(report: Report, objects: int, taken: list[Sample]) -> None:
    wall, memory = median_wall(taken), median_memory(taken)
    each = wall / objects * 1e6
    report.lines.append(f"{objects:>9,} {len(taken):>5} {wall:8.3f} s {each:8.1f} µs {memory:7.1f} MiB")
    report.figures[str(objects)] = {
        "median_s": round(wall, 4),
        "microseconds_per_object": round(each, 2),
        "memory_mib": round(memory, 1),
    }
