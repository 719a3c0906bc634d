"""Run processes in turns, take medians, and record the results and the machine."""

from __future__ import annotations

import json
import os
import platform
import re
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent / "results"
ONE_RUN = Path(__file__).resolve().parent / "one_run.py"
MEBIBYTE = 1024 * 1024


class BenchmarkError(Exception):
    """The program to measure did not run."""


class Skipped(Exception):  # noqa: N818 - it is none
    """What a benchmark measures is not on this machine, and need not be."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command to measure: its name in the results, its words, extra environment variables, and the expected
    exit status."""

    name: str
    words: Sequence[str]
    variables: Mapping[str, str] = field(default_factory=dict)
    status: int = 0


@dataclass(frozen=True, slots=True)
class Sample:
    """One run: seconds of wall time, seconds of processor time, highest resident memory in bytes."""

    wall: float
    processor: float
    memory: int


@dataclass(frozen=True, slots=True)
class Target:
    """A promise and what was measured; both in ``unit``."""

    name: str
    limit: float
    measured: float
    unit: str

    @property
    def kept(self) -> bool:
        return self.measured <= self.limit

    def __str__(self) -> str:
        verdict = "kept" if self.kept else "MISSED"
        return f"{verdict:6}  {self.name}: {self.measured:.2f} {self.unit}, at most {self.limit:g} {self.unit} promised"


@dataclass(slots=True)
class Report:
    """The results of one benchmark: a title, the lines of a table, figures for machines, promises."""

    name: str
    title: str
    lines: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    targets: list[Target] = field(default_factory=list)

    def save(self) -> None:
        """Write ``results/NAME.txt`` and ``results/NAME.json``."""
        RESULTS.mkdir(exist_ok=True)
        facts = machine()
        text = [self.title, "", *self.lines, "", *map(str, self.targets), ""]
        text += [f"{name}: {value}" for name, value in facts.items()]
        (RESULTS / f"{self.name}.txt").write_text("\n".join(text) + "\n", encoding="utf-8")
        promises = [
            {
                "name": one.name,
                "limit": one.limit,
                "measured": round(one.measured, 4),
                "unit": one.unit,
                "kept": one.kept,
            }
            for one in self.targets
        ]
        document = {"title": self.title, "figures": self.figures, "targets": promises, "machine": facts}
        (RESULTS / f"{self.name}.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def machine() -> dict[str, str]:
    """Return the relevant facts about this machine, without its name."""
    model = re.search(r"^model name\s*:\s*(.+)$", _read("/proc/cpuinfo"), re.MULTILINE)
    memory = re.search(r"^MemTotal:\s*(\d+) kB$", _read("/proc/meminfo"), re.MULTILINE)
    system = re.search(r'^PRETTY_NAME="(.+)"$', _read("/etc/os-release"), re.MULTILINE)
    return {
        "processor": f"{model.group(1) if model else platform.machine()}, {os.cpu_count()} cores",
        "memory": f"{int(memory.group(1)) / MEBIBYTE:.0f} GiB" if memory else "unknown",
        "system": f"{system.group(1) if system else platform.system()}, {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "confobjects": version("confobjects"),
        "click": version("click"),
    }


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def program(name: str) -> str:
    """Return the path of a script that is installed next to this interpreter."""
    path = Path(sys.executable).parent / name
    if not path.exists():
        raise BenchmarkError(f"{path} is not installed; start the benchmarks with: make bench")
    return str(path)


def run(command: Command, directory: str) -> Sample:
    """Run one command to its end and discard its output."""
    variables = {**environment(directory), **command.variables}
    starter = [sys.executable, "-I", "-S", str(ONE_RUN), *command.words]
    done = subprocess.run(starter, env=variables, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        raise BenchmarkError(done.stderr)
    wall, processor, memory, status = done.stdout.split()
    if int(status) != command.status:
        raise BenchmarkError(f"{' '.join(command.words)}\nended with status {status}\n{done.stderr}")
    return Sample(float(wall), float(processor), int(memory))


def environment(directory: str) -> dict[str, str]:
    """Return a user's environment without variables that would change the results."""
    return {"PATH": os.environ.get("PATH", os.defpath), "HOME": directory, "LC_ALL": "C.UTF-8"}


def in_turns(commands: Sequence[Command], rounds: int, directory: str) -> list[list[Sample]]:
    """Run the commands one after the other, ``rounds`` times; one list of samples for each. The first round warms the
    caches and is not counted."""
    samples: list[list[Sample]] = [[] for _ in commands]
    for number in range(rounds + 1):
        for command, taken in zip(commands, samples, strict=True):
            sample = run(command, directory)
            if number:
                taken.append(sample)
    return samples


def paired_ratio(samples: Sequence[Sample], against: Sequence[Sample]) -> float:
    """Return the median of the wall time ratios, pair by pair."""
    return statistics.median(one.wall / other.wall for one, other in zip(samples, against, strict=True))


def median_wall(samples: Sequence[Sample]) -> float:
    """Return the median wall time in seconds."""
    return statistics.median(sample.wall for sample in samples)


def median_memory(samples: Sequence[Sample]) -> float:
    """Return the median of the highest resident memory in MiB."""
    return statistics.median(sample.memory for sample in samples) / MEBIBYTE
