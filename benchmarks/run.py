"""Run the benchmarks, or the named ones: ``python -m benchmarks.run [cold_start] [loading]``.

The exit status is 1 if a promise was not kept.
"""

from __future__ import annotations

import importlib
import sys

from benchmarks.harness import BenchmarkError, Report, Skipped

BENCHMARKS = (
    "cold_start",
    "installed",
    "loading",
    "declarative",
    "batch",
    "live",
    "followers",
    "ldap",
    "mail",
    "service",
    "web",
    "opendj",
)
"""One module each, with ``measure() -> Report``."""
BY_NAME = ("lost_updates", "server_live")
"""The same, but they take long and run only if they are named."""


def main(names: list[str]) -> int:
    """Measure, show and save."""
    known = (*BENCHMARKS, *BY_NAME)
    unknown = set(names) - set(known)
    if unknown:
        print(
            f"no such benchmark: {', '.join(sorted(unknown))}; known benchmarks: {', '.join(known)}",
            file=sys.stderr,
        )
        return 2
    kept = True
    for name in names or BENCHMARKS:
        try:
            report: Report = importlib.import_module(f"benchmarks.{name}").measure()
        except Skipped as reason:
            print(f"{name}: skipped: {reason}", file=sys.stderr)
            continue
        except BenchmarkError as error:
            print(f"{name}: {error}", file=sys.stderr)
            return 1
        print(report.title, *report.lines, *report.targets, "", sep="\n", flush=True)
        report.save()
        kept = kept and all(target.kept for target in report.targets)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
