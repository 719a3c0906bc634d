"""Options that a command cannot do without: what may be given, and asking for one at a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from confobjects.errors import ConfobjectsError

if TYPE_CHECKING:
    from .invocation import Invocation

Choices = Callable[["Invocation", Mapping[str, Any]], Sequence[str]]
"""Returns what an option may be, given the other parameters of the command by name; nothing if it may be anything."""


class NeededOption(click.Option):
    """An option that a command cannot do without.

    Click does not look after it, so that the command can open the configuration first: ``choices`` tells what there is.
    ``instead`` is the parameter of another option that may be given in its place: a command refuses to have neither.
    """

    def __init__(
        self, declared: Sequence[str], *, choices: Choices | None = None, instead: str = "", **rest: Any
    ) -> None:
        super().__init__(declared, **rest)
        self.choices = choices
        self.instead = instead

    def is_missing(self, values: Mapping[str, Any]) -> bool:
        """Tell whether it is needed beside the values of a command."""
        return all(values.get(name) in {None, ()} for name in (self.name or "", self.instead or self.name or ""))

    def get_help_extra(self, ctx: click.Context) -> Any:
        """Return what click adds to the help: the option is needed, unless another may stand in its place."""
        return {**super().get_help_extra(ctx), **({} if self.instead else {"required": "required"})}


class MissingOptionError(click.MissingParameter):
    """An option is missing; ``choices`` are what it may be."""

    def __init__(self, option: click.Option, choices: Sequence[str]) -> None:
        super().__init__(ctx=click.get_current_context(), param=option)
        self.choices = tuple(choices)


def complete(invocation: Invocation, parameters: Sequence[click.Parameter], values: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters of a command with those that were missing, if a person at the terminal gives them.

    Raises :class:`MissingOptionError` for the first that is missing still.
    """
    for option in parameters:
        if not isinstance(option, NeededOption) or not option.is_missing(values):
            continue
        may = may_ask(invocation)
        if option.instead and not may:
            continue  # the command says which of the two it can do with
        choices = _find_choices(invocation, option, values)
        if not may:
            raise MissingOptionError(option, choices)
        answer = _ask(option, choices)
        values = {**values, option.name or "": (answer,) if option.multiple else answer}
    return values


def names_of(kind: str) -> Choices:
    """Return what finds the names of the objects of a kind that has no others above it."""

    def find(invocation: Invocation, _values: Mapping[str, Any]) -> Sequence[str]:
        with invocation.open(tells=False) as context:
            return [obj.name or "" for obj in context.list(kind)]

    return find


def may_ask(invocation: Invocation) -> bool:
    """Tell whether a person is at the terminal who may be asked."""
    may = invocation.sink is None and invocation.tells_people and not invocation.options["no_prompt"]
    return may and sys.stdin.isatty() and sys.stdout.isatty()


def _find_choices(invocation: Invocation, option: NeededOption, values: Mapping[str, Any]) -> Sequence[str]:
    """Return what an option may be. A configuration that cannot be read tells nothing, and a batch is not asked."""
    if option.choices is None or invocation.sink is not None:
        return ()
    try:
        return option.choices(invocation, values)
    except ConfobjectsError:
        return ()


def _ask(option: NeededOption, choices: Sequence[str]) -> str:
    """Ask for an option: one of its choices, or any text. An empty answer is asked again."""
    from .interactive.choosing import LONG, Choice, Menu, number_choices
    from .interactive.terminal import BackRequest, QuitRequest, Terminal

    terminal = Terminal()
    question = f"{max(option.opts, key=len)}: {option.help}"
    leave = Choice("q", "quit", None)
    try:
        if len(choices) > LONG:
            return choices[terminal.pick(question, choices)]
        if choices:
            chosen = terminal.choose(Menu("", question, number_choices(choices, choices), (leave,)))
            if chosen is leave:
                raise QuitRequest
            return str(chosen.value)
        terminal.say(question)
        while not (answer := terminal.ask(f"{option.metavar}: ").strip()):
            pass
    except (BackRequest, QuitRequest):
        raise click.Abort from None
    return answer
