"""Ask advisory services about known defects of the installed packages: ``make audit``, or ``python -m tests.audit``.

pip-audit asks; it exits with 0 also when a service knows none of the packages, as behind a mirror that serves packages
without advisories. So its report is read here, and a package that was not checked is never counted as a good one.

The exit status is 0 if every package was checked and has no known defect, 1 if one has a defect, and 3 if some
packages were not checked.
"""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from enum import IntEnum
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
OURS = "confobjects"

SERVICES = ("pypi", "osv")
"""The advisory services that pip-audit knows, in the order in which they are asked."""

DEADLINE = 300
"""Seconds that one service may take for all packages."""


class Verdict(IntEnum):
    """The exit status of an audit."""

    CLEAN = 0
    DEFECTS = 1
    NOT_CHECKED = 3


class Defect(NamedTuple):
    """A known defect of an installed package, with the versions that mend it."""

    package: str
    version: str
    advisory: str
    mended_in: tuple[str, ...]

    def __str__(self) -> str:
        mended = ", ".join(self.mended_in)
        return f"{self.package} {self.version}: {self.advisory}" + (f" (mended in {mended})" if mended else "")


class Audit(NamedTuple):
    """The packages that a service checked, the defects it knows, and the packages that it could not check."""

    checked: frozenset[str] = frozenset()
    defects: tuple[Defect, ...] = ()
    unchecked: frozenset[str] = frozenset()

    @property
    def verdict(self) -> Verdict:
        """The exit status: a known defect counts before a package that was not checked."""
        if self.defects:
            return Verdict.DEFECTS
        return Verdict.CLEAN if self.checked and not self.unchecked else Verdict.NOT_CHECKED

    def describe(self) -> Iterable[str]:
        """Yield the lines that tell a person the result."""
        yield from map(str, self.defects)
        if self.unchecked:
            yield f"not checked: {', '.join(sorted(self.unchecked))}"
        if not self.checked:
            yield "not checked: no advisory service answered"
        elif self.verdict is Verdict.CLEAN:
            yield f"packages checked: {len(self.checked)}, no known defect"


def read_report(report: str) -> Audit:
    """Read the JSON report of pip-audit; a text that is not one says that nothing was checked."""
    try:
        rows: list[Mapping[str, Any]] = json.loads(report)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return Audit()
    rows = [row for row in rows if row["name"] != OURS]
    return Audit(
        frozenset(row["name"] for row in rows if "vulns" in row),
        tuple(
            Defect(row["name"], row["version"], known["id"], tuple(known.get("fix_versions", ())))
            for row in rows
            for known in row.get("vulns", ())
        ),
        frozenset(row["name"] for row in rows if "vulns" not in row),
    )


def merge(audits: Iterable[Audit]) -> Audit:
    """Return what several services say together: a package is unchecked only if none of them checked it."""
    audits = tuple(audits)
    checked = frozenset[str]().union(*(audit.checked for audit in audits))
    return Audit(
        checked,
        tuple(dict.fromkeys(defect for audit in audits for defect in audit.defects)),
        frozenset[str]().union(*(audit.unchecked for audit in audits)) - checked,
    )


def ask(service: str, packages: Path) -> Audit:
    """Ask one service about the packages in a directory. A service that fails or hangs has checked nothing."""
    command = [sys.executable, "-I", "-m", "pip_audit", "--format", "json", "--progress-spinner", "off"]
    command += ["--vulnerability-service", service, "--path", str(packages)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=DEADLINE)
    except subprocess.TimeoutExpired:
        return Audit()
    return read_report(done.stdout)


def main() -> Verdict:
    """Ask each service until all packages are checked; print and return the result."""
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(ROOT / ".venv")}))
    audit = Audit()
    for service in SERVICES:
        audit = merge((audit, ask(service, packages)))
        if audit.checked and not audit.unchecked:
            break
    sys.stdout.writelines(line + "\n" for line in audit.describe())
    return audit.verdict


if __name__ == "__main__":
    sys.exit(main())
