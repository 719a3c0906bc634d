"""Configurations as documents: how long it takes to export, compare and apply 10,000 objects of which 10 differ."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

from benchmarks import configuration
from benchmarks.harness import (
    BenchmarkError,
    Command,
    Report,
    Sample,
    Target,
    environment,
    in_turns,
    median_memory,
    median_wall,
    program,
)

OBJECTS = 10_000
CHANGES = 10
ROUNDS = 7
APPLY_LIMIT = 3.0
DIFF_LIMIT = 3.0
"""Seconds, the start of the interpreter included."""


def measure() -> Report:
    """Measure whole processes in turns. Each apply makes ten changes, because they alternate between two documents."""
    report = Report("declarative", f"Documents of {OBJECTS:,} objects, {CHANGES} of which differ; whole processes")
    with tempfile.TemporaryDirectory() as place:
        taken = in_turns(_commands(Path(place)), ROUNDS, place)
    names = ("export", "diff", "apply", "apply back", "apply, nothing changes")
    report.lines.append(f"{'':24} {'runs':>5} {'median':>10} {'memory':>11}")
    for name, samples in zip(names, taken, strict=True):
        _note(report, name, samples)
    report.targets.append(Target("diff of two documents", DIFF_LIMIT, median_wall(taken[1]), "s"))
    slower = max(median_wall(taken[2]), median_wall(taken[3]))
    report.targets.append(Target("apply with 10 changes", APPLY_LIMIT, slower, "s"))
    return report


def _commands(place: Path) -> list[Command]:
    file = configuration.write(place, OBJECTS)
    one, other = place / "one.json", place / "other.json"
    one.write_text(_export(file, place), encoding="utf-8")
    other.write_text(_with_changes(one.read_text("utf-8")), encoding="utf-8")
    words, url = program("confobjects"), f"ldif:{file}"
    return [
        Command("export", (words, "export", "--url", url)),
        Command("diff", (words, "diff", str(one), str(other)), status=1),
        Command("apply", (words, "apply", str(other), "--url", url)),
        Command("apply back", (words, "apply", str(one), "--url", url)),
        Command("apply nothing", (words, "apply", str(one), "--url", url)),
    ]


def _export(file: Path, place: Path) -> str:
    command = [program("confobjects"), "export", "--url", f"ldif:{file}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment(str(place)))
    if done.returncode:
        raise BenchmarkError(done.stdout + done.stderr)
    return done.stdout


def _with_changes(text: str) -> str:
    document = json.loads(text)
    objects = document["objects"]
    for path in sorted(objects)[:: len(objects) // CHANGES][:CHANGES]:
        objects[path]["properties"]["smtp-server"] = "other.example.com:25"
    return json.dumps(document, indent=2)


def _note(report: Report, name: str, taken: list[Sample]) -> None:
    wall, memory = median_wall(taken), median_memory(taken)
    report.lines.append(f"{name:24} {len(taken):>5} {wall:8.3f} s {memory:7.1f} MiB")
    report.figures[name] = {"median_s": round(wall, 4), "memory_mib": round(memory, 1)}
