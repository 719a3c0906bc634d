"""Sending mail, compared with smtplib and Postfix's smtp-source: messages per second, round trips, memory.

All send to one smtp-sink in turns (A B C, A B C). The sink and the client each have a processor core of their own, as
on two machines. Ratios are medians of the ratios per round. A proxy with a delay counts the round trips.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.harness import MEBIBYTE, RESULTS, BenchmarkError, Report, Target, environment
from benchmarks.mail_plot import bars, text_bars
from benchmarks.mail_server import SlowRoad, cores, sink, source

ROUNDS = 9
MESSAGES = 6_000
SEND_LIMIT, MANY_LIMIT, POOL_LIMIT = 1.5, 2.5, 1.0
"""Messages per second: ours divided by smtplib's, and by smtp-source's."""
LIVE_LIMIT = 1.05
"""Processor time through a mailer that follows its configuration, divided by that through one that does not: equal, but
for noise."""

ROUND_TRIP = 0.020
SLOW_MESSAGES = {"send": 200, "send_many": 500}
SLOW_POOL = 1000
TRIPS_LIMIT = {"send": 2.2, "send_many": 1.2}
MEMORY_MESSAGES = 100_000
GROWTH_LIMIT = 2.0
LARGE_LIMIT = 8.0
"""MiB: between the first tenth of many messages and the last, and while 50 MB are sent."""

SESSIONS = (1, 2, 4, 8)
USUAL = 4
"""Sessions: the default limit of the pool."""


class Client(NamedTuple):
    """A sender: a mode of the client script, or ``source``, and the number of sessions."""

    mode: str
    sessions: int = 1

    @property
    def shown(self) -> str:
        """The name in a table."""
        if self.mode == "source":
            return f"smtp-source, {self.sessions} session{'s' if self.sessions > 1 else ''}"
        names = {
            "smtplib": "smtplib, reused",
            "send": "send, one per call",
            "send_many": "send_many",
            "send_live": "send, live",
            "send_many_live": "send_many, live",
        }
        return names[self.mode] + (f", {self.sessions} connections" if self.sessions > 1 else "")


SMTPLIB, SEND, SEND_MANY = Client("smtplib"), Client("send"), Client("send_many")
POOLS = {sessions: (Client("send_many", sessions), Client("source", sessions)) for sessions in SESSIONS}
CLIENTS = (SMTPLIB, SEND, *(client for pair in POOLS.values() for client in pair))


def measure() -> Report:
    """Measure everything."""
    report = Report("mail", "Sending mail: messages of 1 KB to smtp-sink over kept connections, in turns")
    with sink() as port:
        _throughput(report, port)
        _following(report, port)
        _round_trips(report, port)
        _memory(report, port)
    return report


def run_client(client: Client, port: int, messages: int, recipients: int = 1) -> dict[str, Any]:
    """Run one client process to its end on the client's core, and return its output."""
    script = Path(__file__).with_name("mail_client.py")
    numbers = map(str, (port, messages, recipients, client.sessions))
    done = _run([sys.executable, "-I", str(script), client.mode, *numbers])
    facts: dict[str, Any] = json.loads(done)
    return facts


def _run(words: Sequence[str]) -> str:
    _, client = cores()
    done = subprocess.run(
        words,
        capture_output=True,
        text=True,
        check=False,
        env=environment("/"),
        preexec_fn=lambda: os.sched_setaffinity(0, client),
    )
    if done.returncode:
        raise BenchmarkError(f"{' '.join(words)}\n{done.stdout}{done.stderr}")
    return done.stdout


# -- messages a second -------------------------------------------------------------------------------------------------


def _throughput(report: Report, port: int) -> None:
    rates: dict[Client, list[float]] = {client: [] for client in CLIENTS}
    busy: dict[Client, list[float]] = {client: [] for client in CLIENTS}
    for number in range(ROUNDS + 1):
        for client in CLIENTS:
            rate, processor = _rate(client, port)
            if number:  # the first round is a warm-up
                rates[client].append(rate)
                busy[client].append(processor)
    report.lines.append(f"{'':26} {'messages/s':>10} {'of smtplib':>10} {'processor':>13}")
    for client in CLIENTS:
        median, ratio = statistics.median(rates[client]), _ratio(rates[client], rates[SMTPLIB])
        spent = statistics.median(busy[client]) * 1e6
        told = f"{spent:8.1f} µs" if spent else ""
        report.lines.append(f"{client.shown:26} {median:10,.0f} {ratio:9.2f}x {told:>13}")
        report.figures[client.shown] = {
            "messages_per_second": round(median),
            "of_smtplib": round(ratio, 3),
            "processor_microseconds": round(spent, 1),
        }
    _draw(report, [(c.shown, statistics.median(rates[c]), c.mode not in ("smtplib", "source")) for c in CLIENTS])
    promises = [(SEND, SMTPLIB, SEND_LIMIT), (SEND_MANY, SMTPLIB, MANY_LIMIT)]
    promises += [(ours, theirs, POOL_LIMIT) for ours, theirs in POOLS.values()]
    for ours, theirs, limit in promises:
        # A promise is a maximum, so it is the share of the peer's time.
        measured = 1 / _ratio(rates[ours], rates[theirs])
        report.targets.append(Target(f"{ours.shown}: time of {theirs.shown}", 1 / limit, measured, "times"))


def _draw(report: Report, chart: Sequence[tuple[str, float, bool]]) -> None:
    report.lines += ["", *text_bars(chart), ""]
    RESULTS.mkdir(exist_ok=True)
    svg = bars("Messages of 1 KB a second, one smtp-sink", "/s", chart)
    (RESULTS / "mail.svg").write_text(svg, encoding="utf-8")


def _rate(client: Client, port: int) -> tuple[float, float]:
    """Return messages per second, and processor seconds per message."""
    if client.mode == "source":
        messages = MESSAGES * 2  # its start is counted too, so it sends more of them
        began = time.perf_counter()
        _run(source(port, client.sessions, messages))
        return messages / (time.perf_counter() - began), 0.0
    taken = run_client(client, port, MESSAGES)
    return MESSAGES / taken["seconds"], taken["processor"] / MESSAGES


def _ratio(rates: Sequence[float], against: Sequence[float]) -> float:
    return statistics.median(one / other for one, other in zip(rates, against, strict=True))


# -- following a configuration -----------------------------------------------------------------------------------------


def _following(report: Report, port: int) -> None:
    """Send through a mailer of a live configuration and through one of a fixed one, in turns; compare processor time."""
    pairs = [(Client("send_live"), SEND), (Client("send_many_live"), SEND_MANY)]
    busy: dict[Client, list[float]] = {client: [] for pair in pairs for client in pair}
    for number in range(ROUNDS + 1):
        for client, found in busy.items():
            _, processor = _rate(client, port)
            if number:  # the first round is a warm-up
                found.append(processor)
    for ours, fixed in pairs:
        spent = statistics.median(busy[ours]) * 1e6
        report.lines.append(f"{ours.shown:26} {'':21} {spent:8.1f} µs")
        report.figures[ours.shown] = {"processor_microseconds": round(spent, 1)}
        ratio = _ratio(busy[ours], busy[fixed])
        report.targets.append(Target(f"{ours.shown}: processor time of {fixed.shown}", LIVE_LIMIT, ratio, "times"))
    report.lines.append("")


# -- round trips -------------------------------------------------------------------------------------------------------


def _round_trips(report: Report, port: int) -> None:
    report.lines.append(f"{f'at {ROUND_TRIP * 1000:g} ms':34} {'round trips':>11} {'time':>10}")
    for mode, recipients in (("send", 3), ("send_many", 1), ("send_many", 3)):
        messages = SLOW_MESSAGES[mode]
        road = SlowRoad(port, ROUND_TRIP)
        taken = run_client(Client(mode), road.port, messages, recipients)
        road.close()
        everything = messages + 100  # including the warm-up
        trips, spent = road.trips / everything, taken["seconds"] / messages
        shown = f"{mode}, {recipients} recipient{'s' if recipients > 1 else ''}, all or nothing"
        report.lines.append(f"{shown:34} {trips:11.2f} {spent * 1000:7.1f} ms")
        report.figures[f"{mode}, {recipients}"] = {
            "round_trips": round(trips, 3),
            "milliseconds": round(spent * 1000, 2),
            "connections": road.connections,
        }
        report.targets.append(Target(f"round trips, {shown}", TRIPS_LIMIT[mode], trips, "a message"))
    ours = SlowRoad(port, ROUND_TRIP)
    our_pool, their_pool = POOLS[USUAL]
    taken = run_client(our_pool, ours.port, SLOW_POOL)["seconds"]
    ours.close()
    theirs = SlowRoad(port, ROUND_TRIP)
    began = time.perf_counter()
    _run(source(theirs.port, USUAL, SLOW_POOL))
    peer = time.perf_counter() - began
    theirs.close()
    for client, seconds in ((our_pool, taken), (their_pool, peer)):
        report.lines.append(f"{client.shown:34} {'':11} {seconds / SLOW_POOL * 1000:7.1f} ms")
    report.figures["pool, slow"] = {"milliseconds": round(taken / SLOW_POOL * 1000, 2)}
    report.figures["source, slow"] = {"milliseconds": round(peer / SLOW_POOL * 1000, 2)}
    name = f"{our_pool.shown} at {ROUND_TRIP * 1000:g} ms: time of {their_pool.shown}"
    report.targets.append(Target(name, 1 / POOL_LIMIT, taken / peer, "times"))
    report.lines.append("")


# -- memory ------------------------------------------------------------------------------------------------------------


def _memory(report: Report, port: int) -> None:
    taken = run_client(SEND_MANY, port, MEMORY_MESSAGES)
    growth = (taken["memory"] - taken["memory_tenth"]) / MEBIBYTE
    highest = taken["memory"] / MEBIBYTE
    report.lines.append(
        f"{MEMORY_MESSAGES:,} messages: {highest:.1f} MiB at most, {growth:.2f} MiB of it after a tenth"
    )
    report.figures["memory"] = {"highest_mib": round(highest, 1), "growth_mib": round(growth, 2)}
    report.targets.append(Target(f"memory, {MEMORY_MESSAGES:,} messages", GROWTH_LIMIT, growth, "MiB more"))
    taken = run_client(Client("large"), port, 3)
    more = (taken["memory"] - taken["memory_before"]) / MEBIBYTE
    seconds = taken["seconds"] / 3
    report.lines.append(f"a message of 50 MB from a file: {seconds:.2f} s, {more:.1f} MiB more memory")
    report.figures["large"] = {"seconds": round(seconds, 3), "more_mib": round(more, 2)}
    report.targets.append(Target("memory, a message of 50 MB", LARGE_LIMIT, more, "MiB more"))
