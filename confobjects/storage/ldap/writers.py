"""Names of writers, from which another process can tell whether a writer is still alive.

A name contains where the process runs (machine, boot and process namespace), its process number, its start time, and
the end of its lease. On the same machine a missing process is known to be dead at once. A process on another machine
counts as alive until its lease ends.
"""

from __future__ import annotations

import os
from typing import Final

from confobjects.texts.numbers import read_number

LEASE: Final = 60.0
"""The lease in seconds: how long a writer may be silent. It is much longer than clocks of machines usually differ."""
PROMPT: Final = 15.0
"""The lease of a writer that makes one change, as soon as its record is written."""
RENEWAL: Final = 15.0
"""Seconds after which a writer that is still working renews its lease."""


def make_name(now: float, lease: float = LEASE) -> str:
    """Return the name of this process, with a lease that starts now (seconds since the epoch)."""
    return f"{_machine_name()} {os.getpid()} {_start_time(os.getpid())} {now + lease:.3f}"


def is_alive(writer: str, now: float) -> bool:
    """Tell whether the process of a name may still be working. An unreadable name counts as dead."""
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


def is_known_dead(writer: str) -> bool:
    """Tell whether the process of a name has surely ended: it ran on this machine, and is not there any more."""
    parts = writer.split()
    if len(parts) != 4:
        return False
    machine, number, began, _ = parts
    process = read_number(number)
    return machine == _machine_name() and machine != "-" and process is not None and _start_time(process) != began


def is_this_process(writer: str) -> bool:
    """Tell whether a name is one of this process."""
    return writer.split()[:3] == make_name(0).split()[:3]


def _machine_name() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            boot = file.read().strip()
        return f"{boot}/{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return "-"


def _start_time(number: int) -> str:
    """Return the start time of a process in ticks since boot, or nothing if there is no such process."""
    try:
        with open(f"/proc/{number}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return "-"
    return "-" if fields[0] in "ZX" else fields[19]
