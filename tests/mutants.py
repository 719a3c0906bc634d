"""Mutation testing of the pure rooms: ``make mutants``, or ``python -m tests.mutants [--every] [ROOM...]``.

mutmut breaks the code of a room in one place at a time and runs the tests that reach the place; a break that no test
notices is a survivor. The figures are written into ``tests/mutants.md``, between two marker lines for each room.
The text outside the markers is kept by hand: why a survivor cannot be killed.

The exit status is 1 if a survivor of an explained room has no explanation, or if too many survive there.
"""

from __future__ import annotations

import argparse
import configparser
import difflib
import json
import random
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "tests" / "mutants.md"
WORK = ROOT / ".mutants"
SEED = 2718
"""What a sample is drawn with, so that two runs over the same code try the same mutants."""

SAMPLE = 200
"""How many mutants of a room without explanations are tried."""

MOST = 0.05
"""The share of mutants of which fewer have to survive in an explained room."""


class Room(NamedTuple):
    """The tests of a room, how many of its mutants are tried (None: all), and whether each survivor is explained.

    ``left_out`` are tests that read the source of the room, or run it without mutmut: they fail without a mutant.
    """

    tests: tuple[str, ...]
    sample: int | None = None
    explained: bool = False
    left_out: tuple[str, ...] = ()


ROOMS = {
    "expressions": Room(("tests/expressions",), explained=True),
    "objects": Room(
        (
            "tests/objects",
            "tests/definitions/test_overrides.py",
            "tests/management/test_cases.py",
            "tests/management/test_current_values.py",
            "tests/management/test_fixed_properties.py",
            "tests/management/test_required_when.py",
            "tests/management/test_singletons.py",
            "tests/management/test_transactions.py",
            "tests/management/test_written_defaults.py",
        ),
        explained=True,
    ),
    "syntaxes": Room(
        ("tests/syntaxes",),
        sample=SAMPLE,
        left_out=("tests/syntaxes/test_tables.py::test_a_cold_start_loads_only_what_is_used",),
    ),
    "definitions": Room(
        (
            "tests/definitions/test_bad.py",
            "tests/definitions/test_schema_errors.py",
            "tests/definitions/test_vocabulary.py",
            "tests/objects",
            "tests/reference",
        ),
        sample=SAMPLE,
        left_out=("tests/definitions/test_bad.py::test_every_rule_has_its_bad_file",),
    ),
    "mapping": Room(("tests/mapping",), sample=SAMPLE),
}


class Mutant(NamedTuple):
    """One mutant: its name to mutmut, its function as ``module.Class.function``, and the exit status of its tests."""

    name: str
    function: str
    status: int | None

    @property
    def survives(self) -> bool:
        """Whether every test passed (0), or none reaches the place (33)."""
        return self.status in {0, 33}


def main(arguments: Sequence[str]) -> int:
    """Try the mutants of the named rooms, of all rooms without a name."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description="Mutation testing of the pure rooms.")
    parser.add_argument("rooms", nargs="*", metavar="ROOM", help=f"of {', '.join(ROOMS)} (default: all)")
    parser.add_argument("--every", action="store_true", help="try every mutant, also in rooms that are sampled")
    options = parser.parse_args(arguments)
    if unknown := sorted(set(options.rooms) - set(ROOMS)):
        parser.error(f"no such room: {', '.join(unknown)}")
    complaints: list[str] = []
    for name in options.rooms or ROOMS:
        room = ROOMS[name]._replace(sample=None) if options.every else ROOMS[name]
        mutants, total = try_room(name, room)
        PAGE.write_text(with_section(PAGE.read_text(), name, section(name, room, mutants, total)))
        if room.explained:
            complaints.extend(complaints_about(name, mutants))
    sys.stderr.writelines(f"{complaint}\n" for complaint in complaints)
    return 1 if complaints else 0


# -- running ---------------------------------------------------------------------------------------------------------


def try_room(name: str, room: Room) -> tuple[list[Mutant], int]:
    """Return the mutants of a room that were tried, and how many there are. Prints every survivor as a difference."""
    place = WORK / name
    prepare(place, name, room)
    names = sorted(mutant.name for mutant in generate(place))
    chosen = names
    if room.sample is not None and room.sample < len(names):
        chosen = sorted(random.Random(SEED).sample(names, room.sample))
        run(place, chosen)
    else:
        run(place, [])
    wanted = set(chosen)
    mutants = [mutant for mutant in read(place) if mutant.name in wanted]
    if untried := [mutant.name for mutant in mutants if mutant.status is None]:
        sys.exit(f"{len(untried)} mutants of {name} were not tried, {untried[0]} among them")
    for mutant in mutants:
        if mutant.survives:
            sys.stdout.write(f"\n{name}: {mutant.function} survives ({mutant.name})\n{difference(place, mutant)}")
    sys.stdout.write(f"\n{name}: {figures(mutants, len(names))}\n")
    return mutants, len(names)


def prepare(place: Path, name: str, room: Room) -> None:
    """Make the directory mutmut works in: links to the checkout, and its configuration."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    links = ("README.md", "cli", "confobjects", "docs", "pyproject.toml", "schemas", "tests")
    for link in links:
        (place / link).symlink_to(ROOT / link)
    settings = configparser.ConfigParser()
    settings["mutmut"] = {
        "source_paths": f"\nconfobjects/{name}",
        "also_copy": "\n".join(["", *(link for link in links if link not in {"pyproject.toml", "tests"})]),
        "pytest_add_cli_args": "\n".join(
            ["", "--hypothesis-profile=mutants", "-ptests.mutants", *(f"--deselect={test}" for test in room.left_out)]
        ),
        "pytest_add_cli_args_test_selection": "\n".join(["", *room.tests]),
        "use_git_change_detection": "false",
        # Seconds a mutant may take: (those of its tests without a mutation + constant) * multiplier.
        "timeout_constant": "2.0",
        "timeout_multiplier": "4.0",
    }
    with (place / "setup.cfg").open("w") as stream:
        settings.write(stream)


def generate(place: Path) -> list[Mutant]:
    """Write the mutants without trying any, and return them."""
    code = (
        "import mutmut.__main__ as m; from pathlib import Path; Path('mutants').mkdir(exist_ok=True); "
        "m.copy_src_dir(); m.create_mutants(1)"
    )
    command([sys.executable, "-c", code], place)
    return list(read(place))


def run(place: Path, names: Sequence[str]) -> None:
    """Let mutmut try the named mutants, all without a name, one at a time."""
    command(
        [sys.executable, "-c", "from mutmut.__main__ import cli; cli()", "run", "--max-children", "1", *names], place
    )


def command(words: Sequence[str], place: Path) -> None:
    """Run a command in a directory; what it prints goes to a file there, which is shown when it fails."""
    log = place / "log"
    with log.open("a") as stream:
        status = subprocess.run(words, cwd=place, stdout=stream, stderr=stream, stdin=subprocess.DEVNULL, check=False)
    if status.returncode:
        sys.exit(f"{log.read_text()[-4000:]}\nmutmut failed with exit status {status.returncode}")


def read(place: Path) -> Iterator[Mutant]:
    """Yield the mutants as mutmut has them on record, file by file."""
    top = place / "mutants" / "confobjects"
    for path in sorted(top.rglob("*.meta")):
        inside = path.relative_to(top).with_suffix("").with_suffix("").parts[1:]
        module = ".".join(part for part in inside if part != "__init__")
        for name, status in json.loads(path.read_text())["exit_code_by_key"].items():
            yield Mutant(name, ".".join(filter(None, (module, function_name(name)))), status)


def function_name(mutant: str) -> str:
    """Return ``function`` or ``Class.function`` of a name such as ``a.b.x_function__mutmut_1``."""
    mangled = mutant.rpartition(".")[2].rpartition("__mutmut_")[0]
    return mangled.removeprefix("x_") if mangled.startswith("x_") else mangled.removeprefix("xǁ").replace("ǁ", ".")


def difference(place: Path, mutant: Mutant) -> str:
    """Return what a mutant changes, as lines of a difference."""
    module = mutant.name.rpartition(".")[0].replace(".", "/")
    files = [place / "mutants" / f"{module}.py", place / "mutants" / module / "__init__.py"]
    lines = next(path for path in files if path.exists()).read_text().splitlines()
    mangled = mutant.name.rpartition(".")[2]
    before = function_lines(lines, mangled.rpartition("__mutmut_")[0] + "__mutmut_orig")
    after = function_lines(lines, mangled)
    changed = [line for line in difflib.ndiff(before, after) if line[0] in "+-"]
    return "".join(f"    {line}\n" for line in changed)


def function_lines(lines: Sequence[str], name: str) -> list[str]:
    """Return the body of a function: the lines below its first, as far as they are indented more."""
    start = next(number for number, line in enumerate(lines) if re.match(rf"\s*(async )?def {name}\(", line))
    margin = len(lines[start]) - len(lines[start].lstrip())
    found = [lines[start].replace(name, "…")]
    for line in lines[start + 1 :]:
        if line.strip() and len(line) - len(line.lstrip()) <= margin and not line.lstrip().startswith(")"):
            break
        found.append(line)
    return found


def pytest_sessionstart() -> None:
    """Forget what was made without the mutation: the process of a mutant is the fork of one that has run the tests.

    Caches of the code are emptied, and the tests are imported again, as some make objects when they are imported.
    """
    for name, module in list(sys.modules.items()):
        if name.startswith("confobjects."):
            for value in vars(module).values():
                if hasattr(value, "cache_clear"):
                    value.cache_clear()
        elif name.startswith("tests.") and not name.startswith(("tests.conftest", "tests.mutants", "tests.servers")):
            del sys.modules[name]


# -- the page --------------------------------------------------------------------------------------------------------


def section(name: str, room: Room, mutants: Sequence[Mutant], total: int) -> str:
    """Return what the page says of a room: figures, and survivors by function."""
    lines = [
        f"### {name}",
        "",
        f"{figures(mutants, total)} Tests: {', '.join(f'`{path}`' for path in room.tests)}.",
        "",
        "| function | mutants | survive |",
        "|---|--:|--:|",
    ]
    every = Counter(mutant.function for mutant in mutants)
    for function, count in sorted(survivors(mutants).items()):
        lines.append(f"| `{function}` | {every[function]} | {count} |")
    return "\n".join(lines)


def figures(mutants: Sequence[Mutant], total: int) -> str:
    """Return one sentence on how many mutants there are and how many survive."""
    alive = sum(survivors(mutants).values())
    unreached = sum(mutant.status == 33 for mutant in mutants)
    tried = f"{total} mutants" if len(mutants) == total else f"{len(mutants)} mutants tried of {total} (seed {SEED})"
    aside = f", {unreached} of them in code that no test of the room reaches" if unreached else ""
    return f"{tried}, {alive} survive ({alive / len(mutants):.1%}){aside}."


def survivors(mutants: Iterable[Mutant]) -> Counter[str]:
    """Return how many mutants of each function survive."""
    return Counter(mutant.function for mutant in mutants if mutant.survives)


def with_section(page: str, name: str, text: str) -> str:
    """Return the page with another text between the markers of a room."""
    begin, end = f"<!-- {name}: written by make mutants -->", f"<!-- {name}: end -->"
    before, found, rest = page.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        sys.exit(f"{PAGE.name} has no lines {begin} and {end}")
    return f"{before}{begin}\n\n{text}\n\n{end}{after}"


def complaints_about(name: str, mutants: Sequence[Mutant]) -> Iterator[str]:
    """Yield what is not right with the survivors of an explained room."""
    alive = survivors(mutants)
    if sum(alive.values()) >= MOST * len(mutants):
        yield f"{name}: {MOST:.0%} of the mutants survive, or more"
    words = explanations(PAGE.read_text(), name)
    for function, count in sorted(alive.items()):
        if words[function] != count:
            yield f"{name}: {function} has {count} survivors, {words[function]} are explained in {PAGE.name}"
    for function in sorted(words.keys() - alive.keys()):
        yield f"{name}: {function} has no survivor, but {PAGE.name} explains {words[function]}"


def explanations(page: str, name: str) -> Counter[str]:
    """Return how many survivors of each function the page explains: the items ``- `FUNCTION` (2): …`` of a room."""
    part = page.partition(f"## Why they survive: {name}\n")[2].partition("\n## ")[0]
    return Counter({function: int(count) for function, count in re.findall(r"(?m)^- `([\w.]+)` \((\d+)\):", part)})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
