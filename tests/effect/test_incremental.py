"""A change is worked out for the object, its users and its heirs, however many others there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from confobjects.definitions import Registry
from confobjects.effect import (
    Event,
    LiveState,
    StoredState,
    advance,
    begin,
    evaluate_object,
    read_stored,
    update_stored,
)
from confobjects.effect.world import HeldJudge, HeldReader
from confobjects.management.history.records import HistoryRecord, RecordedChange
from confobjects.management.site import ChangeSignature
from confobjects.objects.evaluating import evaluate_defaults
from confobjects.objects.judging import Judge, Judgement
from confobjects.objects.model import ManagedObject, Reading
from tests.definitions.documents import builtin, depot
from tests.effect.services import judge_everything


class Steps:
    """Counts which objects are judged and read."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.judged: Counter[str] = Counter()
        self.read: Counter[str] = Counter()
        patch.setattr(HeldJudge, "judge", self.count_judgements())
        patch.setattr(HeldReader, "read", self.count_readings(HeldReader.read))

    def count_judgements(self) -> Any:
        def judge(judge: HeldJudge, obj: ManagedObject) -> Judgement:
            self.judged[str(obj.path)] += 1
            return Judge.judge(judge, obj)

        return judge

    def count_readings(self, read: Any) -> Any:
        def count(reader: HeldReader, obj: ManagedObject, prop: Any) -> Reading:
            self.read[str(obj.path)] += 1
            found: Reading = read(reader, obj, prop)
            return found

        return count


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    return Steps(monkeypatch)


class Site:
    """Objects of a family, and changes of single ones as the facade hands them over."""

    def __init__(self, registry: Registry, objects: Mapping[str, tuple[str, dict[str, str]]]) -> None:
        self.registry = registry
        made = [self.make(path, type_name, values) for path, (type_name, values) in objects.items()]
        self.stored: StoredState = read_stored(registry, evaluate_defaults, made, number=1)
        self.state: LiveState = begin(registry, evaluate_defaults, self.stored)

    def make(self, path: str, type_name: str, values: dict[str, str]) -> ManagedObject:
        texts = {name.replace("_", "-"): (text,) for name, text in values.items()}
        return ManagedObject(self.registry.parse_path(path), self.registry.definition(type_name), texts)

    def change(self, path: str, **values: str) -> HistoryRecord:
        """Change an object in the storage; return the record of the change."""
        where = self.registry.parse_path(path)
        old = self.stored.objects[where].object
        texts = {name.replace("_", "-"): (text,) for name, text in values.items()}
        new = old.replace(values={**old.values, **texts})
        before = {name: old.values.get(name, ()) for name in texts}
        change = RecordedChange(where, "modify", old.definition.name, before, texts)
        number = (self.stored.number or 0) + 1
        evaluated = evaluate_object(new, self.registry, evaluate_defaults)
        seen = self.stored.changed or frozenset()
        self.stored = update_stored(self.stored, {where: evaluated}, number=number)
        self.stored = self.stored.replace(changed=seen | {where})
        return HistoryRecord(number, "done", ChangeSignature(), (change,))

    def look(self, history: list[HistoryRecord]) -> tuple[Event, ...]:
        self.state, events = advance(self.state, self.stored, history)
        self.stored = self.stored.replace(changed=frozenset())
        return events

    def set(self, path: str, **values: str) -> tuple[Event, ...]:
        """Change an object, in one change of the history, and look."""
        return self.look([self.change(path, **values)])


def mail_servers(count: int) -> Site:
    objects: dict[str, tuple[str, dict[str, str]]] = {}
    for number in range(count):
        objects[f"/trust-manager-provider/p{number}"] = ("blind-trust-manager-provider", {"enabled": "true"})
        for side in "ab":
            objects[f"/mail-server/{side}{number}"] = (
                "mail-server",
                {"enabled": "true", "smtp_server": "h.example.com", "trust_manager_provider": f"p{number}"},
            )
    return Site(builtin(), objects)


def queues(count: int) -> Site:
    objects: dict[str, tuple[str, dict[str, str]]] = {"/depot-settings": ("depot-settings", {})}
    for number in range(count):
        objects[f"/queue/q{number}"] = ("memory-queue", {"enabled": "true", "batch_size": "7"})
        objects[f"/queue/q{number}/consumer/cn"] = ("consumer", {"channel": "cn"})
    objects["/queue/heir"] = ("memory-queue", {"enabled": "true"})
    objects["/queue/heir/consumer/cn"] = ("consumer", {"channel": "cn"})
    objects["/queue/heir/consumer/sn"] = ("consumer", {"channel": "sn", "batch_size": "8"})
    return Site(depot(), objects)


@pytest.mark.parametrize("count", [3, 300])
def test_a_change_of_one_object_is_worked_out_for_it_alone(steps: Steps, count: int) -> None:
    site = mail_servers(count)
    steps.judged.clear()
    steps.read.clear()
    (event,) = site.set("/mail-server/a1", smtp_server="other.example.com")
    assert event.properties == ("smtp-server",)
    assert set(steps.judged) == {"/mail-server/a1"}
    assert set(steps.read) == {"/mail-server/a1", "/trust-manager-provider/p1"}
    assert steps.judged.total() <= 2
    assert steps.read.total() <= 40


@pytest.mark.parametrize("count", [3, 300])
def test_a_change_of_a_target_is_worked_out_for_its_users_if_it_may_matter_to_them(steps: Steps, count: int) -> None:
    site = mail_servers(count)
    users = {"/mail-server/a1", "/mail-server/b1"}
    site.set("/mail-server/a1", use_start_tls="false")
    site.set("/mail-server/b1", use_start_tls="false", use_ssl="true")
    steps.judged.clear()
    steps.read.clear()
    site.set("/trust-manager-provider/p1", enabled="false")
    assert site.state.problems != ()  # b1 needs it
    assert set(steps.judged) == {"/trust-manager-provider/p1", *users}
    assert set(steps.read) == {"/trust-manager-provider/p1", *users}
    assert steps.judged.total() <= 4


@pytest.mark.parametrize("count", [3, 300])
def test_a_change_of_a_default_is_worked_out_for_its_heirs(steps: Steps, count: int) -> None:
    site = queues(count)
    heirs = {"/queue/heir", "/queue/heir/consumer/cn"}
    steps.judged.clear()
    steps.read.clear()
    events = site.set("/depot-settings", batch_size="60")
    assert {str(one.path): one.properties for one in events} == {
        "/depot-settings": ("batch-size",),
        "/queue/heir": ("batch-size",),
        "/queue/heir/consumer/cn": ("batch-size", "prefetch"),
    }
    assert {one.number for one in events} == {2}
    assert set(steps.judged) == {"/depot-settings", *heirs}
    assert set(steps.read) == {"/depot-settings", *heirs}
    steps.judged.clear()
    site.set("/depot-settings", ticket_key="k")
    assert set(steps.judged) == {"/depot-settings"}


def test_many_changes_that_are_seen_at_once_are_worked_out_one_by_one(steps: Steps) -> None:
    site = mail_servers(30)
    site.look([])
    steps.judged.clear()
    history = [site.change(f"/mail-server/a{turn % 30}", smtp_server=f"h{turn}.example.com") for turn in range(1, 301)]
    events = site.look(history)
    assert [one.number for one in events] == list(range(2, 302))
    assert steps.judged.total() <= 2 * 300
    assert site.state.effect is site.state.stored


def test_what_waits_elsewhere_is_not_worked_out_again(steps: Steps) -> None:
    site = mail_servers(50)
    for number in range(50):
        site.set(f"/mail-server/a{number}", use_ssl="true", use_start_tls="false")
    assert len(site.state.pending) == 50
    steps.judged.clear()
    steps.read.clear()
    site.set("/mail-server/b7", smtp_server="other.example.com")
    assert set(steps.judged) == {"/mail-server/b7"}
    assert set(steps.read) == {"/mail-server/b7", "/trust-manager-provider/p7"}
    site.set("/mail-server/a7", enabled="false")
    assert set(steps.judged) == {"/mail-server/b7", "/mail-server/a7"}
    assert len(site.state.pending) == 49
    assert judge_everything(site.state) == []


def test_what_does_not_hold_is_not_forgotten_by_a_change_of_another_object() -> None:
    site = mail_servers(3)
    site.set("/mail-server/a1", use_ssl="true", smtp_server="a.example.com")
    assert {one.path for one in site.state.problems} == {"/mail-server/a1"}
    assert site.set("/mail-server/b1", smtp_server="b.example.com") == ()
    assert {one.path for one in site.state.problems} == {"/mail-server/a1"}
    assert site.state.number == 1
    events = site.set("/mail-server/a1", use_ssl="false")
    assert {(str(one.path), one.properties) for one in events} == {
        ("/mail-server/a1", ("smtp-server",)),
        ("/mail-server/b1", ("smtp-server",)),
    }
    assert (site.state.number, site.state.problems) == (4, ())
