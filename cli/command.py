"""Makes click commands: each has its own parameters and the global options."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

from confobjects.texts.visible import make_block_visible

from .needed import complete
from .strict_command import StrictCommand
from .words.options import ABSENT, OPTIONS, Option

if TYPE_CHECKING:
    from confobjects.definitions import Registry

    from .words.splitting import Words


HELP: Final = ("-H", "-?", "--help")
"""The options that show the help of a command."""


class UnknownCommandError(click.UsageError):
    """There is no command of that name; ``word`` is what was typed."""

    def __init__(self, message: str, word: str) -> None:
        super().__init__(message)
        self.word = word


def make_command(
    words: Words,
    registry: Registry,
    parameters: list[click.Parameter],
    function: Callable[..., int | None],
    help: str | Callable[[], str],  # noqa: A002 - the word of click
) -> click.Command:
    """Return a click command with its own parameters and all global options.

    ``function`` is called with an Invocation and the own parameters by name; it returns the exit status. ``help`` is its text,
    or makes it where making it takes time.
    """
    from .invocation import INVOCATION, Invocation

    own = {parameter.name for parameter in parameters}
    taken = {spelling for parameter in parameters for spelling in parameter.opts}

    def run(**values: Any) -> int | None:
        context = click.get_current_context()
        given = {**ABSENT, **{name: value for name, value in values.items() if name not in own}}
        typed = {name for name in values if context.get_parameter_source(name) is ParameterSource.COMMANDLINE}
        if words.defaults is not None:
            given |= words.defaults.values_besides(typed)
        invocation = context.meta[INVOCATION] = Invocation(given, words.arguments, registry, context.obj, words.opening)
        if words.defaults is not None:
            invocation.warn(words.defaults.warnings)
        invocation.warn_of_secrets(typed)
        if words.opening.unread is not None:
            invocation.tell_unread(words.opening.unread)
        if words.opening.is_shown:
            invocation.tell_of_definitions()
        mine = complete(invocation, parameters, {name: value for name, value in values.items() if name in own})
        if not invocation.wait:
            status = function(invocation, **mine)
            invocation.tell_of_unused_test(typed)
            return status
        from .waiting import perform_and_wait

        return perform_and_wait(invocation, lambda: function(invocation, **mine), told="wait" in typed)

    return StrictCommand(
        words.command,
        # Making all global options costs more than reading the configuration: only those that may be given are made.
        params=[
            *parameters,
            *(_global_option(o, taken) for o in OPTIONS[:-1] if words.may_have(o.spellings)),
            _help_option(),
        ],
        callback=run,
        help=help if isinstance(help, str) else help() if words.may_have(HELP) else "",
        epilog="Global options: confobjects --help-all. They may come before or after the command.",
        add_help_option=False,
        context_settings={"token_normalize_func": normalise_name, "max_content_width": 100},
    )


def normalise_name(name: str) -> str:
    """Return the name of a long option in lower case; short options are case-sensitive."""
    return name.lower() if len(name) > 1 else name


def _global_option(option: Option, taken: Collection[str]) -> click.Option:
    """Return a global option; a spelling that the command itself has ``taken`` is the command's."""
    declared = [*(spelling for spelling in option.spellings if spelling not in taken), option.name]
    if option.value is None:
        return click.Option(declared, is_flag=True, hidden=True)
    return click.Option(declared, metavar=option.value, multiple=option.repeat, hidden=True)


def _help_option() -> click.Option:
    def show(context: click.Context, _: click.Parameter, value: bool) -> None:
        if value:
            click.echo(make_block_visible(context.get_help()))
            context.exit()

    return click.Option(HELP, is_flag=True, is_eager=True, expose_value=False, callback=show, help="Show this help.")
