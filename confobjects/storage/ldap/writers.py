"""Names of writers, by which another process tells whether one still lives.

A name is where the process runs (machine, boot and process namespace), its number, when it began, and until when it
may be silent. On the same machine a process that is gone is dead at once; of one elsewhere nobody knows before its
time is up.
"""

from __future__ import annotations

import os
from typing import Final

LEASE: Final = 60.0
"""Seconds a writer may be silent. Clocks of different machines may differ by much less than that."""
RENEWAL: Final = 15.0
"""Seconds after which a writer that is still at it says so."""


def make_name(now: float) -> str:
    """Return the name of this process, good for the lease from now (seconds since the epoch)."""
    return f"{_machine_name()} {os.getpid()} {_start_time(os.getpid())} {now + LEASE:.3f}"


def is_alive(writer: str, now: float) -> bool:
    """Tell whether the process of a name may still be at work. A name that cannot be read is nobody's."""
    parts = writer.split()
    if len(parts) != 4:
        return False
    machine, number, began, until = parts
    try:
        if float(until) < now:
            return False
        if machine != _machine_name() or machine == "-":
            return True
        return _start_time(int(number)) == began
    except ValueError:
        return False


def _machine_name() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            boot = file.read().strip()
        return f"{boot}/{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return "-"


def _start_time(number: int) -> str:
    """When a process began, in ticks since boot; nothing where there is no such process."""
    try:
        with open(f"/proc/{number}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return "-"
    return "-" if fields[0] in "ZX" else fields[19]
