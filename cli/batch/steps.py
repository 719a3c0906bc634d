"""The commands of a batch as steps: each is parsed as a command line of its own, and its change waits for its turn."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

import click

from confobjects.diagnostics import Diagnostic
from confobjects.errors import ConfobjectsError, UsageError
from confobjects.management import ManagementContext, Site

from ..commands import SPECIAL, resolve
from ..output.sink import Sink
from ..words.mistakes import explain_mistake
from ..words.names import verbs_of
from ..words.options import OPTIONS, conflict_among, rivals
from ..words.splitting import Words, take_apart
from .placing import place_of, place_of_usage

if TYPE_CHECKING:
    from confobjects.management.changing.operations import Operation
    from confobjects.management.world import Overlay
    from confobjects.objects.model import ManagedObject
    from confobjects.paths import Name

    from ..invocation import Invocation
    from ..output.messages import Message
    from .dialect import BatchCommand
    from .source import BatchSource

StepOutcome = Literal["", "done", "unchanged", "failed", "shown"]

_CHANGING: Final = frozenset({"create", "set", "delete"})
_SPECIAL: Final = frozenset({"describe", "list-properties", "rename"})
"""The commands that a batch may contain in addition to the five verbs."""
_FROM_FILE: Final = re.compile(r"(--set=)?([A-Za-z][A-Za-z0-9_-]*)<(.+)", re.DOTALL)
_BATCH: Final = ("--batch", "-F", "--batchFilePath")
_OF_A_LINE: Final = frozenset({"Input and output", "dsconfig", "General"})
_OF_THE_BATCH: Final = frozenset({"compat", "dry_run", "propertiesfilepath", "nopropertiesfile"})


class StepContext:
    """What all steps share: the global options of the batch, its definitions, its text."""

    def __init__(self, invocation: Invocation, source: BatchSource) -> None:
        self.registry = invocation.registry
        self.source = source
        self._options = [(option.name, option) for option in OPTIONS]
        self._absent = {name: option.absent_value for name, option in self._options}
        of_all = {
            name: invocation.options[name]
            for name, option in self._options
            if not option.unused and option.group != "Batch"
        }
        # Nobody can answer a question: standard input may be the batch itself.
        self._plain = {**self._absent, **of_all, "no_prompt": True}
        self.verbs = {
            command: verb
            for relation in invocation.registry.relations().values()
            for verb, command in verbs_of(relation).items()
        }
        self._commands: dict[tuple[str, frozenset[str]], click.Command] = {}

    def resolve_options(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options that apply to a line: its own options override those of the batch."""
        if given == self._absent:
            return self._plain
        result = dict(self._plain)
        for name, option in self._options:
            value = given[name]
            if value == option.absent_value or value == result[name]:
                continue
            if option.group not in _OF_A_LINE or name in _OF_THE_BATCH:
                spelling = option.spellings[-1]
                raise UsageError(
                    Diagnostic(
                        "usage",
                        f"{spelling} applies to a whole batch",
                        argument=spelling,
                        remedy=f"give {spelling} where the batch is named",
                    )
                )
            result[name] = value
        if conflict := conflict_among([name for name, option in self._options if result[name] != option.absent_value]):
            on_line = (name for name, option in self._options if given[name] != option.absent_value)
            at_fault = next((name for name in on_line if any(result[r] != self._absent[r] for r in rivals(name))), "")
            spelling = next((option.spellings[-1] for name, option in self._options if name == at_fault), "")
            raise UsageError(Diagnostic("usage", conflict, argument=spelling))
        return result

    def find_command(self, words: Words) -> click.Command:
        """Return the command of a line; lines with the same options share one.

        Raises click.UsageError for an unknown command.
        """
        name = words.command.lower()
        if name not in self.verbs:
            if name in SPECIAL and name not in _SPECIAL:
                raise click.UsageError(f"{name} is not allowed in a batch")
            return resolve(words, self.registry)
        key = (name, frozenset(word.partition("=")[0] for word in words.rest if word[:1] == "-"))
        found = self._commands.get(key)
        if found is None:
            found = self._commands[key] = _cache_parser(resolve(words, self.registry))
        return found


def _cache_parser(command: click.Command) -> click.Command:
    """Have a command make its parser once: making it takes as long as the rest of a line."""
    make = command.make_parser
    made: list[Any] = []

    def reuse_parser(context: click.Context) -> Any:
        if not made:
            made.append(make(context))
        made[0].ctx = context
        return made[0]

    command.make_parser = reuse_parser  # type: ignore[method-assign, assignment]
    return command


class BatchStep(Sink):
    """One command of a batch. ``said`` and ``noted`` are what it printed, ``problems`` its problems."""

    def __init__(self, setting: StepContext, command: BatchCommand) -> None:
        self.setting = setting
        self.source = setting.source
        self.command = command
        self.operation: Operation | None = None
        self.problems: list[Diagnostic] = []
        self.outcome: StepOutcome = ""
        self.said: list[str] = []
        self.noted: list[Message] = []
        self._ready: click.Context | None = None
        self._view: ManagementContext | None = None

    @property
    def line(self) -> int:
        """The number of the line the command begins at."""
        return self.command.piece.row + 1

    # -- the sink of its command -----------------------------------------------------------------------------------

    def __call__(self, operation: Operation) -> None:
        """Keep the operation until its turn comes."""
        self.operation = operation

    def resolve_options(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        return self.setting.resolve_options(given)

    def say(self, text: str) -> None:
        self.said.append(text)

    def note(self, message: Message) -> None:
        self.noted.append(message)

    def open_context(self) -> ManagementContext:
        assert self._view is not None  # noqa: S101 - a command that reads runs in its turn
        return self._view

    # -- parsing and running ---------------------------------------------------------------------------------------

    def parse(self) -> None:
        """Parse the words. A command that changes something hands over its operation; one that reads waits for its turn."""
        if self.command.broken or self.problems:
            self.outcome = "failed"
            return
        with _FailureCatcher(self):
            words = take_apart(self.source.fill(_rewrite_file_words(self.command.texts)))
            if words.may_have(_BATCH) and words.is_batch():
                raise click.UsageError("a batch cannot contain another batch")
            if not words.command or words.has("--version", "-V"):
                raise click.UsageError("this line has no command")
            command = self.setting.find_command(words)
            self._ready = command.make_context(words.command, list(words.rest), obj=self)
            verb = self.setting.verbs.get(words.command.lower(), "")
            if verb in _CHANGING or words.command.lower() == "rename":
                self._run()

    def show(self, view: ManagementContext) -> None:
        """Run a command that reads on a view of the configuration."""
        self._view = view
        with _FailureCatcher(self):
            self._run()
            self.outcome = "shown"

    def _run(self) -> None:
        assert self._ready is not None  # noqa: S101 - it was parsed
        with self._ready as context:
            context.command.invoke(context)

    def fail(self, problem: Diagnostic, *, at_command: bool = False) -> None:
        """Record a problem with its place."""
        self.outcome = "failed"
        if problem.line is not None:  # it is in another file
            self.problems.append(problem)
            return
        piece = self.command.piece if at_command else place_of(problem, self.command, self.operation, self.source)
        self.problems.append(self.place_problem(problem, piece))

    def place_problem(self, problem: Diagnostic, piece: Any = None) -> Diagnostic:
        """Return a problem at its place, with the corrected command instead of the correction alone."""
        if piece is None:
            piece = place_of(problem, self.command, self.operation, self.source)
        if problem.fix:
            more = [word for name, value in problem.fix for word in ("--set", f"{name}:{value}")]
            from ..words.quoting import quote_word

            line = " ".join(map(quote_word, [*self.source.offer_command(self.command), *more]))
            problem = problem.replace(fix=(), attempt=line)
        return self.source.place_problem(problem, piece)


class _FailureCatcher:
    """Records the problems of a step while it is parsed or run."""

    def __init__(self, step: BatchStep) -> None:
        self.step = step

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        step = self.step
        if isinstance(error, click.exceptions.Exit):
            step.outcome = "shown"  # it asked for help
            return True
        if isinstance(error, click.UsageError):
            message, remedy = explain_mistake(error, lambda: step.setting.registry)
            piece = place_of_usage(error, step.command)
            if step.source.script.lines[piece.row][piece.start : piece.start + 1] == "#":
                remedy = "put the comment on a line of its own"
            step.outcome = "failed"
            step.problems.append(step.source.place_problem(Diagnostic("usage", message, remedy=remedy), piece))
            return True
        if isinstance(error, ConfobjectsError):
            for problem in error.diagnostics:
                step.fail(problem)
            return True
        return False


class StepView(ManagementContext):
    """The configuration at one step, for reading; closing it does nothing."""

    def __init__(self, site: Site, world: Overlay | None = None) -> None:
        super().__init__(site)
        self._now = world

    def world(self) -> Any:
        """Return the objects with the changes of the steps so far."""
        return super().world() if self._now is None else self._now

    def list(
        self, kind: str, parents: Name = (), world: Any = None, *, properties: Sequence[str] | None = None
    ) -> list[ManagedObject]:
        """Return the objects of a kind, whole, with those that are not stored yet."""
        del properties
        return super().list(kind, parents, world)

    def close(self) -> None:
        """Do nothing: the batch still needs the storage."""


def _rewrite_file_words(texts: Sequence[str]) -> list[str]:
    """Return the words with ``--set-file NAME:PATH`` for ``--set NAME<PATH``."""
    result = list(texts)
    for index, text in enumerate(texts):
        found = _FROM_FILE.fullmatch(text)
        if found is None:
            continue
        before, name, path = found.groups()
        if before:
            result[index] = f"--set-file={name}:{path}"
        elif index and texts[index - 1].lower() == "--set":
            result[index - 1 : index + 1] = ["--set-file", f"{name}:{path}"]
    return result


def steps_of(setting: StepContext) -> list[BatchStep]:
    """Return the steps of a batch, not parsed yet; the mistakes of the text are assigned to them."""
    source = setting.source
    steps = [BatchStep(setting, command) for command in source.script.commands]
    for mistake, problem in zip(source.script.mistakes, source.mistakes(), strict=True):
        owner = max((step for step in steps if step.command.piece.row <= mistake.piece.row), key=lambda step: step.line)
        owner.problems.append(problem)
    for step in steps:
        step.problems.extend(source.find_unknown_variables(step.command))
    return steps
