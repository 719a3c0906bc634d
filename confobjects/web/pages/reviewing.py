"""What a change does or would do, as pages show it: line by line as in the terminal, and as the commands that make it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from confobjects.cli.output.equivalents import equivalent_command
from confobjects.definitions.model import HOLDER_KIND
from confobjects.errors import ConfobjectsError
from confobjects.management.changing.operations import Operation
from confobjects.objects.reading import mask_secret
from confobjects.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from confobjects.definitions import PropertyDefinition, Registry
    from confobjects.diagnostics import Diagnostic
    from confobjects.management.documents.comparing import Difference
    from confobjects.management.history.records import HistoryRecord, RecordedChange
    from confobjects.objects.changes import ChangeReport, ObjectChange


T = TypeVar("T")

MOST: Final = 50
"""Objects whose changes are shown; of a larger change, the number of the others is told."""


class ShownValue(Record):
    """A property that changes: its values before and after, as they may be shown."""

    name: str
    before: tuple[str, ...]
    after: tuple[str, ...]


class ShownChange(Record):
    """What happens to one object."""

    action: str
    path: str
    new_path: str
    values: tuple[ShownValue, ...]
    notes: tuple[str, ...] = ()


class Plan(Record):
    """What a change does to the configuration, and what it means for running services.

    ``changes`` are those of the first objects, ``more`` is the number of the others.
    """

    changes: tuple[ShownChange, ...]
    more: int = 0
    actions: tuple[str, ...] = ()
    deferred: tuple[str, ...] = ()
    warnings: tuple[Diagnostic, ...] = ()


def _show_first(changes: Sequence[T], show: Callable[[T], ShownChange]) -> Plan:
    return Plan(tuple(map(show, changes[:MOST])), max(0, len(changes) - MOST))


def show_plan(report: ChangeReport) -> Plan:
    """Return what a change would do."""
    touched = {(change.new_path or change.path, name) for change in report.changes for name in change.names()}
    deferred = [one for one in report.deferred if one.why != "value" or (one.path, one.property) in touched]
    return _show_first(report.changes, _show_change).replace(
        actions=tuple(f"{one.property} of {one.path}: {one.synopsis}" for one in report.admin_actions),
        deferred=tuple(f"{one.path}: {one.property} {one.text}" for one in deferred[:MOST]),
        warnings=report.warnings,
    )


def _show_change(change: ObjectChange) -> ShownChange:
    values = []
    for name in change.names():
        prop = change.definition.properties[name]
        before, after = (
            tuple(mask_secret(prop, text) for text in side.get(name, ())) for side in (change.before, change.after)
        )
        values.append(ShownValue(name, before, after))
    notes = ("disabled and enabled again by this change",) if change.restarted else ()
    return ShownChange(change.action, str(change.path), _text_of(change.new_path), tuple(values), notes)


def show_record(one: HistoryRecord) -> Plan:
    """Return what a change of the history did."""
    return _show_first(one.changes, _show_recorded)


_TESTS = {
    "tested": "tested before it was saved",
    "untested": "saved without a test",
    "declined": "saved without a test",
}


def _show_recorded(change: RecordedChange) -> ShownChange:
    values = tuple(ShownValue(name, change.before.get(name, ()), change.after.get(name, ())) for name in change.names)
    restarted = ("disabled and enabled again by this change",) if change.restarted else ()
    tested = (_TESTS[change.test],) if change.test else ()
    return ShownChange(change.action, str(change.path), _text_of(change.new_path), values, (*restarted, *tested))


def show_differences(found: Sequence[Difference]) -> Plan:
    """Return in what two versions of a configuration differ."""
    return _show_first(found, _show_difference)


def _show_difference(one: Difference) -> ShownChange:
    values = tuple(ShownValue(name, pair.before, pair.after) for name, pair in one.properties.items())
    hidden = (f"{name} has another value" for name, pair in one.properties.items() if pair.another)
    remarks = (f"{name}: {pair.remark}" for name, pair in one.properties.items() if pair.remark)
    return ShownChange(one.action, str(one.path), _text_of(one.new_path), values, (*hidden, *remarks))


def _text_of(path: object) -> str:
    return "" if path is None else str(path)


# -- after a save ------------------------------------------------------------------------------------------------------


def list_commands(one: HistoryRecord, registry: Registry) -> list[str]:
    """Return the commands that make a change of the history again; none where no command does, and where nobody would type them."""
    if len(one.changes) > MOST:
        return []
    try:
        return [equivalent_command(operation, registry) for operation in _find_operations(one, registry)]
    except (ConfobjectsError, KeyError):  # the definitions no longer know its objects
        return []


def _find_operations(one: HistoryRecord, registry: Registry) -> Iterator[Operation]:
    from confobjects.objects.changes import PropertyChanges

    if any(change.path.relation == HOLDER_KIND for change in one.changes):
        return
    renamed = any(change.action == "rename" for change in one.changes)
    for change in one.changes:
        if change.action == "rename" and change.new_path is not None:
            yield Operation("rename", change.path.relation, change.path.names, new_name=change.new_path.name or "")
        elif not renamed:  # references that follow a rename are changed by it
            relation = registry.relation(change.path.relation)
            kind = registry.short_name_of(change.type, relation) if change.action == "create" else None
            given = {name: texts for name, texts in change.after.items() if texts}
            reset = tuple(name for name in change.names if not change.after.get(name))
            changes = PropertyChanges(set=given, reset=() if change.action == "create" else reset)
            if change.action == "delete":
                changes = PropertyChanges()
            yield Operation(change.action, relation.name, change.path.names, kind, changes)


def list_actions(one: HistoryRecord, registry: Registry) -> list[str]:
    """Return what an administrator may have to do so that a change takes effect."""
    found: dict[str, None] = {}
    for change in one.changes:
        properties = _find_properties(change, registry)
        for name in change.names if change.action == "modify" else ():
            action = properties[name].admin_action if name in properties else None
            if action is not None and action.kind != "none":
                found[f"{name} of {change.path}: {action.as_sentence()}"] = None
    return list(found)


def _find_properties(change: RecordedChange, registry: Registry) -> Mapping[str, PropertyDefinition]:
    return registry.definition(change.type).properties if change.type in registry else {}
