"""Tests of objects before they are saved: which checks there are, and when one is made.

Laws of this module:

1. A definition names its check (``verification``), and :data:`CHECKS` has what carries it out: a further kind that is tested
   before it is saved costs an entry there and a row here.
2. To decide connects nowhere. A test sees the values as a start would: with the environment, or what stands in for it.
3. What a test needs and cannot be evaluated is refused, and nothing is connected to with a part of the values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Final, Literal

from confobjects.actions import RemedyAction
from confobjects.diagnostics import Diagnostic
from confobjects.errors import error_for
from confobjects.mail.saving import SERVICE_KIND, SavePolicy, read_policy
from confobjects.management.changing.trials import TestDecision
from confobjects.management.judging import judge_one
from confobjects.objects.reading import PropertyReader
from confobjects.objects.sealed import mentions_sealed
from confobjects.records import Record

if TYPE_CHECKING:
    from confobjects.definitions import Registry
    from confobjects.mail.plan import TokenSources
    from confobjects.management.site import Site
    from confobjects.objects.changes import SaveTest
    from confobjects.objects.effective import EffectiveObject
    from confobjects.objects.model import ManagedObject
    from confobjects.objects.protocols import Evaluator, World
    from confobjects.paths import ManagedObjectPath
    from confobjects.transport.check import TestResult
    from confobjects.transport.network import Network
    from confobjects.transport.watching import Progress

Choice = Literal["policy", "always", "never"]
"""Whether a save is tested: as the mail service says, or in any case, or in no case."""

Show = Callable[[str, str], AbstractContextManager["Progress | None"]]
"""Gives what is told of the stages of a test, by the path of what is tested and the depth."""


class SaveTesting(Record):
    """What a test is made with."""

    depth: str
    tokens: TokenSources
    show: Show
    network: Network | None
    known: dict[str, TestResult]
    """The results of this save by the path of the mail server: each is connected to once."""


class SavedTest(Record):
    """A test that was made before a save: of which object, and its result."""

    path: ManagedObjectPath
    result: TestResult


def _check_delivery(obj: EffectiveObject, testing: SaveTesting) -> TestResult:
    """Test a mail server, or the one of a mail sender."""
    from confobjects.mail.notes import list_notes
    from confobjects.mail.planning import plan_delivery
    from confobjects.mail.senders import find_server
    from confobjects.transport.check import check_server

    server, sender = find_server(obj)
    known = testing.known.get(server.path)
    if known is not None:
        notes = list_notes(plan_delivery(server, tokens=testing.tokens), sender) if known.ok else ()
        return known.replace(sender="" if sender is None else sender.path, notes=notes)
    with testing.show(obj.path, testing.depth) as progress:
        result = check_server(
            server,
            depth=testing.depth,
            sender=sender,
            unsaved=True,
            tokens=testing.tokens,
            network=testing.network,
            progress=progress,
        )
    return testing.known.setdefault(server.path, result)


CHECKS: Final[Mapping[str, Callable[[EffectiveObject, SaveTesting], TestResult]]] = {"delivery": _check_delivery}
"""What carries out the checks that are made before a save, by the name that ``verification`` of a definition gives."""


class SaveTests:
    """Decides about the tests of the saves of one caller, and makes them. ``network`` is what they may connect to, by default anything.

    ``permit`` is called before tests that connect; what it raises, they raise.
    """

    def __init__(  # noqa: PLR0913 - what it decides and tests with
        self,
        choice: Choice,
        open_evaluator: Callable[[], Evaluator],
        instance_directory: str,
        tokens: TokenSources,
        show: Show | None = None,
        *,
        network: Network | None = None,
        permit: Callable[[], None] = lambda: None,
    ) -> None:
        self.choice = choice
        self.made: list[SavedTest] = []
        """The tests that passed."""
        self._open_evaluator = open_evaluator
        self._instance_directory = instance_directory
        self._tokens = tokens
        self._network = network
        self._permit = permit
        self._show = show or (lambda path, depth: nullcontext())  # noqa: ARG005 - named as those who show something

    def decide(self, site: Site, world: World, saved: Sequence[ManagedObject]) -> TestDecision:
        """Return which objects are tested, and what to note and to say of the others. It connects nowhere.

        Raises :class:`~confobjects.errors.ExpressionError` if it is not known what the mail service says.
        """
        objects = [obj for obj in saved if _name_of_check(obj) in CHECKS]
        if not objects:
            return TestDecision({})
        policy = (
            self._read_policy(site, world) if self.choice == "policy" else SavePolicy(tests=self.choice == "always")
        )
        if policy.tests:
            return TestDecision({}, tuple(objects))
        note: SaveTest = "declined" if self.choice == "never" else "untested"
        warnings = tuple(_warn_untested(site.registry, objects)) if policy.warns else ()
        return TestDecision(dict.fromkeys((obj.path for obj in objects), note), warnings=warnings)

    def test(self, site: Site, world: World, tested: Sequence[ManagedObject]) -> TestDecision:
        """Test objects as they will be, and return what was tested. A disabled one is not.

        Raises one error with every value that cannot be evaluated, else with every test that failed.
        """
        effective = list(self._evaluate(site, world, tested))
        self._permit()
        policy = self._read_policy(site, world)
        testing = SaveTesting(policy.depth, self._tokens, self._show, self._network, {})
        made = []
        for obj, found in effective:
            if found.is_enabled is not False:
                made.append(SavedTest(obj.path, CHECKS[_name_of_check(obj)](found, testing)))
        if failures := list(_find_failures(made)):
            raise error_for([*failures, _describe_unsaved(failures[0].code)])
        self.made.extend(made)
        return TestDecision(dict.fromkeys((one.path for one in made), "tested"))

    def keep(self, site: Site, paths: Iterable[ManagedObjectPath]) -> Iterator[Diagnostic]:
        """Keep the results of objects that were tested and are saved now; yield a warning for each that cannot be kept."""
        from confobjects.management.verifying import Outcome, note_verification

        results = {one.path: one.result for one in self.made}
        for path in paths:
            if path in results and (warning := note_verification(site, path, Outcome(results[path].depth))):
                yield warning

    def _evaluate(
        self, site: Site, world: World, tested: Sequence[ManagedObject]
    ) -> Iterator[tuple[ManagedObject, EffectiveObject]]:
        with_environment = site.replace(evaluate=self._open_evaluator())
        problems: list[Diagnostic] = []
        for obj in tested:
            found, wrong = judge_one(with_environment, obj, self._instance_directory, world)
            advised = (problem if _is_sealed(site, world, problem) else _advise(problem) for problem in wrong)
            problems.extend(problem for problem in advised if problem not in problems)
            yield obj, found
        if problems:
            raise error_for(sorted(problems, key=lambda problem: problem.code != "unresolved-expression"))

    def _read_policy(self, site: Site, world: World) -> SavePolicy:
        if SERVICE_KIND not in site.registry:
            return SavePolicy()
        service = world.find(site.registry.path_of(SERVICE_KIND))
        if service is None:
            return SavePolicy()
        reader = PropertyReader(site.registry, world, self._open_evaluator())

        def read(name: str) -> str:
            reading = reader.read(service, service.definition.properties[name])
            if reading.problems:
                raise error_for(map(_advise, reading.problems))
            return reading.values[0]

        return read_policy(read)


def _name_of_check(obj: ManagedObject) -> str:
    """Return the name of the check of an object, empty without one."""
    verification = obj.definition.verification
    return "" if verification is None else verification.check


_NAMED: Final = 10
"""How many objects that were not tested a save names."""


def _warn_untested(registry: Registry, objects: Sequence[ManagedObject]) -> Iterator[Diagnostic]:
    for obj in objects[:_NAMED]:
        yield _describe_untested("saved without a test: sending mail may fail", registry, obj).replace(
            path=str(obj.path)
        )
    more = len(objects) - _NAMED
    if more > 0:
        summary = f"{more} more {'was' if more == 1 else 'were'} saved without a test: sending mail may fail"
        yield _describe_untested(summary, registry, objects[-1])


def _describe_untested(summary: str, registry: Registry, obj: ManagedObject) -> Diagnostic:
    relation = registry.relation(obj.path.relation)
    remedy = (RemedyAction("test-mail", relation.name, relation.name_option, obj.name),)
    return Diagnostic("usage", summary, remedy=remedy, severity="warning")


def _advise(problem: Diagnostic) -> Diagnostic:
    """Return a problem of evaluating, with how to give the value for a test, and how to save without one."""
    if problem.code != "unresolved-expression":
        return problem
    advice = ("for the test, give the value with ", RemedyAction("give-values"), "; ", RemedyAction("save-untested"))
    return problem.replace(remedy=advice)


def _is_sealed(site: Site, world: World, problem: Diagnostic) -> bool:
    """Tell whether a problem is about a sealed value, which needs keys: no value that is given takes its place."""
    obj = world.find(site.registry.parse_path(problem.path)) if problem.path else None
    return obj is not None and any(map(mentions_sealed, obj.values.get(problem.property, ())))


def _find_failures(made: Sequence[SavedTest]) -> Iterator[Diagnostic]:
    told: set[int] = set()
    for one in made:
        if not one.result.ok:
            yield from (problem for problem in one.result.diagnostics if id(problem) not in told)
            told.update(map(id, one.result.diagnostics))


def _describe_unsaved(code: str) -> Diagnostic:
    return Diagnostic(code, "the test failed: nothing was saved", remedy=(RemedyAction("save-untested"),))
