"""The result of a change, for people and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from confobjects.objects.reading import mask_secret
from confobjects.texts.visible import make_visible

from .colour import Role, Styled, join_lines

if TYPE_CHECKING:
    from collections.abc import Iterable

    from confobjects.actions import Say
    from confobjects.diagnostics import Diagnostic
    from confobjects.objects.changes import Action, ChangeReport, ObjectChange
    from confobjects.objects.model import DeferredCheck

    from ..invocation import Invocation


def tell_changes(invocation: Invocation, report: ChangeReport, done: str) -> int:
    """Report the result of a change. ``done`` is the sentence for a change that was made."""
    if invocation.form == "json":
        _tell_json(invocation, report)
        return 0
    invocation.warn(choose_warnings(invocation, report.warnings))
    if not report.changed:
        invocation.tell_success("Nothing would change." if invocation.dry_run else "Nothing changed.")
        return 0
    if invocation.dry_run:
        invocation.say(join_lines(plan_lines(report.changes)))
    else:
        saved = "Configuration saved. " if any(change.test for change in report.changes) else ""
        invocation.tell_success(f"{saved}{done}")
        _tell_tests(invocation, report)
    touched = {(change.new_path or change.path, name) for change in report.changes for name in change.names()}
    for deferred in report.deferred:
        # A deferred value that this change does not touch was reported earlier; the JSON lists all.
        if deferred.why == "value" and (deferred.path, deferred.property) not in touched:
            continue
        invocation.note(deferred_line(deferred))
    for change in report.changes:
        if change.restarted:
            invocation.note(make_visible(f"{change.path}: disabled and enabled again by this change"))
    for action in report.admin_actions:
        invocation.note(make_visible(f"{action.path}, {action.property}: {action.synopsis}"))
    return 0


def choose_warnings(invocation: Invocation, warnings: Iterable[Diagnostic]) -> Iterable[Diagnostic]:
    """Return the warnings to print: a script is not told that what it saves was not tested."""
    if invocation.form != "script":
        return warnings
    from ..words.actions import asks_for

    return [warning for warning in warnings if not asks_for((warning,), "test-mail")]


def _tell_tests(invocation: Invocation, report: ChangeReport) -> None:
    if invocation.tests is not None and invocation.tells_people:
        from ..save_tests import tell_tests

        tell_tests(invocation.say_sentences, invocation.tests, report.changes)


def deferred_line(deferred: DeferredCheck) -> str:
    """Return the line that says what startup will judge."""
    what = f"{deferred.property} = {deferred.text}" if deferred.property else f"the constraint {deferred.text}"
    if deferred.why == "required-when":
        what = f"{deferred.property}, which is required when {deferred.text}"
    return make_visible(f"to be checked at startup: {deferred.path}: {what}")


_ACTION_ROLES: Final[dict[Action, Role]] = {
    "create": "added",
    "modify": "changed",
    "rename": "changed",
    "delete": "removed",
}


def style_unified(lines: Iterable[str]) -> Styled:
    """Return the lines of a unified difference, with the roles of what was added and removed."""
    roles: dict[str, Role] = {"+": "added", "-": "removed"}
    return join_lines(Styled.of([(line, roles.get(line[:1], ""))]) for line in lines)


def plan_lines(changes: Iterable[ObjectChange]) -> Iterable[str]:
    """Yield what changes would do, line by line."""
    for change in changes:
        target = f" to {change.new_path}" if change.new_path is not None else ""
        yield Styled.of([(make_visible(f"would {change.action} {change.path}{target}"), _ACTION_ROLES[change.action])])
        for name in change.names():
            before, after = (_shown_texts(change, name, side) for side in (change.before, change.after))
            yield make_visible(f"  {name}: {', '.join(before) or '-'} -> {', '.join(after) or '-'}")


def _shown_texts(change: ObjectChange, name: str, side: Any) -> list[str]:
    prop = change.definition.properties[name]
    return [mask_secret(prop, text) for text in side.get(name, ())]


def _tell_json(invocation: Invocation, report: ChangeReport) -> None:
    from .json import dumps

    invocation.say(dumps(report_as_json(report, dry_run=invocation.dry_run)))


def report_as_json(report: ChangeReport, *, dry_run: bool, say: Say | None = None) -> dict[str, Any]:
    """Return the result of a change for programs; ``say`` words the actions of remedies, if not as the command line does."""
    from ..words.actions import word

    changes = []
    for change in report.changes:
        item: dict[str, Any] = {
            "path": str(change.path),
            "action": change.action,
            "properties": {
                name: {
                    "before": _shown_texts(change, name, change.before),
                    "after": _shown_texts(change, name, change.after),
                }
                for name in change.names()
            },
        }
        if change.new_path is not None:
            item["new_path"] = str(change.new_path)
        if change.restarted:
            item["restarted"] = True
        if change.test:
            item["test"] = change.test
        changes.append(item)
    return {
        "changed": report.changed,
        "dry_run": dry_run,
        "changes": changes,
        "admin_actions": [
            {"path": str(a.path), "property": a.property, "action": a.action, "synopsis": a.synopsis}
            for a in report.admin_actions
        ],
        "deferred": [
            {"path": str(d.path), "property": d.property, "text": d.text, "why": d.why} for d in report.deferred
        ],
        "warnings": [warning.as_json(say or word) for warning in report.warnings],
    }
