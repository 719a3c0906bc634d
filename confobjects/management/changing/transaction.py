"""A transaction: changes planned together, visible to each other, judged as a whole and written in one commit."""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Self

from confobjects.definitions.model import HOLDER_KIND
from confobjects.diagnostics import Collector, Diagnostic
from confobjects.errors import error_for
from confobjects.expressions.openers import SEALED
from confobjects.management.approving import ProposedChange
from confobjects.management.changing.commit import ChangeBuilder
from confobjects.management.changing.ordering import sort_outcomes
from confobjects.management.changing.outcomes import ObjectOutcome, find_outcomes, find_targets
from confobjects.management.changing.requests.creating import create
from confobjects.management.changing.requests.deleting import delete
from confobjects.management.changing.requests.draft import Draft, Given
from confobjects.management.changing.requests.modifying import modify, reseal
from confobjects.management.changing.requests.renaming import rename
from confobjects.management.changing.verdict import Verdict
from confobjects.management.world import Overlay, StorageWorld
from confobjects.mapping.objects import find_holders
from confobjects.objects.changes import ChangeReport, PropertyChanges
from confobjects.objects.reading import mask_secret
from confobjects.paths import ManagedObjectPath, Name

if TYPE_CHECKING:
    from types import TracebackType

    from confobjects.definitions import Registry
    from confobjects.definitions.installed import InstalledText
    from confobjects.dn import DN
    from confobjects.management.changing.redefining import Redefinition
    from confobjects.management.changing.sealing import ChangeSealer
    from confobjects.management.changing.trial import Trial
    from confobjects.management.changing.trials import OpenTests
    from confobjects.management.site import Site
    from confobjects.mapping.entry import Change, Entry, Values
    from confobjects.mapping.journal import Note
    from confobjects.objects.changes import ObjectChange
    from confobjects.objects.model import ManagedObject


class Transaction:
    """Changes to the objects of a site, made in a ``with`` block.

    At the end of the block everything is judged; then it is written, or an error with every problem is raised
    and nothing is written. ``report`` holds the outcome after the block. With ``dry_run`` nothing is written
    in any case. ``committed`` is called with the report of a change that was written. With ``accept_losses`` the
    definitions that the configuration holds may give up what protects values. ``expected`` are definitions that will be
    installed by this change, so that it may also change objects of them. ``tests`` makes what decides about tests of
    the objects that are saved, and tests them, see :mod:`~confobjects.management.changing.trials`; without it nothing is
    tested.

    The definitions that count are always those that will be stored, see :mod:`~confobjects.management.changing.redefining`.
    """

    def __init__(  # noqa: PLR0913 - the options of a change, all by keyword
        self,
        site: Site,
        *,
        dry_run: bool = False,
        accept_losses: bool = False,
        expected: Sequence[InstalledText] = (),
        tests: OpenTests | None = None,
        committed: Callable[[ChangeReport], None] | None = None,
    ) -> None:
        self.site = site
        self.dry_run = dry_run
        self._accept_losses = accept_losses
        self._expected = {one.name.casefold(): one for one in expected}
        self._redefinition: Redefinition | None = None
        self._begun = False
        self._committed = committed
        self.report: ChangeReport
        self.undoes: tuple[int, ...] = ()
        """The numbers of the changes that this one takes back."""
        self.prunes = False
        """Whether it deletes what a document leaves out."""
        self._lock: AbstractContextManager[None] = site.storage.writing()
        self._open_tests = tests
        self._trial: Trial | None = None
        self._asked: list[Callable[[Draft], None]] = []
        self._takes_sealed = False
        self._nested = False

    def __repr__(self) -> str:
        return f"<a change of {self.site.storage.url}; requests so far: {len(self._asked)}>"

    def __enter__(self) -> Self:
        self._lock.__enter__()
        self._begin()
        return self

    def _begin(self) -> None:
        """Start from what the storage holds now, without changes."""
        stored = self._read_installed() if self._locks_out or self._begun else self.site.registry.installed
        self._begun = True
        self._stored = self.site.with_registry(self.site.registry.with_installed(stored))
        self._redefinition = None
        self._start(self._stored)
        if self._expected:
            from confobjects.definitions.installed import merge_installed

            self._redefine(merge_installed(stored, self._expected.values()))

    @property
    def _locks_out(self) -> bool:
        return self.site.storage.serialises_writers

    def _read_installed(self) -> tuple[InstalledText, ...]:
        """Return the definitions that the storage holds now."""
        found = find_holders(self.site.storage)
        if not found:
            return ()
        from confobjects.mapping.installed import collect_installed

        return collect_installed(found)

    def _start(self, site: Site) -> None:
        """Start without changes, with the definitions of a site."""
        self.site = site
        self._draft = Draft(site)
        self._reused: Sequence[Diagnostic] = ()

    def replay(self) -> None:
        """Repeat every request on what the storage holds now."""
        self._begin()
        self._repeat()

    def _repeat(self) -> None:
        asked, self._asked = self._asked, []
        for request in asked:
            self._make(request)

    def _make(self, request: Callable[[Draft], None]) -> None:
        """Make a request, and remember it in case the change is planned again; not those that it makes in turn."""
        if self._nested:
            request(self._draft)
            return
        self._nested = True
        try:
            request(self._draft)
        finally:
            self._nested = False
        self._asked.append(request)

    def _redefine(self, installed: tuple[InstalledText, ...]) -> None:
        """Start again with the definitions that will be stored."""
        from confobjects.management.changing.redefining import Redefinition

        self._redefinition = Redefinition(self._stored, installed, self._expected.values())
        self._start(self._redefinition.site)

    def expect_definitions(self, definitions: Iterable[InstalledText]) -> None:
        """Start again with further definitions that this change needs, and repeat the requests so far."""
        self._expected.update((one.name.casefold(), one) for one in definitions)
        nested, self._nested = self._nested, False
        self.replay()
        self._nested = nested

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            self._lock.__exit__(kind, error, trace)
        if kind is None and self.report.changed and not self.dry_run:
            if self._committed is not None:
                self._committed(self.report)
            if self._trial is not None:  # what is kept of an object that was there before has been forgotten by now
                self.report = self._trial.keep(self.site.with_registry(self.registry_after), self.report)

    def take_sealed(self) -> None:
        """Take sealed secrets as they are, where they fit: those of a document, or of the history."""
        self._takes_sealed = True

    @property
    def registry(self) -> Registry:
        """The definitions that count for this change."""
        return self.site.registry

    @property
    def registry_after(self) -> Registry:
        """The definitions that count once this change is made."""
        return self.registry if self._redefinition is None else self._redefinition.target

    @property
    def below(self) -> StorageWorld:
        """The storage as it is, without the changes of this transaction."""
        return self._draft.below

    @property
    def problems(self) -> Collector:
        """The problems of the requests so far."""
        return self._draft.problems

    # -- requests ------------------------------------------------------------------------------------------------

    def create(  # noqa: PLR0913 - the options of a creation
        self,
        kind: str,
        name: Name,
        values: Given,
        *,
        type: str | None = None,  # noqa: A002 - the word of the option
        if_absent: bool = False,
        bare: bool = False,
        exact: bool = False,
        unstated: Collection[str] = (),
        others: Mapping[str, Values] | None = None,
    ) -> None:
        """Create an object of a kind (or one of its types, by short or full name), with values by property.

        A value may be text, the syntax's Python value, or a sequence of them. With ``if_absent`` an existing
        object is left as it is; with ``bare`` the default objects below it are not created; with ``exact`` no
        default of a mandatory property is written. ``unstated`` are secrets among the values that are only kept from
        an object that this one replaces. ``others`` are values of attributes that belong to no property.
        """
        self._make(
            lambda draft: create(
                draft,
                kind,
                name,
                values,
                type=type,
                if_absent=if_absent,
                bare=bare,
                exact=exact,
                unstated=unstated,
                others=others,
            )
        )

    def modify(  # noqa: PLR0913 - the options of a modification
        self,
        kind: str,
        name: Name,
        changes: PropertyChanges,
        *,
        type: str | None = None,  # noqa: A002 - the word of the option
        exact: bool = False,
        unstated: Collection[str] = (),
    ) -> None:
        """Change properties of an object: reset, set, remove, add, in that order.

        ``type`` is the type that a singleton is to have: another one than now keeps the values of the properties that
        both types have. With ``exact`` no default of a mandatory property is written. ``unstated`` are secrets among the
        values that are only kept.
        """
        self._make(lambda draft: modify(draft, kind, name, changes, type=type, exact=exact, unstated=unstated))

    def set(self, kind: str, name: Name, values: Given) -> None:
        """Set properties of an object; a value None or an empty sequence resets."""
        self.modify(kind, name, PropertyChanges(set=values))

    def reset(self, kind: str, name: Name, properties: Sequence[str]) -> None:
        """Reset properties of an object to their defaults."""
        self.modify(kind, name, PropertyChanges(reset=tuple(properties)))

    def delete(self, kind: str, name: Name = (), *, force: bool = False, exact: bool = False) -> None:
        """Delete an object and everything below it; with ``force`` an absent one is no error.

        With ``exact`` also the entry of a singleton is deleted, which then has its defaults.
        """
        self._make(lambda draft: delete(draft, kind, name, force=force, exact=exact))

    def rename(self, kind: str, name: Name, new_name: str) -> None:
        """Give an object another name; objects that refer to it are changed with it."""
        self._make(lambda draft: rename(draft, kind, name, new_name))

    def reseal(self, path: ManagedObjectPath) -> None:
        """Seal the secrets of an object with the key that seals now; those that cannot be opened stay."""
        self.take_sealed()
        self._make(lambda draft: reseal(draft, path))

    def expect(self, paths: Collection[ManagedObjectPath]) -> None:
        """Read the objects at some paths now, many at once. It changes nothing, but later requests for them read nothing.

        ``registry.path_of`` makes a path of a kind and a name.
        """
        self._make(lambda draft: draft.below.read_ahead(paths))

    def consider(self, ask: Callable[[], None]) -> None:
        """Call a function that requests changes by what it reads; it is called again if the change is planned again."""
        self._make(lambda _: ask())

    def _finish(self) -> None:
        planned = self._decide_tests()
        if self._trial is not None and self._trial.is_due:
            self._test(self._trial)
            planned = None
        if self.site.storage.serialises_writers or self.dry_run:
            found = self._plan_now() if planned is None else planned
            if found and not self.dry_run:
                number = self.site.storage.commit(self.build_changes(found), self.make_note())
                self.report = self.report.replace(number=number)
            return
        from confobjects.management.changing.meeting import settle

        number = settle(self, planned, again=self._was_tested)
        self.report = self.report.replace(number=number)

    @property
    def _was_tested(self) -> bool:
        return self._trial is not None and self._trial.is_done

    def _plan_now(self) -> list[ObjectOutcome]:
        """Return the plan; after a test it is made again, from what the storage holds now."""
        if not self._was_tested:
            return self.plan()
        from confobjects.management.changing.meeting import plan_again

        return plan_again(self)

    def _decide_tests(self) -> list[ObjectOutcome] | None:
        """Decide about tests of what is saved, if any of it can be tested; return the plan if it had to be made for that."""
        pending = self.world.pending.values()
        if self._open_tests is None or all(o is None or o.definition.verification is None for o in pending):
            return None
        from confobjects.management.changing.trial import find_saved_in, open_trial

        planned = self.plan()
        if saved := find_saved_in(self._draft, planned):
            self._trial = open_trial(self._open_tests(self.site), saved, self._draft)
            self.report = self._trial.add_to(self.report)
        return planned

    def _test(self, trial: Trial) -> None:
        """Test what will be saved, without the lock: others can write meanwhile, and this change is planned again then."""
        trial.prepare(self._draft, self._reused)
        self._lock.__exit__(None, None, None)
        self._lock = nullcontext()
        trial.run(self._draft)
        lock = self.site.storage.writing()
        lock.__enter__()
        self._lock = lock

    def plan(self) -> list[ObjectOutcome]:
        """Judge all requests as a whole and set ``report``. Raises one error with every problem."""
        sealer = self._seal()
        found = find_outcomes(self.world)
        if self._redefinition is not None or any(outcome.change.path.relation == HOLDER_KIND for outcome in found):
            found = self._plan_definitions(found)
            sealer = self._seal()
            found = find_outcomes(self.world)
        self.below.read_ahead(find_targets(self.registry, found))
        judging = self.site if sealer is None else sealer.adapt(self.site)
        before = judging.make_judge(self.below)
        after = judging.make_judge(self.world)
        given = self._draft.given if sealer is None else sealer.find_known(self._draft.given)
        place, closely = self.world.find_stored_place, self.site.approve is not None
        verdict = Verdict(after, before, place, self.problems, given, closely=closely)
        verdict.judge(found)
        self._reused = verdict.reused
        if self.site.storage.is_foreign:
            from confobjects.management.changing.foreign import find_refusals

            self.problems.extend(find_refusals(found))
        if self._redefinition is not None:
            self._judge_definitions(self._redefinition, found)
        if self.registry_after.unusable:
            from confobjects.management.changing.unjudged import find_unjudged

            self.problems.extend(find_unjudged(self.registry_after, found, self.below, before, verdict.judge_))
        if self.problems.errors:
            raise error_for(verdict.suggest_fixes(self.world.pending.values(), self._draft.touched))
        if sealer is not None and sealer.seal_again():
            found = find_outcomes(self.world)
        if self.site.approve is not None:
            self.site.approve(self._propose(found, verdict))
        if self._trial is not None and self._trial.is_done:
            self._trial.check(self._draft)
        found = sort_outcomes(found, self.world, before, after)
        changes = tuple(outcome.change for outcome in found)
        report = ChangeReport(changes, tuple(verdict.actions), tuple(verdict.deferred), self.problems.warnings)
        self.report = report if self._trial is None else self._trial.add_to(report)
        return found

    def _propose(self, found: Sequence[ObjectOutcome], verdict: Verdict) -> ProposedChange:
        """Return the planned change for whoever has to approve of it."""
        changes = tuple(outcome.change for outcome in found)
        expected = tuple(problem for problem in verdict.kept if problem not in verdict.reused)
        return ProposedChange(changes, tuple(verdict.reused), expected, prunes=self.prunes)

    def _seal(self) -> ChangeSealer | None:
        """Seal the secrets that are given; None if none is, and no object of the change has a sealed one."""
        pending = self.world.pending.items()
        if self.site.storage.is_foreign:  # the server could not open them
            return None
        if not any(_concerns_sealing(obj, self._draft.touched.get(path, ())) for path, obj in pending):
            return None
        from confobjects.management.changing.sealing import ChangeSealer

        sealer = ChangeSealer(self.site, self.world, takes_sealed=self._takes_sealed)
        self.problems.extend(sealer.seal(self._draft.touched, self._draft.given))
        return sealer

    def _plan_definitions(self, found: list[ObjectOutcome]) -> list[ObjectOutcome]:
        """Return the outcomes, planned with the definitions as they will be."""
        from confobjects.management.changing.redefining import collect_installed

        installed = collect_installed(self.site, self.world)
        if self._redefinition is not None and self._redefinition.installed == installed:
            return found
        self._redefine(installed)
        self._repeat()
        return find_outcomes(self.world)

    def _judge_definitions(self, change: Redefinition, found: Sequence[ObjectOutcome]) -> None:
        accept = self._accept_losses or bool(self.undoes)
        self.problems.extend(change.judge(self.world, found, accept_losses=accept))
        if not self.problems.errors:
            self.problems.extend(change.check_schema())
            self.problems.extend(change.describe_carried(self.world, self.below.entries))

    def find_late_problems(self, found: Sequence[ObjectOutcome]) -> Iterable[Diagnostic]:
        """Return the problems of outcomes that were written with definitions that somebody else has changed meanwhile."""
        now = self._read_installed()
        planned = self._stored.registry.installed if self._redefinition is None else self._redefinition.installed
        if self._redefinition is None and now == planned:
            return ()
        from confobjects.management.changing.redefining import judge_again

        return judge_again(self._stored, now, [outcome.object for outcome in found], self._redefinition)

    @property
    def world(self) -> Overlay:
        """The objects with the changes requested so far."""
        return self._draft.world

    def make_note(self) -> Note:
        """Return the note of the planned change for the history."""
        from confobjects.management.history.records import note_of, sign_change

        changes: Sequence[ObjectChange] = self.report.changes
        seals = not self.site.storage.is_foreign  # an undo has to give the server what it can read
        if seals and any(map(_has_old_secret, changes)) and self.site.open_sealer() is not None:
            from confobjects.management.changing.sealing import seal_before

            changes = seal_before(self.site.open_sealer, changes, self.below.find)
        return note_of(changes, sign_change(self.site), self.undoes, self._find_others)

    def _find_others(self, path: ManagedObjectPath) -> Mapping[str, Values]:
        """Return the values of a stored object's entry that belong to none of its properties."""
        from confobjects.management.changing.foreign import find_others

        entry, obj = self.below.entries.get(path), self.below.find(path)
        return {} if entry is None or obj is None else find_others(entry, obj)

    def collect_entries(self) -> Mapping[DN, Entry]:
        """Return the entries that were read for the plan."""
        return {entry.dn: entry for entry in self.below.entries.values()}

    def build_changes(self, found: Sequence[ObjectOutcome]) -> list[Change]:
        """Return the storage operations that carry out some outcomes."""
        builder = ChangeBuilder(self.site, self.world)
        changes = builder.build_changes(found)
        if self._redefinition is not None:
            carried = self._redefinition.find_carried_objects(self.world, self.below.entries)
            changes.extend(builder.build_rewriting(obj) for obj in carried)
        return changes


def _concerns_sealing(obj: ManagedObject | None, touched: Container[str]) -> bool:
    """Tell whether an object has a touched value that can be a secret, or one that mentions a sealed secret."""
    if obj is None:
        return False
    properties = obj.definition.properties
    return any(
        (name in touched and properties[name].can_hold_secret) or any(SEALED in text for text in texts)
        for name, texts in obj.values.items()
    )


def _has_old_secret(change: ObjectChange) -> bool:
    """Tell whether a change replaces or removes a secret that is no expression."""
    properties = change.definition.properties
    return any(
        mask_secret(properties[name], text) != text for name in change.names() for text in change.before.get(name, ())
    )
