"""One run of one command: its global options, and what they open."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from confobjects import startup
from confobjects.diagnostics import Diagnostic
from confobjects.errors import UsageError
from confobjects.records import Record
from confobjects.storage import is_directory

from .opening import storage_options, storage_url
from .output.colour import CHOICES, paint
from .output.folding import fold_for
from .output.messages import Message, make_room, message_of, tell
from .words.options import OPTIONS, conflict_among, describe_exposure, secret_sources

if TYPE_CHECKING:
    from collections.abc import Sequence

    from confobjects.definitions import Registry
    from confobjects.definitions_loading import DefinitionChoice
    from confobjects.errors import ConfobjectsError
    from confobjects.management import ManagementContext
    from confobjects.mapping.protocol import Storage
    from confobjects.objects.changes import ObjectChange
    from confobjects.objects.protocols import Evaluator
    from confobjects.resolvers import Resolvers
    from confobjects.savetests import SaveTests

    from .opening import Opening
    from .output.sink import Sink

_OWN_FILES = (
    "bindpassword_file",
    "bindpasswordfile",
    "truststorepassword_file",
    "truststorepasswordfile",
    "keystorepassword_file",
    "keystorepasswordfile",
    "keystorepath",
    "propertiesfilepath",
)
"""Options that name a file with a secret of this tool, which no expression may read."""

INVOCATION: Final = "confobjects.invocation"
"""Where a context of click has the invocation of its command."""


class SavedChange(Record):
    """A change that was made: where, its number in the history if it has one, and what it did, None for anything."""

    url: str
    number: int | None
    changes: Sequence[ObjectChange] | None = None


class Invocation:
    """The global options of a run by name, the definitions they load and the storage they name."""

    def __init__(
        self,
        options: Mapping[str, Any],
        arguments: tuple[str, ...],
        registry: Registry,
        sink: Sink | None = None,
        opening: Opening | None = None,
    ) -> None:
        self.options = options if sink is None else sink.resolve_options(options)
        self.arguments = arguments
        self.registry = registry
        self._opening = opening
        self.sink = sink
        """The step of the batch that this command belongs to; None outside a batch."""
        self.recorded = ""
        """The text that the history records instead of the command line; empty for the command line itself."""
        self.has_changed = False
        """Whether a change was made, which remains so if its result cannot be printed."""
        self.saved: list[SavedChange] = []
        """The changes that were made, if they are to be waited for."""
        self._variables: Mapping[str, str] | None = None
        self.tests: SaveTests | None = None
        """The tests of what this command saves; None as long as nothing is saved that can be tested."""
        self.script = bool(self.options["script_friendly"])
        self.verbose = bool(self.options["verbose"])
        self.quiet = bool(self.options["quiet"])
        self.advanced = bool(self.options["advanced"])
        self.dry_run = bool(self.options["dry_run"])
        self.form = self._choose_form()
        self.compat = self.options["compat"] is not None and self.form != "json"
        """Whether results look like those of dsconfig."""
        self._check_colour()
        self.wait = 0
        """The seconds to wait after a change; 0 for not at all."""
        if sink is None:  # a batch has checked the options of its lines
            self._check_conflicts()
            self.defined_tokens()
            self.wait = self._parse_wait()
        for option in OPTIONS:
            if option.unused and self.options[option.name]:
                self.note(f"{option.spellings[-1]} has no effect: {option.unused}")

    def _choose_form(self) -> str:
        form = self.options["output"] or ("script" if self.script else "table")
        if form not in {"table", "json", "tsv", "script"}:
            raise UsageError(
                Diagnostic("usage", f'--output takes table, json or tsv, not "{form}"', argument="--output")
            )
        return "script" if form == "tsv" else str(form)

    def _check_colour(self) -> None:
        if self.options["color"] not in {None, *CHOICES}:
            summary = f'--color takes auto, always or never, not "{self.options["color"]}"'
            raise UsageError(Diagnostic("usage", summary, argument="--color"))

    def _check_conflicts(self) -> None:
        given = {name for name, value in self.options.items() if value not in {None, False, ()}}
        if conflict := conflict_among(given):
            raise UsageError(Diagnostic("usage", conflict, argument=conflict.split()[0]))

    def _parse_wait(self) -> int:
        given = self.options["wait"]
        if given is None:
            return 0
        from .words.numbers import read_option

        return read_option("--wait", "SECONDS", given)

    @property
    def tells_people(self) -> bool:
        """Whether the output is for people: results and sentences."""
        return self.form == "table" and not self.quiet

    # -- output --------------------------------------------------------------------------------------------------

    def say(self, text: str, *, exact: bool = False) -> None:
        """Print a result as it is laid out; ``exact`` leaves a document as it is, for a program that reads it again."""
        if self.sink is not None:
            self.sink.say(text)
        elif text:
            make_room()
            shown = text if exact and not sys.stdout.isatty() else paint(text, sys.stdout)
            sys.stdout.write(shown if shown.endswith("\n") else f"{shown}\n")

    def say_sentences(self, text: str) -> None:
        """Print sentences as a result; a terminal gets them folded to its width."""
        self.say(text if self.sink is not None else fold_for(text, sys.stdout))

    def note(self, text: str, *, exact: bool = False) -> None:
        """Print a remark to standard error, unless the user wants quiet; the lines of an ``exact`` one stay as they are."""
        self.tell(Message(text, exact=exact))

    def tell(self, message: Message) -> None:
        """Print a message to standard error, unless the user wants quiet."""
        if self.sink is not None:
            self.sink.note(message)
        elif not self.quiet:
            tell(message)

    def warn(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Print warnings to standard error."""
        for diagnostic in diagnostics:
            self.tell(message_of(diagnostic).replace(label="warning"))

    def warn_of(self, text: str) -> None:
        """Print a warning that is about the command line itself to standard error."""
        self.tell(Message(text, "warning"))

    def warn_of_secrets(self, typed: Collection[str]) -> None:
        """Warn of each option, by name, whose secret was typed on the command line. A file of commands is not in sight."""
        for option in OPTIONS if self.sink is None else ():
            if option.secret and option.name in typed and self.options[option.name] not in {None, "", "-"}:
                self.warn_of(describe_exposure(option.spellings[-1], secret_sources(option)))

    def tell_success(self, text: str) -> None:
        """Say that a change was made, if a person is at the terminal or --verbose asks for it."""
        if self.tells_people and not self.compat and (self.verbose or sys.stdout.isatty()):
            self.say_sentences(text)

    # -- the configuration ---------------------------------------------------------------------------------------

    @property
    def place(self) -> startup.Place:
        """Where the configuration is."""
        return startup.find_place(storage_url(self.options), self.options["instancepath"], os.environ)

    def storage_options(self, url: str) -> dict[str, Any]:
        """Return the options of the storage at a URL: how to connect and log in, and the base."""
        read = storage_options if self._opening is None else self._opening.storage_options
        return read(self.options, url)

    def open(self, *, tolerant: bool = False, tells: bool = True) -> ManagementContext:
        """Open the configuration for management; the storage's warnings come later.

        With ``tolerant`` definitions that name code are left out, see :func:`startup.read_configuration`. What is wrong with
        others is printed, unless the command ``tells`` it itself.
        """
        if self.sink is not None:
            return self.sink.open_context()
        url = self.place.url
        opened = None if self._opening is None or tolerant else self._opening.take(self.options)
        if opened is None:
            options = self.storage_options(url)
            known = self.definitions
            opened = startup.read_configuration(url, known, loaded=self.registry, tolerant=tolerant, **options)
        self.registry = opened.registry
        self.warn(opened.warnings)
        if not is_directory(url) and not is_directory(self.state_url or ""):
            self.tell_of_connection()
        context = startup.manage(opened, self.recorded_command)
        context.listen(lambda report: self.remember_change(SavedChange(url, report.number, report.changes)))
        if tells and not tolerant:
            self.tell_of_definitions()
        return context

    @property
    def definitions(self) -> DefinitionChoice | Registry:
        """Which definitions the command line asks for: what it chooses, or those that the command was made with."""
        chosen = None if self._opening is None else self._opening.choice
        return self.registry if chosen is None else chosen

    @property
    def state_url(self) -> str | None:
        """Where followers report, if not beside the configuration."""
        return self.options["state_url"] or os.environ.get(startup.STATE_URL_VARIABLE) or None

    def open_state(self) -> Storage | None:
        """Open the storage that followers report to, if it is another one than that of the configuration."""
        if self.state_url is None:
            return None
        from confobjects.storage import open_storage

        options = self.storage_options(self.state_url)
        return open_storage(self.state_url, **{name: value for name, value in options.items() if name != "base"})

    def tell_unread(self, error: ConfobjectsError) -> None:
        """Say that the definitions in the configuration could not be read."""
        problem = error.diagnostics[0]
        self.warn_of(f"the definitions in the configuration are not known: {problem.summary}")

    def tell_of_definitions(self) -> None:
        """Say which definitions of the configuration could not be used, and with --verbose which wins of several."""
        if self.registry.unusable:
            from confobjects.management.judging import warn_of_unusable

            self.warn(warn_of_unusable(self.registry))
        for name, other in sorted(self.registry.replaced.items()) if self.verbose else ():
            document = self.registry.documents.get(name) or self.registry.packages[name]
            self.note(f"the definition of {name} is from {document.origin}; the {other} one is not used")

    def remember_change(self, change: SavedChange | None = None) -> None:
        """Remember that something was written, and the change of objects that it was, if it was one."""
        self.has_changed = True
        if change is not None and self.wait:
            self.saved.append(change)

    def tell_of_connection(self) -> None:
        """Say which typed options apply only to a directory; those of a properties file are ignored silently."""
        typed = {a.partition("=")[0].lower() if a.startswith("--") else a[:2] for a in self.arguments if a[:1] == "-"}
        used = "basedn" if self.place.url.partition(":")[0].lower() == "ldif" else ""
        unused = [
            option.spellings[-1]
            for option in OPTIONS
            if option.group == "LDAP connection"
            and option.name != used
            and self.options[option.name]
            and any((spelling.lower() if len(spelling) > 2 else spelling) in typed for spelling in option.spellings)
        ]
        if unused:
            effect = "has" if len(unused) == 1 else "have"
            self.note(f"{', '.join(unused)} {effect} no effect: the configuration is not in an LDAP directory")

    def recorded_command(self) -> str:
        """Return the command line as the history records it."""
        if self.recorded:
            return self.recorded
        from .words.recorded import command_of

        return command_of(self.arguments, self.registry)

    @contextmanager
    def open_for_change(self) -> Iterator[ManagementContext]:
        """Open the configuration for a change, and print a note afterwards if that made a new file."""
        with self.open() as context:
            missing = {warning.origin for warning in context.storage.warnings}
            yield context
            for origin in sorted(missing - {warning.origin for warning in context.storage.warnings}):
                self.note(f"new base entry on {origin}" if "://" in origin else f"new file {origin}")
            self.warn(context.storage.warnings)

    def tell_of_unused_test(self, typed: Collection[str]) -> None:
        """Say that an option that was typed and asks for a test had no effect."""
        if "test" in typed and self.options["test"] and (self.tests is None or not self.tests.made):
            self.note("--test has no effect: nothing was saved that can be tested")

    def make_sources(
        self, environment: Mapping[str, str] | None = None, place: startup.Place | None = None
    ) -> Resolvers:
        """Return the sources of values that a start uses, with the tokens of --define and the variables of --env-file."""
        where = place or self.place
        return startup.make_startup_sources(
            where.instance_directory,
            define=self.defined_tokens(),
            environment=environment if self.options["env_file"] is None else self._read_env_file(),
            definition_name="--define",
            url=where.url,
            own_files=[self.options.get(name) for name in _OWN_FILES],
        )

    def make_evaluator(self, place: startup.Place | None = None) -> Evaluator:
        """Return the evaluator that a start of the configuration, or of one at another place, uses; with --define."""
        from confobjects.objects.evaluating import make_evaluator

        return make_evaluator(self.make_sources(place=place), startup.SealingKeys(os.environ).unseal)

    def _read_env_file(self) -> Mapping[str, str]:
        """Return the variables of --env-file, which is read once."""
        if self._variables is None:
            from confobjects.resolvers import read_env_file

            self._variables = read_env_file(self.options["env_file"])
        return self._variables

    def defined_tokens(self) -> dict[str, str]:
        """Return the tokens given with --define."""
        result = {}
        for item in self.options["define"]:
            token, equals, value = item.partition("=")
            if not equals:
                summary = "--define takes TOKEN=VALUE, and one has no equals sign"  # it may be the value alone
                raise UsageError(Diagnostic("usage", summary, argument="--define"))
            result[token] = value
        return result
