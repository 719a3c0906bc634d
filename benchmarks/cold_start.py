"""How long a user waits for one property: a cold command compared with a bare interpreter."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks import configuration, kinds
from benchmarks.harness import Command, Report, Target, in_turns, median_memory, median_wall, paired_ratio, program

ROUNDS = 60
LIMIT = 6
"""The limit for a cold ``get``, in starts of a bare interpreter."""
CLICK_LIMIT = 1.3
"""The limit in starts of an interpreter that imports click, the minimum for any command made with click."""
KINDS = 200
KINDS_LIMIT = 1.5
"""The limit for a ``get`` with this many further kinds, in ``get`` without them. The kinds have been checked once."""


def measure() -> Report:
    """Run the commands in turns with a bare interpreter."""
    with tempfile.TemporaryDirectory() as place:
        commands = _commands(Path(place))
        samples = in_turns(commands, ROUNDS, place)
    report = Report("cold-start", f"A cold command, {ROUNDS} runs each, in turns with a bare interpreter")
    bare = samples[0]
    report.lines.append(f"{'command':44} {'median':>9} {'ratio':>7} {'memory':>10}")
    for command, taken in zip(commands, samples, strict=True):
        wall, ratio, memory = median_wall(taken), paired_ratio(taken, bare), median_memory(taken)
        report.lines.append(f"{command.name:44} {wall * 1000:6.1f} ms {ratio:6.2f}x {memory:6.1f} MiB")
        report.figures[command.name] = {
            "median_ms": round(wall * 1000, 2),
            "paired_ratio": round(ratio, 3),
            "memory_mib": round(memory, 1),
        }
    get = report.figures[commands[2].name]["paired_ratio"]
    report.targets.append(Target("cold get-mail-server-prop", LIMIT, get, "bare interpreters"))
    against_click = paired_ratio(samples[2], samples[1])
    report.targets.append(Target("cold get-mail-server-prop", CLICK_LIMIT, against_click, "imports of click"))
    against_get = paired_ratio(samples[3], samples[2])
    report.targets.append(Target(f"cold get with {KINDS} further kinds", KINDS_LIMIT, against_get, "get without them"))
    return report


def _commands(place: Path) -> list[Command]:
    script = program("confobjects")
    small, large = configuration.write(place, 1), configuration.write(place, 1000)
    name = ("--server-name", configuration.NAME)
    get = (script, "get-mail-server-prop", *name, "--url")
    further = ("--definitions", str(kinds.write(place, KINDS)))
    return [
        Command("bare interpreter", (sys.executable, "-c", "pass")),
        Command("an interpreter that imports click", (sys.executable, "-c", "import click")),
        Command("get-mail-server-prop, 1 object", (*get, f"ldif:{small}")),
        Command(f"get-mail-server-prop, {KINDS} further kinds", (*get, f"ldif:{small}", *further)),
        Command("get-mail-server-prop, 1,000 objects", (*get, f"ldif:{large}")),
        Command("list-mail-servers, 1 object", (script, "list-mail-servers", "--url", f"ldif:{small}")),
        Command("--version", (script, "--version")),
    ]
