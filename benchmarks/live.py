"""What a running service spends on one change: the rule of what is in effect, among many objects, in CPU time."""

from __future__ import annotations

from statistics import median
from time import process_time

from benchmarks.harness import Report, Target
from confobjects.effect import LiveState, StoredState, advance, begin, evaluate_object, read_stored, update_stored
from confobjects.management.history.records import HistoryRecord, RecordedChange
from confobjects.management.site import ChangeSignature
from confobjects.objects.evaluating import evaluate_defaults
from confobjects.objects.model import ManagedObject
from confobjects.startup import load_registry

SIZES = (1_000, 10_000, 100_000)
ROUNDS = 300
LIMIT = 50.0
"""Milliseconds for one change among 100,000 objects. The slowest ones meet a collection of garbage."""


class Service:
    """A service that runs on mail servers, and hears of each change."""

    def __init__(self, objects: int) -> None:
        self.registry = load_registry()
        definition = self.registry.definition("mail-server")
        values = {"enabled": ("true",), "smtp-server": ("smtp.example.com",)}
        self.names = [f"server {number}" for number in range(objects)]
        made = (ManagedObject(self.registry.path_of("mail-server", name), definition, values) for name in self.names)
        self.stored: StoredState = read_stored(self.registry, evaluate_defaults, made, number=0)
        self.state: LiveState = begin(self.registry, evaluate_defaults, self.stored)

    def change(self, turn: int, name: str, text: str) -> float:
        """Change one object; return the milliseconds from the new object to the new state in effect."""
        path = self.registry.path_of("mail-server", self.names[turn * 3 % len(self.names)])
        old = self.stored.objects[path].object
        new = old.replace(values={**old.values, name: (text,)})
        made = RecordedChange(path, "modify", "mail-server", {name: old.values.get(name, ())}, {name: (text,)})
        number = (self.stored.number or 0) + 1
        start = process_time()
        evaluated = evaluate_object(new, self.registry, evaluate_defaults)
        self.stored = update_stored(self.stored, {path: evaluated}, number=number)
        self.state, events = advance(
            self.state, self.stored, [HistoryRecord(number, "done", ChangeSignature(), (made,))]
        )
        taken = (process_time() - start) * 1000
        assert len(events) == 1
        return taken


def measure() -> Report:
    """Change one object after the other, among more and more."""
    report = Report("live", "one change in a running service, without the storage; CPU time")
    report.lines.append(f"{'objects':>9} {'begin':>10} {'median':>10} {'slowest':>10}")
    for objects in SIZES:
        start = process_time()
        service = Service(objects)
        began = process_time() - start
        taken = [service.change(turn, "smtp-server", f"h{turn}.example.com") for turn in range(ROUNDS)]
        report.lines.append(f"{objects:>9,} {began:8.2f} s {median(taken):7.2f} ms {max(taken):7.2f} ms")
        report.figures[str(objects)] = {"begin_s": round(began, 3), "median_ms": round(median(taken), 3)}
        if objects == SIZES[-1]:
            report.targets.append(Target("one change among 100,000 objects, median", LIMIT, median(taken), "ms"))
    return report
