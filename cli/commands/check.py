"""``check``: check the whole configuration as a starting service would, and report every problem."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from time import time
from typing import TYPE_CHECKING, Any, Final

import click

from confobjects.errors import DIFFERENCES, error_for
from confobjects.mail.expiry import Period, find_expiring
from confobjects.management.documents.copying import find_exposed, find_risks
from confobjects.management.judging import judge_all
from confobjects.management.restarting import warn_of_waiting
from confobjects.objects.pointing import find_unreadable
from confobjects.records import Record
from confobjects.texts.visible import make_visible

from ..command import make_command
from ..invocation import Invocation
from ..output.messages import tell_problem
from ..output.progress import show_progress
from ..output.shown import summarise_check

if TYPE_CHECKING:
    from confobjects.actions import Say
    from confobjects.definitions import Registry
    from confobjects.diagnostics import Diagnostic
    from confobjects.management import Site
    from confobjects.management.progress import Progress
    from confobjects.management.verifying import Standing
    from confobjects.objects.effective import EffectiveConfiguration, EffectiveObject
    from confobjects.objects.protocols import Evaluator

    from ..words.splitting import Words

_HELP = """Check the whole configuration as a starting service would.

Every expression is evaluated and every object judged. With --env-file the variables in a file replace the environment, so
that one machine can check what another one will see (--no-files leaves out what else is only there). Certificates and tokens that end within 14 days, and stores that cannot
be read, are warnings; where there are keys to seal with (seal), so are secrets in the clear. It also says which enabled objects
are not known to work: never tested, changed since the last test, or failed in it."""


def build(words: Words, registry: Registry) -> click.Command:
    """Return the command."""
    parameters: list[click.Parameter] = [
        click.Option(["--strict"], is_flag=True, help="End with the status 1 if there are warnings."),
        click.Option(
            ["--no-files"],
            is_flag=True,
            help="Leave out what values point to, such as files: it is on another machine.",
        ),
    ]
    return make_command(words, registry, parameters, run_check, _HELP)


def run_check(invocation: Invocation, strict: bool = False, no_files: bool = False) -> int:
    """Check the configuration, print what was found, and return the exit status."""
    evaluate = invocation.make_evaluator()
    elsewhere = no_files or invocation.options["env_file"] is not None
    doing = "checking the configuration"
    with show_progress(invocation, doing) as progress, invocation.open(tells=False) as context:
        count, where = partial(progress.count, doing), invocation.place.instance_directory
        found = check_site(context.site, evaluate, where, elsewhere=elsewhere, progress=count)
    if invocation.form != "json":
        invocation.warn(found.warnings)
    if found.problems:
        return _tell_problems(invocation, found)
    if invocation.form == "json":
        from ..output.json import dumps
        from ..words.actions import word

        invocation.say(dumps(found.as_json(word)))
    elif not invocation.quiet:
        _tell_untested(invocation, found.untested)
        invocation.say_sentences(summarise_check(found.count, "object", len(found.warnings)))
    return DIFFERENCES if strict and found.warnings else 0


def _tell_problems(invocation: Invocation, found: CheckResult) -> int:
    """Tell what is wrong, and how much of it, last; return the exit status. In other forms the error is raised."""
    error = error_for(found.problems)
    if invocation.form != "table" or invocation.quiet or invocation.sink is not None:
        raise error
    for problem in error.diagnostics:
        tell_problem(problem)
    invocation.say_sentences(summarise_check(found.count, "object", len(found.warnings), len(error.diagnostics)))
    return error.exit_code


class CheckResult(Record):
    """What a check found: how many objects, what is wrong, warnings, and the enabled objects that are not known to work.

    ``ending`` are those of the warnings that say what ends soon.
    """

    count: int
    problems: tuple[Diagnostic, ...]
    warnings: tuple[Diagnostic, ...]
    untested: tuple[tuple[str, Standing], ...] = ()
    ending: tuple[Diagnostic, ...] = ()

    def as_json(self, say: Say) -> dict[str, Any]:
        """Return it for programs, without a problem; ``say`` words the actions of remedies."""
        shown = [warning.as_json(say) for warning in self.warnings]
        return {"ok": True, "objects": self.count, "warnings": shown, **_as_json(self.untested)}


def check_site(
    stored: Site, evaluate: Evaluator, instance_directory: str, *, elsewhere: bool, progress: Progress | None = None
) -> CheckResult:
    """Check a configuration as a start with an evaluator would; ``elsewhere`` says that it would be on another machine."""
    site = stored.replace(evaluate=evaluate)
    configuration, problems = judge_all(site, instance_directory, progress)
    unusable = [problem for one in site.registry.unusable for problem in one.problems]
    remarks = [warning for warning in configuration.warnings if warning.replace(severity="error") not in unusable]
    is_elsewhere = elsewhere or site.storage.is_foreign  # what a server names is on its own machine
    here = () if problems or is_elsewhere else configuration
    ending = tuple(problem.replace(severity="warning") for problem in find_expiring(here, time(), _read_store))
    told = {(one.path, one.property) for one in ending}
    missing = [
        one for one in find_unreadable(here, site.registry, _look_at_path) if (one.path, one.property) not in told
    ]
    clear = () if problems else _find_clear(site)
    untested, said = ([], ()) if problems else _find_untested(stored, configuration)
    waiting = tuple(warn_of_waiting(stored)) if stored.storage.is_foreign else ()
    warnings = (*remarks, *find_exposed(site), *find_risks(site), *clear, *ending, *missing, *said, *waiting)
    return CheckResult(len(configuration), (*unusable, *problems), warnings, tuple(untested), ending)


def _look_at_path(path: str) -> str:
    if not os.path.exists(path):
        return "does not exist"
    return "" if os.access(path, os.R_OK) else "may not be read by this user"


def _find_untested(
    site: Site, configuration: EffectiveConfiguration
) -> tuple[list[tuple[str, Standing]], tuple[Diagnostic, ...]]:
    """Return the enabled objects whose last test did not pass or does not count, and warnings about what is kept of tests."""
    tested = (obj for obj in configuration if site.registry.definition(obj.type).verification is not None)
    paths = [site.registry.parse_path(obj.path) for obj in tested if obj.is_enabled is not False]
    if not paths:
        return [], ()
    from confobjects.management.verifying import judge_verifications

    found, told = judge_verifications(site, paths)
    return [(str(path), one) for path, one in found.items() if one.state not in {"passed", "unreadable"}], told


def _as_json(untested: Sequence[tuple[str, Standing]]) -> dict[str, Any]:
    found = [{"path": path, "verification": standing.as_json()} for path, standing in untested]
    return {"untested": found} if found else {}


def _tell_untested(invocation: Invocation, untested: Sequence[tuple[str, Standing]]) -> None:
    """Say which objects are not known to work, those of one kind in one line."""
    for state, words in UNTESTED.items():
        paths = [path for path, standing in untested if standing.state == state]
        if paths:
            more = f", and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
            invocation.note(make_visible(f"{words}: {', '.join(paths[:_SHOWN])}{more}"))


_SHOWN: Final = 5
UNTESTED: Final = {
    "failed": "failed when it was last tested",
    "changed": "not tested since something has changed",
    "never": "never tested",
}
"""Why an object is not known to work, by the state of its last test."""


def _find_clear(site: Site) -> tuple[Diagnostic, ...]:
    """Return warnings about secrets in the clear, if there are keys to seal them."""
    if site.open_sealer() is None:
        return ()
    from confobjects.management.resealing import warn_of_clear

    return tuple(warn_of_clear(site))


def _read_store(obj: EffectiveObject) -> tuple[Period, ...]:
    from confobjects.transport.validity import read_store

    return read_store(obj)
