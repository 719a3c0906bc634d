"""The tests that one change makes of what it saves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from confobjects.management.changing.trials import (
    SaveTester,
    TestDecision,
    describe_state,
    find_depended,
    find_saved,
    refuse_changed,
    refuse_reused,
)

if TYPE_CHECKING:
    from confobjects.diagnostics import Diagnostic
    from confobjects.management.changing.outcomes import ObjectOutcome
    from confobjects.management.changing.requests.draft import Draft
    from confobjects.management.site import Site
    from confobjects.objects.changes import ChangeReport
    from confobjects.objects.judging import Judge
    from confobjects.objects.model import ManagedObject
    from confobjects.paths import ManagedObjectPath


class Trial:
    """Decides what is tested of a change, tests it, and knows afterwards whether it still is what was tested."""

    def __init__(self, tester: SaveTester, decision: TestDecision) -> None:
        self._tester = tester
        self._decision = decision
        self._states: dict[ManagedObjectPath, Any] = {}
        """The states of the tested objects, and of those that they depend on, when they were tested."""

    @property
    def is_due(self) -> bool:
        """Whether something is to be tested before it is saved."""
        return bool(self._decision.tested)

    @property
    def is_done(self) -> bool:
        """Whether something was tested."""
        return bool(self._states)

    def prepare(self, draft: Draft, reused: Sequence[Diagnostic]) -> None:
        """Note the state of what will be tested. Raises an error if a test would use a stored secret with another target."""
        judge = draft.site.make_judge(draft.world)
        depended = find_depended(judge, self._decision.tested)
        refuse_reused(reused, depended)
        self._states = {obj.path: _describe(judge, obj, draft) for obj in depended}

    def run(self, draft: Draft) -> None:
        """Test what will be saved. Raises one error with every failure."""
        decided, done = self._decision, self._tester.test(draft.site, draft.world, self._decision.tested)
        self._decision = TestDecision({**decided.tests, **done.tests}, warnings=(*decided.warnings, *done.warnings))

    def check(self, draft: Draft) -> None:
        """Refuse a change of objects that are not, or depend on others that are not, as they were tested."""
        draft.below.read_ahead(list(self._states))
        judge = draft.site.make_judge(draft.world)
        for path, state in self._states.items():
            obj = draft.world.find(path)
            if obj is None or _describe(judge, obj, draft) != state:
                refuse_changed(path)

    def add_to(self, report: ChangeReport) -> ChangeReport:
        """Return a report that says of each object whether it was tested."""
        tests = self._decision.tests
        changes = tuple(
            change.replace(test=test) if (test := tests.get(change.new_path or change.path)) else change
            for change in report.changes
        )
        return report.replace(changes=changes, warnings=(*report.warnings, *self._decision.warnings))

    def keep(self, site: Site, report: ChangeReport) -> ChangeReport:
        """Keep the results for what is saved now; return the report with a warning for each that cannot be kept."""
        tested = [change.new_path or change.path for change in report.changes if change.test == "tested"]
        unkept = tuple(self._tester.keep(site, tested)) if tested else ()
        return report.replace(warnings=(*report.warnings, *unkept))


def open_trial(tester: SaveTester, saved: Sequence[ManagedObject], draft: Draft) -> Trial:
    """Return the trial of saved objects, with what is decided of each."""
    return Trial(tester, tester.decide(draft.site, draft.world, saved))


def find_saved_in(draft: Draft, planned: Sequence[ObjectOutcome]) -> list[ManagedObject]:
    """Return the objects of a plan that can be tested, and are or may be enabled."""
    return list(find_saved(planned, draft.site.make_reader(draft.world), draft.touched, draft.followed))


def _describe(judge: Judge, obj: ManagedObject, draft: Draft) -> Any:
    place = draft.world.source_of(obj.path)
    return describe_state(judge, obj, None if place is None else draft.below.find(place))
